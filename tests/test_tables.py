"""Tables of plain text."""

from __future__ import annotations

import pytest

from tfdeid.tables import aligned


def test_names_are_flush_left_and_figures_flush_right():
    assert aligned([("", "top-1, %"), ("hog", "9.1"), ("a network", "100.0")]) == [
        "           top-1, %",
        "hog             9.1",
        "a network     100.0",
    ]


def test_columns_have_a_least_width():
    assert aligned([("size", "L2"), ("224", "0.5")], widths=(5, 4), names=0, gap=1) == [" size   L2", "  224  0.5"]
    assert aligned([("name", "1,000,000")], widths=(2, 3)) == ["name  1,000,000"]


def test_a_row_that_lacks_a_cell_is_a_fault():
    with pytest.raises(ValueError, match="shorter"):
        aligned([("a", "b"), ("c",)])
