"""DP-Pix: its noise by scipy, and the promise in figures."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps
from scipy import stats

from tfdeid import DeidConfig, Deidentifier, DeidError, Key
from tfdeid.schemes.dp_pix import laplace_scale, total_epsilon
from tfdeid.schemes.mosaic import cell_means

GRAY = np.full((48, 48, 3), 128, np.uint8)


def cells_of(config: DeidConfig, key: Key, image_id: str, image: np.ndarray = GRAY) -> np.ndarray:
    """Returns the colours of the cells that a record has."""
    step = config.output_size // config.options.cells
    return Deidentifier(config, key)(image, image_id)[::step, ::step].astype(int)


@pytest.mark.parametrize(
    ("values", "scale"),
    # 255 m / (b^2 epsilon), with b = input_size / cells.
    [
        ({"input_size": 48, "cells": 12}, 255 * 16 / 16),
        ({"input_size": 48, "cells": 12, "epsilon": 0.5, "m": 4}, 255 * 4 / (16 * 0.5)),
        ({"input_size": 50, "cells": 12, "m": 1}, 255 / (50 / 12) ** 2),
        ({"input_size": 92, "cells": 23, "epsilon": 0.1}, 255 * 16 / (16 * 0.1)),
    ],
)
def test_the_scale_is_the_papers(values, scale):
    assert laplace_scale(DeidConfig("dp_pix", **values)) == pytest.approx(scale, rel=1e-12)


def test_the_noise_has_that_scale(fixed_key):
    config = DeidConfig("dp_pix", 48, 48, cells=12, epsilon=17.0)
    scale = laplace_scale(config)
    assert scale == pytest.approx(15)
    found = np.concatenate([cells_of(config, fixed_key, str(k)).ravel() for k in range(40)]) - 128
    inside = np.abs(found) < 127
    assert inside.mean() > 0.999
    moved = found[inside] + np.random.RandomState(0).rand(inside.sum()) - 0.5
    assert stats.kstest(moved, stats.laplace(scale=scale).cdf).pvalue > 0.01
    assert np.abs(moved).mean() == pytest.approx(scale, rel=0.03)


@given(data=st.data())
def test_neighbours_differ_by_no_more_than_is_promised(data):
    """255 m / b^2 over all cells of a channel, also where pixels lie in several."""
    size = data.draw(st.integers(2, 12))
    cells = data.draw(st.integers(1, size))
    image = data.draw(nps.arrays(np.uint8, (size, size, 1)))
    places = data.draw(
        st.lists(st.tuples(st.integers(0, size - 1), st.integers(0, size - 1)), min_size=1, max_size=4, unique=True)
    )
    other = image.copy()
    for place in places:
        other[place] = data.draw(st.sampled_from([0, 255]))
    apart = np.abs(cell_means(image, cells) - cell_means(other, cells)).sum()
    assert apart <= 255 * len(places) * cells**2 / size**2 * (1 + 1e-12)


def test_a_pixel_may_cost_all_of_it():
    image = np.zeros((12, 12, 1), np.uint8)
    other = image.copy()
    other[3, 3] = 255
    assert np.abs(cell_means(image, 4) - cell_means(other, 4)).sum() == pytest.approx(255 * 16 / 144)


def test_budgets_add_up():
    config = DeidConfig("dp_pix", epsilon=0.5)
    assert [total_epsilon(config, 1), total_epsilon(config, 3), total_epsilon(config, 3, records=10)] == [0.5, 1.5, 15.0]
    assert total_epsilon(DeidConfig("dp_pix", epsilon=0.5, grayscale=True)) == 0.5


def test_much_budget_is_a_mosaic(fixed_key):
    image = np.random.RandomState(0).randint(0, 256, (50, 50, 3), np.uint8)
    found = Deidentifier(DeidConfig("dp_pix", epsilon=1e6), fixed_key)(image, "a")
    mosaic = Deidentifier(DeidConfig("pixelate"))(image)
    assert np.abs(found.astype(int) - mosaic).max() <= 1


def test_images_and_configurations_have_noise_of_their_own(fixed_key):
    usual = {"input_size": 48, "output_size": 48, "epsilon": 20.0}
    first = cells_of(DeidConfig("dp_pix", **usual), fixed_key, "a")
    for other in (
        cells_of(DeidConfig("dp_pix", **usual), fixed_key, "b"),
        cells_of(DeidConfig("dp_pix", **{**usual, "epsilon": 21.0}), fixed_key, "a"),
        cells_of(DeidConfig("dp_pix", **usual, m=15), fixed_key, "a"),
        cells_of(DeidConfig("dp_pix", **usual), Key("k" * 44), "a"),
    ):
        assert abs(np.corrcoef(first.ravel(), other.ravel())[0, 1]) < 0.2
    np.testing.assert_array_equal(cells_of(DeidConfig("dp_pix", **usual), fixed_key, "a"), first)


def test_the_promise_is_said_with_its_limits():
    said = " ".join(DeidConfig("dp_pix", epsilon=0.5).scheme_class.leaks(DeidConfig("dp_pix", epsilon=0.5)))
    for part in (
        "16 of 2,500 pixels",
        "0.5 for each channel, of a colour image 1.5",
        "two people",
        "add up",
        "Whoever has the key",
    ):
        assert part in said
    assert DeidConfig("dp_pix", cells=10).key_space().fixed_values == 300


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"epsilon": 0}, "epsilon must be a number greater than 0"),
        ({"m": 0}, "m must be a whole number"),
        ({"cells": 60}, "cells must be at most input_size"),
    ],
)
def test_what_can_not_be_is_said(values, message):
    with pytest.raises(DeidError, match=message):
        DeidConfig("dp_pix", **values)


def test_names_say_the_budget():
    assert DeidConfig("dp_pix", 32, 64, cells=8, epsilon=5, m=4).name == "dp_pix_32_64_cells8_epsilon5.0_m4"
