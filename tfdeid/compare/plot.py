"""The picture of a comparison: the accuracy over each risk, a panel a risk, with labels next to their points."""

from __future__ import annotations

import dataclasses
import io
import itertools
import math
import pathlib
import textwrap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from etils import epath

from tfdeid.compare.figures import ACCURACY, RISKS, Axis, Comparison, Interval, MethodFigures
from tfdeid.compare.labels import choose, has_both, short_names, unbeaten
from tfdeid.compare.placing import Box, Line, Point, place
from tfdeid.files import write_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Annotation, Text
    from matplotlib.transforms import BboxBase

LISTED = 40
"""Without accuracy, at most so many methods are drawn, those with the least risk."""
_OWN = "structural"
_INK, _BLUE, _GRAY, _PALE = "#1b1f24", "#1f5fa8", "#5c6670", "#aab2ba"
_PANEL = (5.0, 4.1)
_FONT = 8.0
# Half the width of a mark and of the ring around the recommended one, in points.
_MARK, _RING = 4.0, 7.5
# Text is measured at this resolution, and pictures have it.
_DPI = 144


@dataclasses.dataclass(frozen=True)
class Panel:
    """One panel as a picture of its own.

    Attributes:
      title: what it shows.
      svg: the picture; its letters are outlines, so that it looks the same everywhere.
      alt: what it shows, for who can't see it.
    """

    title: str
    svg: bytes
    alt: str


def has_plane(comparison: Comparison) -> bool:
    """Tells whether the accuracy is drawn over risks; otherwise figures are drawn by method."""
    return comparison.has_accuracy and bool(comparison.risks)


def draw(comparison: Comparison, path: pathlib.Path) -> None:
    """Writes all panels as one PNG file; without accuracy, the risks by method."""
    from matplotlib.figure import Figure  # Late: matplotlib takes a second.

    shown = _shown(comparison)
    columns = min(2, len(shown))
    rows = math.ceil(len(shown) / columns)
    height = _PANEL[1] if has_plane(comparison) else _height_of_list(comparison)
    figure = Figure(figsize=(_PANEL[0] * columns, height * rows), layout="constrained", dpi=_DPI)
    panels = list(figure.subplots(rows, columns, squeeze=False).flat)
    for spare in panels[len(shown) :]:
        spare.set_axis_off()
    _fill(figure, list(zip(panels, shown)), comparison)
    picture = io.BytesIO()
    figure.savefig(picture, dpi=_DPI, format="png")
    write_text(epath.Path(path), picture.getvalue())


def draw_panels(comparison: Comparison) -> Iterator[Panel]:
    """Makes each panel as a picture of its own, as draw() has them together."""
    import matplotlib  # Late: as above.
    from matplotlib.figure import Figure  # Late: as above.

    height = _PANEL[1] if has_plane(comparison) else _height_of_list(comparison)
    for axis in _shown(comparison):
        figure = Figure(figsize=(_PANEL[0], height), layout="constrained", dpi=_DPI)
        _fill(figure, [(figure.subplots(), axis)], comparison)
        picture = io.BytesIO()
        with matplotlib.rc_context({"svg.hashsalt": axis.name, "svg.fonttype": "path"}):
            figure.savefig(picture, format="svg", metadata={"Date": None, "Creator": None})
        yield Panel(_title(axis), picture.getvalue(), _alt(axis, comparison))


def _shown(comparison: Comparison) -> list[Axis]:
    return [RISKS[name] for name in comparison.risks] or [ACCURACY]


def _title(axis: Axis) -> str:
    return axis.word.capitalize()


def _alt(axis: Axis, comparison: Comparison) -> str:
    """Returns the panel in words: what is drawn, and which methods none beats."""
    if not has_plane(comparison):
        return f"{axis.axis} of each method, with 95 % intervals; the figures are in the table."
    best = ", ".join(
        f"{method.name} ({ACCURACY.text(method.accuracy.value)} and {axis.text(method.risks[axis.name].value)})"
        for method in unbeaten(_points(comparison, axis), axis.name)[:12]
        if method.accuracy is not None
    )
    return f"{ACCURACY.axis} over {axis.axis}, with 95 % intervals. None beats in both: {best or 'none was drawn'}."


