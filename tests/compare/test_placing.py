"""Labels stand next to their points, over nothing else, wherever there is room."""

from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from tfdeid.compare.placing import Box, place

BOUNDS = Box(0, 0, 320, 240)
SIZE = (50.0, 9.0)
POINTS = st.lists(st.tuples(st.floats(5, 315), st.floats(5, 235)), max_size=12)


def marks(points):
    return [Box(*point, *point).grown(4) for point in points]


@settings(max_examples=30, deadline=None)
@given(POINTS)
def test_labels_overlap_neither_each_other_nor_marks(points):
    placed = [one for one in place(points, [SIZE] * len(points), BOUNDS, marks(points), []) if one is not None]
    assert all(one.box.within(BOUNDS) for one in placed)
    for one, other in itertools.combinations(placed, 2):
        assert not one.box.overlaps(other.box)
    for one in placed:
        assert not any(one.box.overlaps(mark) for mark in marks(points))
        assert (round(one.box.x1 - one.box.x0, 6), round(one.box.y1 - one.box.y0, 6)) == SIZE


def test_a_single_label_stands_at_the_right_of_its_point_and_at_its_left_near_the_border():
    for x, right in ((100.0, True), (310.0, False)):
        (one,) = place([(x, 100.0)], [SIZE], BOUNDS, marks([(x, 100.0)]), [])
        assert one.line is None and (one.box.x0 > x) is right and abs(one.box.x0 - x if right else x - one.box.x1) < 10
        assert one.box.y0 < 100 < one.box.y1


def test_a_label_leaves_a_line_free_if_it_can():
    point, bar = (100.0, 100.0), ((60.0, 100.0), (140.0, 100.0))
    (one,) = place([point], [SIZE], BOUNDS, marks([point]), [bar])
    assert not one.box.y0 < 100 < one.box.y1
    everywhere = [((0.0, float(y)), (320.0, float(y))) for y in range(0, 240, 4)]
    (one,) = place([point], [SIZE], BOUNDS, marks([point]), everywhere)
    assert one.line is None and one.box.y0 < 100 < one.box.y1


def test_a_column_of_points_has_all_its_labels_and_the_same_ones_each_time():
    points = [(300.0, 40.0 + 6 * number) for number in range(14)]
    placed = place(points, [SIZE] * 14, BOUNDS, marks(points), [])
    assert None not in placed and any(one.line for one in placed)
    assert placed == place(points, [SIZE] * 14, BOUNDS, marks(points), [])


def test_without_room_there_is_no_label():
    assert place([(5.0, 5.0)], [SIZE], Box(0, 0, 40, 40), marks([(5.0, 5.0)]), []) == [None]
    assert place([], [], BOUNDS, [], []) == []
