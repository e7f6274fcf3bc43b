"""How much of a text was read: laws of the distance, and known cases."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfdeid.attack.reading.likeness import characters_right, edit_distance, nearest, normalised

SHORT = st.text("ab1", max_size=6)


@pytest.mark.parametrize(
    ("a", "b", "distance"),
    # Of textbooks.
    [("kitten", "sitting", 3), ("intention", "execution", 5), ("", "abc", 3), ("flaw", "lawn", 2), ("same", "same", 0)],
)
def test_distances_of_textbooks(a, b, distance):
    assert edit_distance(a, b) == edit_distance(b, a) == distance


@given(SHORT, SHORT, SHORT)
def test_a_distance_is_a_metric(a, b, c):
    assert (edit_distance(a, b) == 0) == (a == b)
    assert abs(len(a) - len(b)) <= edit_distance(a, b) <= max(len(a), len(b))
    assert edit_distance(a, c) <= edit_distance(a, b) + edit_distance(b, c)


def test_case_and_signs_do_not_count():
    assert normalised(" ab-12·c\n") == "AB12C" and normalised("Ｂ１ é") == "B1É" and normalised("-.") == ""


def test_the_line_most_like_the_text_counts():
    lines = ["DEALER", "ab-124", "ab 12"]
    assert nearest(lines, "AB123") == "AB124" and nearest([*lines, "AB 123"], "AB123") == "AB123" and nearest([], "AB") == ""
    assert characters_right("AB124", "AB123") == pytest.approx(0.8)
    assert characters_right("", "AB123") == characters_right("XYZXYZXYZXYZ", "AB123") == 0