def _points(comparison: Comparison, axis: Axis) -> list[MethodFigures]:
    return [method for method in comparison.methods if has_both(method, axis.name) and not method.is_plain]


def _chance(comparison: Comparison, axis: Axis) -> float | None:
    return next((method.chance[axis.name] for method in comparison.methods if axis.name in method.chance), None)


def _fill(figure: Figure, panels: Sequence[tuple[Axes, Axis]], comparison: Comparison) -> None:
    """Draws what belongs to each panel; labels come last, when all panels have their size."""
    drawn = []
    for axes, axis in panels:
        axes.tick_params(labelsize=_FONT, colors=_INK)
        axes.grid(lw=0.4, color="#e3e6e9")
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_title(_title(axis), fontsize=_FONT + 2, loc="left", color=_INK)
        axes.set_xlabel(axis.axis, fontsize=_FONT + 0.5)
        drawn.append((_draw_plane if has_plane(comparison) else _draw_list)(axes, axis, comparison))
    if not has_plane(comparison):
        return
    if len(panels) > 1:
        figure.suptitle("Accuracy, and what attackers get: up and to the left is better", fontsize=_FONT + 3, color=_INK)
    handles, names = panels[0][0].get_legend_handles_labels()
    if handles:
        figure.legend(
            handles,
            names,
            loc="outside lower center",
            ncols=len(handles) if len(panels) > 1 or len(handles) < 5 else 3,
            fontsize=_FONT,
            frameon=False,
            columnspacing=1.2,
            handletextpad=0.3,
        )
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for (axes, axis), texts in zip(panels, drawn):
        _label(axes, axis, comparison, texts)


def _draw_plane(axes: Axes, axis: Axis, comparison: Comparison) -> list[Text]:
    """Draws the accuracy over a risk; returns texts that labels must not cover."""
    points = _points(comparison, axis)
    labelled = choose(points, axis.name, comparison)
    rest = [method for method in points if method not in labelled]
    axes.plot(*_values(rest, axis), "o", ms=3, mfc=_PALE, mec=_PALE, label="beaten by another" if rest else None, zorder=2)
    for name, marker, face, chosen in _kinds(labelled):
        x, y = [method.risks[axis.name] for method in chosen], [method.accuracy for method in chosen if method.accuracy]
        axes.errorbar(
            [one.value for one in x],
            [one.value for one in y],
            xerr=_errors(x),
            yerr=_errors(y),
            fmt="none",
            ecolor=_PALE,
            elinewidth=0.9,
            zorder=2,
        )
        size = 5 if marker == "D" else 6
        axes.plot(*_values(chosen, axis), marker, ms=size, mfc=face, mec=_INK, mew=0.9, label=name, zorder=4)
    line = [method for method in comparison.mosaics if has_both(method, axis.name)]
    axes.plot(*_values(line, axis), color=_GRAY, lw=1, zorder=3)
    recommended = [method for method in points if method.name == comparison.recommended]
    if recommended:
        axes.plot(
            *_values(recommended, axis), "o", ms=2 * _RING - 1, mfc="none", mec=_INK, mew=1.2, label="recommended", zorder=4
        )
    axes.set_ylabel(ACCURACY.axis, fontsize=_FONT + 0.5)
    axes.margins(0.08)
    _limit(axes, axis, points, _chance(comparison, axis))
    return [*_mark_plain(axes, axis, comparison), *_mark_chance(axes, _chance(comparison, axis))]


def _kinds(methods: Sequence[MethodFigures]) -> Iterator[tuple[str, str, str, list[MethodFigures]]]:
    """Yields the kinds that are told apart, by shape and not by colour alone: name, marker, colour, and which they are."""
    kinds = (
        (_OWN, "o", _BLUE, [one for one in methods if one.deid.scheme == _OWN]),
        ("mosaics", "s", "white", [one for one in methods if one.is_mosaic]),
        ("others", "D", _PALE, [one for one in methods if one.deid.scheme != _OWN and not one.is_mosaic]),
    )
    return (kind for kind in kinds if kind[3])


def _values(methods: Sequence[MethodFigures], axis: Axis) -> tuple[list[float], list[float]]:
    found = [(method.risks[axis.name].value, method.accuracy.value) for method in methods if method.accuracy]
    return [x for x, _ in found], [y for _, y in found]


