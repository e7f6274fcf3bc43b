"""What is said of sizes at which faces and text survive."""

from __future__ import annotations

import pytest

from tfdeid.deidentifier import DeidConfig
from tfdeid.schemes.survival import mosaic_warnings


def said(scheme: str, size: int) -> str:
    config = DeidConfig(scheme, size)
    return " ".join(config.scheme_class.warnings(config))


@pytest.mark.parametrize("scheme", ["structural", "vectorized"])
def test_nothing_is_said_of_sizes_that_hide_something(scheme):
    assert said(scheme, 32) == said(scheme, 50) == ""


@pytest.mark.parametrize(("size", "figures"), [(51, "72 % 52 %"), (100, "72 % 52 %"), (160, "72 % 68 %"), (224, "72 % 67 %")])
def test_larger_sizes_are_told_the_figures_measured_next_to_them(size, figures):
    warning = said("structural", size)
    assert f"input_size {size} " in warning and "at most 50" in warning and "tfdeid compare" in warning
    faces, plates = figures.rsplit(" ", 2)[0], " ".join(figures.rsplit(" ", 2)[1:])
    assert f"{faces} of faces" in warning and f"{plates} of number plates" in warning and "12 % of either at 50" in warning


def test_what_is_not_encrypted_hides_less():
    assert "without encryption 40 % of faces" in said("vectorized", 100) and "without" not in said("structural", 100)


@pytest.mark.parametrize("scheme", ["plain", "negative_positive", "block_shuffle"])
def test_of_what_was_not_measured_nothing_is_said(scheme):
    assert said(scheme, 224) == ""


def test_mosaics_are_told_theirs():
    assert mosaic_warnings(8) == mosaic_warnings(16) == []
    (fine,), (finer,) = mosaic_warnings(20), mosaic_warnings(64)
    assert "25 % of faces were re-identified at 20, 12 % of number plates read at 24, 12 and 0 % at 16" in fine
    assert "68 % of number plates read at 48" in finer and "at most 16" in finer
    config = DeidConfig("pixelate", 50, 224, cells=20)
    assert config.scheme_class.warnings(config) == [fine]
