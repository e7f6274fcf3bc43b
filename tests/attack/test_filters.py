"""Attackers of what hides without a mask: mosaics, blurs and noise lose less than they seem to, and a blackout everything."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from PIL import Image

from tfdeid import DeidConfig, Key
from tfdeid.attack.adversaries import ADVERSARIES
from tfdeid.attack.case import make_case
from tfdeid.attack.comparing import keyless
from tfdeid.attack.engine import attack, choose
from tfdeid.ssim import ssim

KEY = Key("f" * 44)
ATTACKERS = {"pixelate": "smoothing", "dp_pix": "smoothing", "blur": "wiener", "noise": "wiener"}


def case_of(images: np.ndarray, scheme: str, count: int = 60, **values):
    config = DeidConfig(scheme, 16, 48, **values)
    key = KEY if config.scheme_class.needs_key else None
    return make_case(list(images[:count]), [], list(images[count : count + 400]), [], config, key)


@pytest.mark.parametrize(
    ("scheme", "values", "gain"),
    [
        ("pixelate", {"cells": 6}, 0.05),
        ("dp_pix", {"cells": 6, "epsilon": 30.0, "m": 1}, 0.05),
        ("blur", {"sigma": 0.08}, 0.05),
        ("noise", {"sigma": 0.2}, 0.1),
    ],
)
def test_they_bring_back_some_of_what_was_lost(tiles, scheme, values, gain):
    findings = attack(case_of(tiles, scheme, **values), ["published", ATTACKERS[scheme], "small_image"])
    assert not findings.failed
    assert findings.recoveries[1].ssim.mean > findings.published.mean + gain
    assert findings.linkages[0].top1.mean > 0.8


def test_painting_between_cells_beats_interpolation(tiles):
    """A bicubic enlargement of the cells, by Pillow, is what anybody would try."""
    case = case_of(tiles, "pixelate", cells=6)
    found = ADVERSARIES["smoothing"]()(case.view).images
    originals = [np.asarray(Image.fromarray(image).resize((48, 48), Image.Resampling.BICUBIC)) for image in case.originals]
    enlarged = [
        np.asarray(Image.fromarray(record[4::8, 4::8]).resize((48, 48), Image.Resampling.BICUBIC))
        for record in case.view.records
    ]
    scores = [np.mean([ssim(*pair) for pair in zip(images, originals, strict=True)]) for images in (found, enlarged)]
    assert scores[0] > scores[1]


def test_a_weak_blur_is_undone_almost_all(tiles):
    findings = attack(case_of(tiles, "blur", sigma=0.04), ["wiener"])
    assert findings.recoveries[0].ssim.mean > 0.97


@pytest.mark.parametrize("name", ["smoothing", "wiener"])
def test_without_public_images_records_are_given_back(tiles, name):
    scheme = next(scheme for scheme, attacker in ATTACKERS.items() if attacker == name)
    view = dataclasses.replace(case_of(tiles, scheme, 20, **({"cells": 6} if name == "smoothing" else {})).view, public=[])
    found = ADVERSARIES[name]()(view)
    assert found.images is view.records and "public" in found.note


def test_a_blackout_leaves_chance_to_all(tiles):
    case = case_of(tiles, "blackout", 50)
    names, _ = choose(None, case.view.config)
    names = [name for name in names if not ADVERSARIES[name].trains]
    findings = attack(case, names)
    assert not findings.failed and findings.linkages
    for linkage in findings.linkages:
        assert linkage.top1.mean == pytest.approx(1 / linkage.candidates), linkage.linker
    for recovery in findings.recoveries:
        assert recovery.ssim.mean <= findings.published.mean + 1e-9


def test_originals_go_through_all_that_needs_no_key(tiles):
    images = list(tiles[:3])
    for scheme, values in (("pixelate", {"cells": 6}), ("blur", {}), ("blackout", {})):
        case = case_of(tiles, scheme, 3, **values)
        np.testing.assert_array_equal(keyless(case.view.config, images), case.view.records)
    mosaic = keyless(DeidConfig("pixelate", 16, 48, cells=6), images)
    np.testing.assert_array_equal(keyless(DeidConfig("dp_pix", 16, 48, cells=6, m=3), images), mosaic)
    plain = keyless(DeidConfig("plain", 16, 48), images)
    np.testing.assert_array_equal(keyless(DeidConfig("noise", 16, 48), images), plain)


def test_each_has_its_attacker():
    for scheme in (*ATTACKERS, "block_permute", "etc", "blackout"):
        names, _ = choose(None, DeidConfig(scheme, 48))
        wanted = {ATTACKERS[scheme]} if scheme in ATTACKERS else {"jigsaw"} - ({"jigsaw"} if scheme == "blackout" else set())
        assert {"jigsaw", "smoothing", "wiener"} & set(names) == wanted
        assert ("key_known" in names) == (scheme in ("noise", "block_permute", "etc"))
