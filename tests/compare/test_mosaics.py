"""The mosaic that does the same as a method."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.compare.made import ROWS, method
from tfdeid.compare.figures import Interval
from tfdeid.compare.mosaics import beside, mosaics_of

FOUND = [method(*row) for row in ROWS]
MOSAICS = mosaics_of(FOUND)
PERCENT = st.floats(0, 100)


def besides(accuracy, *risks):
    return beside(method("structural", accuracy, *risks), MOSAICS)


@settings(deadline=None)
@given(PERCENT, PERCENT)
def test_more_accuracy_needs_more_cells(a, b):
    low, high = sorted((a, b))
    assert 8 <= MOSAICS.cells_of(low) <= MOSAICS.cells_of(high) <= 20


@settings(deadline=None)
@given(st.lists(PERCENT, min_size=2, max_size=6), PERCENT)
def test_mosaics_rise_whatever_was_measured(accuracies, asked):
    mosaics = mosaics_of([method(f"pixelate:cells={4 * k + 4}", value, 5.0) for k, value in enumerate(accuracies)])
    assert np.all(np.diff(mosaics.level) >= 0) and np.sum(mosaics.level) == pytest.approx(sum(accuracies), abs=1e-6)
    cells = mosaics.cells_of(asked)
    assert mosaics.cells[0] <= cells <= mosaics.cells[-1]
    # What it is interpolated from gives the accuracy back, where it lies between.
    if mosaics.level[0] < asked < mosaics.level[-1]:
        assert np.interp(cells, mosaics.cells, mosaics.level) == pytest.approx(asked, abs=1e-6)


def test_a_fall_is_pooled_as_scikit_learn_does_it():
    isotonic = pytest.importorskip("sklearn.isotonic")
    for values in ([70, 60, 80, 75, 74, 90], [3, 2, 1], [1, 2, 3], [5, 5, 1, 9, 8]):
        mosaics = mosaics_of([method(f"pixelate:cells={k + 2}", float(value), 1.0) for k, value in enumerate(values)])
        assert mosaics.level == pytest.approx(isotonic.isotonic_regression(np.asarray(values, float)))


@pytest.mark.parametrize(("cells", "accuracy"), [(8, 65.0), (12, 71.0), (16, 74.5), (20, 76.8)])
def test_a_mosaic_is_its_own_equal(cells, accuracy):
    assert MOSAICS.cells_of(accuracy) == cells
    row = next(one for one in FOUND if one.name == f"pixelate:cells={cells}")
    found = beside(row, MOSAICS)
    assert {one.verdict for one in found.against} == {0} and "no different" in found.verdict
    assert {one.risk: one.mosaic.value for one in found.against} == {name: row.risks[name].value for name in row.risks}


def test_between_two_mosaics():
    found = besides(73.0, 12.0, 100.0, 0.66)
    assert found.cells == pytest.approx(12 + 4 * 2 / 3.5) and found.where == "14.3 cells"
    # .782 and .855 at 12 and 16 cells; the accuracies are known to within a point.
    assert found.against[-1].mosaic.value == pytest.approx(0.782 + 0.073 * 2 / 3.5)
    assert found.verdict == "hides more than a mosaic of equal accuracy (recovered)"


def test_worse_than_a_mosaic_is_said_in_these_words():
    found = besides(71.0, 40.0, 100.0, 0.95)
    assert found.verdict == "worse than a mosaic of equal accuracy (re-identified, recovered)"
    found = besides(71.0, 40.0, 100.0, 0.5)
    assert found.verdict == (
        "worse than a mosaic of equal accuracy (re-identified), and hides more than a mosaic of equal accuracy (recovered)"
    )


def test_intervals_that_meet_say_nothing():
    assert [one.verdict for one in besides(71.0, 12.0, 99.5, 0.79).against] == [0, 0, 0]


def test_beyond_the_mosaics_only_what_must_hold_is_said():
    finer, coarser = besides(81.0, 50.0, 100.0, 0.5), besides(40.0, 50.0, 100.0, 0.5)
    assert finer.cells is None and finer.where == "finer than the finest mosaic run (20 cells)"
    assert [one.verdict for one in finer.against] == [0, 0, -1]
    assert coarser.where == "coarser than the coarsest mosaic run (8 cells)"
    assert [one.verdict for one in coarser.against] == [1, 0, 0]


def test_what_is_not_known_is_left_out():
    assert mosaics_of([method("structural", 50.0, 1.0)]) is None and beside(method("structural", None, 1.0), MOSAICS) is None
    one = mosaics_of([method("pixelate:cells=8", 65.0, 4.0)])
    assert beside(method("structural", 65.0), one).verdict == "nothing to compare"
    assert beside(method("structural", 65.2, 4.0), one).where.startswith("finer")


def test_without_accuracies_mosaics_of_equal_linkage_stand_beside():
    mosaics = mosaics_of([method("pixelate:cells=8", None, 4.0, 20.0, 0.7), method("pixelate:cells=16", None, 12.0, 60.0, 0.8)])
    found = beside(method("structural", None, 30.0, 40.0, 0.5), mosaics)
    assert found.cells == 12 and [one.risk for one in found.against] == ["reidentified", "recovered"]
    assert found.verdict.startswith("worse than a mosaic of equal linkage (re-identified), and hides more")


@settings(deadline=None)
@given(PERCENT, PERCENT, st.floats(0, 20))
def test_a_risk_of_the_interval_covers_that_of_every_size_in_it(accuracy, risk, width):
    low, high = (MOSAICS.cells_of(accuracy + sign * width) for sign in (-1, 1))
    covered = MOSAICS.risk("reidentified", Interval(MOSAICS.cells_of(accuracy), low, high))
    for cells in np.linspace(low, high, 7):
        point = MOSAICS.risk("reidentified", Interval(cells, cells, cells))
        assert covered.low - 1e-9 <= point.low and point.high <= covered.high + 1e-9
