"""Labels stand next to their points, over nothing else, wherever there is room."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tfdeid.compare.placing import place

BOUNDS = (0.0, 0.0, 320.0, 240.0)
SIZE = (50.0, 9.0)
POINTS = st.lists(st.tuples(st.floats(5, 315), st.floats(5, 235)), max_size=8)


def marks(points):
    return [(x - 4, y - 4, x + 4, y + 4) for x, y in points]


def overlap(one, other):
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def passes(line, box):
    """Tells whether a line passes through a box, looked at in small steps."""
    x, y = (np.linspace(line[axis], line[axis + 2], 200) for axis in (0, 1))
    return bool(((box[0] < x) & (x < box[2]) & (box[1] < y) & (y < box[3])).any())


def meet(one, other):
    """Tells whether two lines cross, by what solves both equations."""
    start, along = np.array(one[:2]), np.subtract(one[2:], one[:2])
    begin, other_along = np.array(other[:2]), np.subtract(other[2:], other[:2])
    matrix = np.stack([along, -other_along], axis=1)
    if abs(np.linalg.det(matrix)) < 1e-9:
        return False
    return bool((((steps := np.linalg.solve(matrix, begin - start)) > 1e-6) & (steps < 1 - 1e-6)).all())


@settings(max_examples=12, deadline=None)
@given(POINTS)
def test_labels_overlap_neither_each_other_nor_marks_and_lines_to_them_pass_through_none(points):
    found = place(points, [SIZE] * len(points), BOUNDS, marks(points), [])
    placed = [(point, one) for point, one in zip(points, found) if one is not None]
    for point, one in placed:
        x0, y0, x1, y1 = one.box
        assert x0 >= 0 and x1 <= 320 and y0 >= 0 and y1 <= 240 and (round(x1 - x0, 6), round(y1 - y0, 6)) == SIZE
        assert not any(overlap(one.box, mark) for mark in marks(points))
        if one.line is not None:
            assert one.line[:2] == point
            assert not any(passes(one.line, mark) for mark in marks(points) if not overlap(mark, marks([point])[0]))
    for (_, one), (_, other) in itertools.combinations(placed, 2):
        assert not overlap(one.box, other.box)
        for line, box in ((one.line, other.box), (other.line, one.box)):
            assert line is None or not passes(line, box)
        assert one.line is None or other.line is None or not meet(one.line, other.line)


def test_a_single_label_stands_at_the_right_of_its_point_and_at_its_left_near_the_border():
    for x, right in ((100.0, True), (310.0, False)):
        (one,) = place([(x, 100.0)], [SIZE], BOUNDS, marks([(x, 100.0)]), [])
        assert one.line is None and (one.box[0] > x) is right and abs(one.box[0] - x if right else x - one.box[2]) < 10
        assert one.box[1] < 100 < one.box[3]


def test_a_label_leaves_a_line_free_if_it_can():
    point, bar = (100.0, 100.0), (60.0, 100.0, 140.0, 100.0)
    (one,) = place([point], [SIZE], BOUNDS, marks([point]), [bar])
    assert not one.box[1] < 100 < one.box[3]
    everywhere = [(0.0, float(y), 320.0, float(y)) for y in range(0, 240, 4)]
    (one,) = place([point], [SIZE], BOUNDS, marks([point]), everywhere)
    assert one.line is None and one.box[1] < 100 < one.box[3]


def test_a_column_of_points_has_all_its_labels_and_the_same_ones_each_time():
    points = [(200.0, 80.0 + 4 * number) for number in range(12)]
    placed = place(points, [SIZE] * 12, BOUNDS, marks(points), [])
    assert None not in placed and any(one.line for one in placed)
    assert placed == place(points, [SIZE] * 12, BOUNDS, marks(points), [])


def test_without_room_there_is_no_label():
    assert place([(5.0, 5.0)], [SIZE], (0.0, 0.0, 40.0, 40.0), marks([(5.0, 5.0)]), []) == [None]
    assert place([], [], BOUNDS, [], []) == []
