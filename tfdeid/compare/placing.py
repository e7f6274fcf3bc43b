"""Where the labels of a plot's points go: next to their points, over nothing else, and the same each time."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Iterator, Sequence

import numpy as np

Point = tuple[float, float]

# Points of print between a mark's centre and its label, in the order in which they are tried. From the third on, a line
# leads to it.
_DISTANCES = (6.0, 9.0, 15.0, 22.0, 30.0, 40.0, 52.0, 66.0, 82.0, 100.0, 120.0)
_NEAR, _NOT_FAR = 2, 6
_DEGREES = (0, 180, 45, 315, 135, 225, 90, 270, 22, 338, 158, 202, 67, 293, 113, 247)
# Apart, upright and level lines come last: they could be taken for error bars.
_DEGREES_APART = (22, 338, 158, 202, 45, 315, 135, 225, 67, 293, 113, 247, 11, 349, 169, 191, 90, 270, 0, 180)
# What is kept free around a label.
_GAP = 1.0
# Steps at which a line is looked at.
_STEPS = np.linspace(0, 1, 40)[:, None]
_ROUNDS = 8


@dataclasses.dataclass(frozen=True)
class Box:
    """A rectangle, y upwards. All lengths are in points of print, 1/72 of an inch."""

    x0: float
    y0: float
    x1: float
    y1: float

    def overlaps(self, other: Box) -> bool:
        return self.x0 < other.x1 and other.x0 < self.x1 and self.y0 < other.y1 and other.y0 < self.y1

    def within(self, other: Box) -> bool:
        return other.x0 <= self.x0 and self.x1 <= other.x1 and other.y0 <= self.y0 and self.y1 <= other.y1

    def holds(self, points: np.ndarray) -> bool:
        """Tells whether any of float[n, 2] lies inside."""
        x, y = points.T
        return bool(((self.x0 < x) & (x < self.x1) & (self.y0 < y) & (y < self.y1)).any())

    def grown(self, by: float) -> Box:
        return Box(self.x0 - by, self.y0 - by, self.x1 + by, self.y1 + by)


Line = tuple[Point, Point]


@dataclasses.dataclass(frozen=True)
class Placed:
    """Where a label stands.

    Attributes:
      box: what it covers.
      line: from its point to it, where it stands apart; otherwise None.
    """

    box: Box
    line: Line | None


def place(
    points: Sequence[Point], sizes: Sequence[tuple[float, float]], bounds: Box, boxes: Sequence[Box], lines: Sequence[Line]
) -> list[Placed | None]:
    """Returns a place for each label, None where there is none.

    Labels that find room next to their point have it first; others stand apart, with a line that passes through no label and
    no mark. What finds none chooses first in the next round. What has no room clear of `lines` may cover some.

    Args:
      points: what is labelled.
      sizes: width and height of each label.
      bounds: what labels must lie in.
      boxes: what no label and no line to one may cover: marks of points and texts that are there already.
      lines: what no label should cover, such as error bars.
    """
    labels = list(zip(points, sizes, strict=True))

    @functools.cache
    def places(index: int, clear: bool) -> list[list[Placed]]:
        return _places(*labels[index], bounds, boxes, lines if clear else ())

    first: list[int] = []
    best: list[Placed | None] = []
    for _ in range(_ROUNDS):
        placed: list[Placed | None] = [None] * len(labels)
        # What lies not far, and clear of lines, is best; then what is near, though it covers a line.
        for clear, rings in ((True, _NOT_FAR), (False, len(_DISTANCES))):
            order = [(ring, index) for index in first for ring in range(rings)]
            order += [(ring, index) for ring in range(rings) for index in range(len(labels)) if index not in first]
            for ring, index in order:
                if placed[index] is None:
                    others = [one for one in placed if one]
                    placed[index] = next((one for one in places(index, clear)[ring] if _is_free(one, others)), None)
        if not best or placed.count(None) < best.count(None):
            best = placed
        without = [index for index, one in enumerate(placed) if one is None and index not in first]
        if not without:
            break
        first += without
    return best


def _places(
    point: Point, size: tuple[float, float], bounds: Box, boxes: Sequence[Box], lines: Sequence[Line]
) -> list[list[Placed]]:
    """Returns for each distance where a label could stand if it were the only one."""
    corners = np.array([dataclasses.astuple(box) for box in boxes]).reshape(-1, 4)
    passed = np.concatenate([np.zeros((0, 2)), *(_steps(line) for line in lines)])
    # A mark that covers the point itself can't keep lines away from it.
    around = (corners[:, :2] < np.add(point, 1)).all(1) & (corners[:, 2:] > np.subtract(point, 1)).all(1)

    def can_stand(tried: Placed) -> bool:
        box = tried.box.grown(_GAP)
        covered = (corners[:, :2] < (box.x1, box.y1)).all(1) & (corners[:, 2:] > (box.x0, box.y0)).all(1)
        if not tried.box.within(bounds) or covered.any() or box.holds(passed):
            return False
        if tried.line is None:
            return True
        steps = _steps(tried.line)[:, None]
        return not ((corners[~around, :2] < steps) & (steps < corners[~around, 2:])).all(2).any()

    return [
        [tried for tried in _candidates(point, size, distance, apart=ring >= _NEAR) if can_stand(tried)]
        for ring, distance in enumerate(_DISTANCES)
    ]


def _steps(line: Line) -> np.ndarray:
    """Returns points of a line, float[40, 2]."""
    return np.array(line[0]) + _STEPS * np.subtract(line[1], line[0])


def _candidates(point: Point, size: tuple[float, float], distance: float, apart: bool) -> Iterator[Placed]:
    width, height = size
    for degrees in _DEGREES_APART if apart else _DEGREES:
        right, up = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
        x, y = point[0] + distance * right, point[1] + distance * up
        # The label's nearest side or corner lies there.
        x0 = x - width * (0 if right > 0.3 else 1 if right < -0.3 else 0.5)
        y0 = y - height * (0 if up > 0.3 else 1 if up < -0.3 else 0.5)
        box = Box(x0, y0, x0 + width, y0 + height)
        end = min(max(point[0], box.x0), box.x1), min(max(point[1], box.y0), box.y1)
        yield Placed(box, (point, end) if apart else None)


def _is_free(tried: Placed, others: Sequence[Placed]) -> bool:
    """Tells whether neither a label nor its line meets another's."""
    box = tried.box.grown(_GAP)
    for other in others:
        if box.overlaps(other.box) or (other.line is not None and box.holds(_steps(other.line))):
            return False
        if tried.line is not None and other.box.holds(_steps(tried.line)):
            return False
        if tried.line is not None and other.line is not None and _meet(tried.line, other.line):
            return False
    return True


def _meet(one: Line, other: Line) -> bool:
    """Tells whether two lines cross."""

    def side(line: Line, point: Point) -> float:
        (x0, y0), (x1, y1) = line
        return (x1 - x0) * (point[1] - y0) - (y1 - y0) * (point[0] - x0)

    return all(side(a, b[0]) * side(a, b[1]) < 0 for a, b in ((one, other), (other, one)))