def _errors(intervals: Sequence[Interval]) -> list[list[float]]:
    return [[max(0.0, one.below) for one in intervals], [max(0.0, one.above) for one in intervals]]


def _limit(axes: Axes, axis: Axis, points: Sequence[MethodFigures], chance: float | None) -> None:
    """Leaves room for labels on the right where points crowd there; no ticks stand where no figure can be."""
    most = 100.0 if axis.decimals == 1 else 1.0
    left, right = axes.get_xlim()
    left, right = (min(0.0, left), right) if axis.decimals == 1 else (left, right)
    left, right = max(left, -0.03 * most), min(right, 1.03 * most)
    if chance is not None:
        right = max(right, chance + 0.05 * (chance - left))
    crowd = [method for method in points if method.risks[axis.name].value > left + 0.8 * (right - left)]
    right_end = right + (0.3 * (right - left) if crowd else 0)
    axes.set_xlim(left, right_end)
    axes.set_xticks([tick for tick in axes.get_xticks() if left <= tick <= min(most, right_end)])
    low, high = axes.get_ylim()
    axes.set_ylim(max(low, -3), min(high, 103))


def _mark_plain(axes: Axes, axis: Axis, comparison: Comparison) -> list[Text]:
    """Draws the accuracy on plain images as a line, which says too what attackers get of them."""
    plain = next((method for method in comparison.methods if method.is_plain and method.accuracy is not None), None)
    if plain is None or plain.accuracy is None:
        return []
    level = plain.accuracy.value
    low, high = axes.get_ylim()
    low = min(low, level - 2)
    axes.set_ylim(low, max(high, level + 0.08 * (level - low)))
    axes.axhline(level, color=_GRAY, lw=0.9, ls=":", zorder=1)
    also = f", {axis.word} {axis.text(plain.risks[axis.name].value)}" if axis.name in plain.risks else ""
    said = f"plain images: {ACCURACY.text(level)}{also}"
    where = ("axes fraction", "data")
    return [axes.annotate(said, (1, level), (-2, 2), where, "offset points", ha="right", fontsize=_FONT - 0.5, color=_GRAY)]


def _mark_chance(axes: Axes, chance: float | None) -> list[Text]:
    if chance is None:
        return []
    axes.axvline(chance, color=_GRAY, lw=0.9, ls="--", zorder=1)
    where = ("data", "axes fraction")
    return [axes.annotate("chance", (chance, 0), (2, 3), where, "offset points", fontsize=_FONT - 0.5, color=_GRAY)]


def _label(axes: Axes, axis: Axis, comparison: Comparison, texts: Sequence[Text]) -> None:
    """Writes labels where they cover no mark, no other label and, if there is room, no line."""
    points = _points(comparison, axis)
    names = short_names(comparison.methods)
    labelled = choose(points, axis.name, comparison)
    written = [
        _write(axes, names[method.name], _pair(method, axis), method.name == comparison.recommended) for method in labelled
    ]
    places = dict(zip((method.name for method in points), _on_paper(axes, [_pair(method, axis) for method in points])))
    boxes = [_box(text.get_window_extent()) for text in written]
    marks = [_mark(places[method.name], method.name == comparison.recommended) for method in labelled]
    marks += [_box(text.get_window_extent()) for text in texts]
    lines: list[Line] = [(*places[method.name], *places[method.name]) for method in points if method not in labelled]
    lines += _lines(axes, labelled, axis, comparison)
    sizes = [(x1 - x0, y1 - y0) for x0, y0, x1, y1 in boxes]
    found = place([places[method.name] for method in labelled], sizes, _box(axes.bbox), marks, lines)
    for method, text, at in zip(labelled, written, found):
        if at is None:
            text.remove()
            continue
        x, y = places[method.name]
        text.set_position((at.box[0] - x, at.box[1] - y))
        if at.line is not None:
            ends = axes.transData.inverted().transform(np.reshape(at.line, (2, 2)) * _DPI / 72)
            axes.plot(*ends.T, color=_GRAY, lw=0.6, zorder=3, scalex=False, scaley=False)


def _mark(at: Point, is_recommended: bool) -> Box:
    by = _RING if is_recommended else _MARK
    return at[0] - by, at[1] - by, at[0] + by, at[1] + by


