"""Where the labels of a plot's points go: next to their points, over nothing else, and the same each time.

All lengths are in points of print, 1/72 of an inch, y upwards. A box is float[4], its left, lower, right and upper side, and a
line float[4], both ends; a candidate is a place where a label could stand if it were the only one.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Point = tuple[float, float]
Box = tuple[float, float, float, float]
Line = tuple[float, float, float, float]

# Between a mark's centre and its label. From the third on, a line leads to it.
_DISTANCES = (6.0, 9.0, 15.0, 22.0, 30.0, 40.0, 52.0, 66.0, 82.0, 100.0, 120.0)
_NEAR = 2
_DEGREES = (0, 180, 45, 315, 135, 225, 90, 270, 22, 338, 158, 202, 67, 293, 113, 247)
# Apart, upright and level lines come last: they could be taken for error bars.
_DEGREES_APART = (22, 338, 158, 202, 45, 315, 135, 225, 67, 293, 113, 247, 11, 349, 169, 191, 90, 270, 0, 180)
# What is kept free around a label.
_GAP = 1.0
# Half the width of a point's own mark.
_OWN = 4.0
# To cover a line is as bad as to stand so many distances further off.
_COVERS = 6
# Candidates of each label that are looked at, the best ones, and labels that may give way to one.
_MOST, _WAY = 90, 4
_PASSES = 4
# How often it is tried, where some have no place, and by how many distances places are then moved in their order.
_STARTS, _NOISE = 16, 6.0


@dataclasses.dataclass(frozen=True)
class Placed:
    """Where a label stands.

    Attributes:
      box: what it covers.
      line: from its point to it, where it stands apart; otherwise None.
    """

    box: Box
    line: Line | None


@dataclasses.dataclass
class _Candidates:
    """The candidates of all labels: of which label, how bad, boxes, and lines (NaN where there is none)."""

    label: npt.NDArray[np.int64]
    cost: Floats
    box: Floats
    line: Floats


def place(
    points: Sequence[Point], sizes: Sequence[tuple[float, float]], bounds: Box, boxes: Sequence[Box], lines: Sequence[Line]
) -> list[Placed | None]:
    """Returns a place for each label, None where there is none.

    The nearest places are given first. Then what has none gets one if others can give way to it, and what can come nearer does.

    Args:
      points: what is labelled.
      sizes: width and height of each label.
      bounds: what labels must lie in.
      boxes: what no label and no line to one may cover: marks of points and texts that are there already.
      lines: what no label should cover, such as error bars.
    """
    marks, bars = (np.array(list(given), dtype=np.float64).reshape(-1, 4) for given in (boxes, lines))
    found = [_candidates(*label, bounds, marks, bars) for label in zip(points, sizes, strict=True)]
    all_of = _Candidates(
        np.repeat(np.arange(len(found)), [len(one.cost) for one in found]),
        *(np.concatenate([empty, *(getattr(one, name) for one in found)]) for name, empty in _EMPTY.items()),
    )
    conflicts, draw = _conflicts(all_of), np.random.default_rng(0)
    chosen: list[int] = []
    for start in range(_STARTS):
        # Other orders may find room for more.
        order = np.lexsort((all_of.label, all_of.cost + draw.uniform(0, _NOISE, len(all_of.cost)) * (start > 0)))
        tried = _choose(all_of, order, conflicts, len(points))
        if not chosen or tried.count(-1) < chosen.count(-1):
            chosen = tried
        if -1 not in chosen:
            break
    return [None if which < 0 else _placed(all_of, which) for which in chosen]


_EMPTY = {"cost": np.zeros(0), "box": np.zeros((0, 4)), "line": np.zeros((0, 4))}


def _placed(candidates: _Candidates, which: int) -> Placed:
    box, line = candidates.box[which].tolist(), candidates.line[which].tolist()
    return Placed(tuple(box), None if math.isnan(line[0]) else tuple(line))


def _candidates(point: Point, size: tuple[float, float], bounds: Box, marks: Floats, bars: Floats) -> _Candidates:
    """Returns where one label can stand, the best places first."""
    tried = [
        (ring, *_at(point, size, distance, degrees, ring >= _NEAR))
        for ring, distance in enumerate(_DISTANCES)
        for degrees in (_DEGREES_APART if ring >= _NEAR else _DEGREES)
    ]
    ring, box, line = (np.array(values, dtype=np.float64) for values in zip(*tried))
    # Marks that overlap the point's own can't keep lines away from it.
    near = np.array([[*np.subtract(point, _OWN), *np.add(point, _OWN)]])
    around = _overlap(marks, near)[:, 0]
    within = (box[:, :2] >= bounds[:2]).all(1) & (box[:, 2:] <= bounds[2:]).all(1)
    stands = within & ~_overlap(_grown(box), marks).any(1) & ~_cross(line, marks[~around]).any(1)
    cost = ring + _COVERS * _cross(bars, _grown(box)).any(0)
    order = np.argsort(np.where(stands, cost, np.inf), kind="stable")[: min(_MOST, int(stands.sum()))]
    return _Candidates(np.zeros(len(order), np.int64), cost[order], box[order], line[order])


def _at(point: Point, size: tuple[float, float], distance: float, degrees: int, apart: bool) -> tuple[Box, Line]:
    """Returns the box whose nearest side or corner lies in a direction, and the line to it."""
    right, up = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    x0 = point[0] + distance * right - size[0] * (0 if right > 0.3 else 1 if right < -0.3 else 0.5)
    y0 = point[1] + distance * up - size[1] * (0 if up > 0.3 else 1 if up < -0.3 else 0.5)
    x1, y1 = x0 + size[0], y0 + size[1]
    end = min(max(point[0], x0), x1), min(max(point[1], y0), y1)
    return (x0, y0, x1, y1), ((*point, *end) if apart else (math.nan,) * 4)


def _choose(candidates: _Candidates, order: npt.NDArray[np.int64], conflicts: npt.NDArray[np.bool_], labels: int) -> list[int]:
    """Returns the candidate that each label gets, -1 for none, when they are given away in an order."""
    own = [np.flatnonzero(candidates.label == label) for label in range(labels)]
    chosen = np.full(labels, -1)

    def free(tried: Iterable[int]) -> int:
        taken = chosen[chosen >= 0]
        return next((one for one in tried if not conflicts[one, taken].any()), -1)

    for one in order:
        if chosen[candidates.label[one]] < 0 and free([one]) >= 0:
            chosen[candidates.label[one]] = one
    for _ in range(_PASSES):
        before = chosen.copy()
        for label in range(labels):
            if chosen[label] >= 0:
                old, chosen[label] = chosen[label], -1
                nearer = free(own[label])
                chosen[label] = old if nearer < 0 else nearer
                continue
            for one in own[label]:
                kept, way = chosen.copy(), [other for other in np.flatnonzero(chosen >= 0) if conflicts[one, chosen[other]]]
                chosen[label], chosen[way] = one, -1
                for other in way[: _WAY + 1]:
                    chosen[other] = free(own[other])
                if len(way) <= _WAY and (chosen[way] >= 0).all():
                    break
                chosen[:] = kept
        if (chosen == before).all():
            break
    return chosen.tolist()


def _conflicts(candidates: _Candidates) -> npt.NDArray[np.bool_]:
    """Returns bool[n, n]: which candidates of different labels can't both be."""
    box, line = _grown(candidates.box), candidates.line
    covered = _cross(line, box)
    meet = _overlap(box, candidates.box) | covered | covered.T | _meet(line)
    return np.asarray(meet & (candidates.label[:, None] != candidates.label))