def _pair(method: MethodFigures, axis: Axis) -> tuple[float, float]:
    assert method.accuracy is not None
    return method.risks[axis.name].value, method.accuracy.value


def _write(axes: Axes, name: str, at: tuple[float, float], is_recommended: bool) -> Annotation:
    """Writes a label of a point at its size; where it stands is found later."""
    text = axes.annotate(
        "\n".join(textwrap.wrap(name, 26, max_lines=3, placeholder=" ...")),
        at,
        (0, 0),
        "data",
        "offset points",
        va="bottom",
        fontsize=_FONT - 0.5,
        weight="bold" if is_recommended else "normal",
        color=_INK,
        linespacing=1.0,
        zorder=5,
        parse_math=False,
    )
    text.set_in_layout(False)
    return text


def _lines(axes: Axes, points: Sequence[MethodFigures], axis: Axis, comparison: Comparison) -> list[Line]:
    """Returns what labels should not cover: error bars, the line of mosaics, that of chance and that of plain."""
    lines = []
    for method in points:
        assert method.accuracy is not None
        (x, y), risk = _pair(method, axis), method.risks[axis.name]
        lines += [((risk.low, y), (risk.high, y)), ((x, method.accuracy.low), (x, method.accuracy.high))]
    mosaics = [_pair(method, axis) for method in comparison.mosaics if has_both(method, axis.name)]
    lines += itertools.pairwise(mosaics)
    (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
    chance = _chance(comparison, axis)
    if chance is not None:
        lines.append(((chance, low), (chance, high)))
    for plain in comparison.methods:
        if plain.is_plain and plain.accuracy is not None:
            lines.append(((left, plain.accuracy.value), (right, plain.accuracy.value)))
    ends = _on_paper(axes, [end for line in lines for end in line])
    return [(*start, *end) for start, end in zip(ends[::2], ends[1::2])]


def _on_paper(axes: Axes, pairs: Sequence[tuple[float, float]]) -> list[Point]:
    """Returns where pairs of figures lie, in points of print."""
    return [(x, y) for x, y in axes.transData.transform(np.array(pairs).reshape(-1, 2)) * 72 / _DPI]


def _box(extent: BboxBase) -> Box:
    x0, y0, x1, y1 = np.array([extent.x0, extent.y0, extent.x1, extent.y1]) * 72 / _DPI
    return x0, y0, x1, y1


def _draw_list(axes: Axes, axis: Axis, comparison: Comparison) -> list[Text]:
    """Draws a figure by method, the least risk on top; the best and the rest are told apart by place alone."""
    found = [(method, figure) for method in comparison.methods if (figure := _figure(method, axis)) is not None]
    found.sort(key=lambda pair: pair[1].value, reverse=axis is ACCURACY)
    del found[LISTED:]
    found.reverse()
    names = short_names(comparison.methods)
    values = [figure.value for _, figure in found]
    axes.errorbar(
        values, range(len(found)), xerr=_errors([figure for _, figure in found]), fmt="none", ecolor=_GRAY, elinewidth=0.9
    )
    for height, (method, figure) in enumerate(found):
        marker, face = ("s", "white") if method.is_mosaic else ("o", _BLUE) if method.deid.scheme == _OWN else ("D", _PALE)
        axes.plot(figure.value, height, marker, ms=6, mfc=face, mec=_INK, mew=0.9)
    wrapped = ["\n".join(textwrap.wrap(names[method.name], 30, max_lines=2, placeholder=" ...")) for method, _ in found]
    axes.set_yticks(range(len(found)), wrapped, fontsize=_FONT, parse_math=False)
    axes.set_ylim(-0.8, len(found) - 0.2)
    if axis.decimals == 1:
        axes.set_xlim(max(-3, min(0, axes.get_xlim()[0])), min(103, axes.get_xlim()[1]))
    return _mark_chance(axes, _chance(comparison, axis))


def _figure(method: MethodFigures, axis: Axis) -> Interval | None:
    return method.accuracy if axis is ACCURACY else method.risks.get(axis.name)


def _height_of_list(comparison: Comparison) -> float:
    return 1.3 + 0.2 * min(LISTED, len(comparison.methods))