def _grown(boxes: Floats) -> Floats:
    return boxes + np.array([-_GAP, -_GAP, _GAP, _GAP])


def _overlap(boxes: Floats, others: Floats) -> npt.NDArray[np.bool_]:
    """Returns bool[n, m]: which of n boxes overlap which of m others."""
    return np.all((boxes[:, None, :2] < others[:, 2:]) & (others[:, :2] < boxes[:, None, 2:]), axis=2)


def _cross(lines: Floats, boxes: Floats) -> npt.NDArray[np.bool_]:
    """Returns bool[n, m]: which of n lines pass through which of m boxes; a line that is none passes through no box."""
    start, along = lines[:, None, :2], lines[:, None, 2:] - lines[:, None, :2]
    along = np.where(along == 0, 1e-9, along)
    ends = (boxes[:, :2] - start) / along, (boxes[:, 2:] - start) / along
    enters, leaves = np.minimum(*ends).max(2), np.maximum(*ends).min(2)
    passes: npt.NDArray[np.bool_] = np.asarray(np.maximum(enters, 0) < np.minimum(leaves, 1))
    return passes


def _meet(lines: Floats) -> npt.NDArray[np.bool_]:
    """Returns bool[n, n]: which lines cross each other."""
    start, end = lines[:, :2], lines[:, 2:]

    def side(ends: Floats) -> Floats:
        along, away = end - start, ends - start[:, None]
        return along[:, None, 0] * away[..., 1] - along[:, None, 1] * away[..., 0]

    apart = side(np.broadcast_to(start, (len(lines), *start.shape))) * side(np.broadcast_to(end, (len(lines), *end.shape))) < 0
    return np.asarray(apart & apart.T)
