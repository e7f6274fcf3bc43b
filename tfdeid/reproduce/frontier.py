"""What the table `frontier` says in words and as a picture: what each mode of the scheme, and each rival, hides and keeps."""

from __future__ import annotations

import dataclasses
import itertools
import pathlib
from typing import TYPE_CHECKING

from tfdeid.reproduce.run import Found
from tfdeid.reproduce.tables import Row, Table
from tfdeid.schemes import KEYLESS_SCHEMES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_PAPERS = "structural"
# The aim: points of accuracy that may be lost, the share of the attackers' gain that may be left, percent that may be linked.
_POINTS, _SHARE, _LINKED = 3.0, 0.5, 10.0
# Points that may be lost where no mode meets the aim.
_MORE_POINTS = 6.0
# Points above the mark that a label stands at, in the order in which they are tried.
_HEIGHTS = (0, 12, -12, 24, -24, 36, -36)
_FRACTION = ("axes fraction", "data")


@dataclasses.dataclass(frozen=True)
class _Trade:
    """What a row gives and what it gives away.

    Attributes:
      label: the row's.
      own: whether it is a mode of the scheme, not a rival.
      accuracy: in percent, with its deviation between seeds, 0 for one.
      linked: percent that a trained network links.
      best: the best SSIM of attackers.
      gain: how much that is above the SSIM of records as published.
      candidates: how many originals a linker chose from.
    """

    label: str
    own: bool
    accuracy: float
    deviation: float
    linked: float
    best: float
    gain: float
    candidates: float

    def __str__(self) -> str:
        return f"{self.label} ({self.linked:.1f} % linked, accuracy {self.accuracy:.1f} %, gain {self.gain:.3f})"


def remarks(found: Found, asked: Table) -> list[str]:
    """Returns which modes are worth their cost. `linked` is meant of a trained network, the gain of SSIM above the record's."""
    trades = _trades(found, asked)
    lines = [f"none beats these in both accuracy and linkage by a network: {_listed(_unbeaten(trades))}"]
    papers = next((one for one in trades if one.label == _PAPERS), None)
    if papers is None:
        return [*lines, f"more can't be said before {_PAPERS} is trained on and attacked, with which modes are compared"]
    modes = [one for one in trades if one.own]
    near, nearly = ([one for one in modes if one.accuracy >= papers.accuracy - points] for points in (_POINTS, _MORE_POINTS))
    halved = [one for one in modes if one is not papers and one.gain <= _SHARE * papers.gain]
    met = [one for one in near if one in halved and one.linked < _LINKED]
    aim = f"within {_POINTS:.0f} points of accuracy, half the gain, under {_LINKED:.0f} % linked"
    trade = f"met by none; least linked within {_MORE_POINTS:.0f} points: {_least(nearly)}"
    return [
        *lines,
        f"least linked within {_POINTS:.0f} points of {_PAPERS}'s accuracy: {_least(near)}",
        f"at most half the gain in SSIM that attackers have on {_PAPERS} ({papers.gain:.3f}): {_listed(halved)}",
        f"the aim, {aim}: {f'met by {_listed(met)}' if met else trade}",
    ]


def draw(found: Found, asked: Table, path: pathlib.Path) -> None:
    """Draws accuracy over what a network links, the best SSIM as colour; what is not encrypted is a line."""
    from matplotlib.figure import Figure

    canvas = Figure(figsize=(9, 5.5), layout="constrained")
    axes = canvas.subplots()
    for row in asked.rows:
        if "accuracy" in found[row.label] and _scheme(row) in KEYLESS_SCHEMES:
            level = found[row.label]["accuracy"].mean
            axes.axhline(level, color="gray", lw=0.8, ls=":")
            axes.annotate(row.label, (0.3, level), (0, 2), _FRACTION, "offset points", fontsize=8, color="gray")
    axes.set_xlabel("originals that a trained network names, %")
    axes.set_ylabel("accuracy, %")
    axes.grid(lw=0.3)
    canvas.suptitle(
        "Accuracy, and what attackers get who know the records alone: up and to the left is better", fontsize="medium"
    )
    trades = _trades(found, asked)
    if trades:
        _draw_points(axes, trades)
        canvas.draw_without_rendering()
        _draw_labels(axes, trades)
    canvas.savefig(path, dpi=110)


def _draw_points(axes: Axes, trades: list[_Trade]) -> None:
    chance = 100 / trades[0].candidates
    # Below chance the scale is linear, so that 0 has its place.
    axes.set_xscale("symlog", linthresh=chance, linscale=0.3)
    axes.set_xlim(-0.1 * chance, 250)
    ticks = [0, chance, *(tick for tick in (1, 3, 10, 30, 100) if tick > 1.5 * chance)]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.axvline(chance, color="black", lw=0.8, ls="--")
    axes.annotate("chance", (chance, 0.01), (3, 0), ("data", "axes fraction"), "offset points", fontsize=8)
    low, high = min(one.best for one in trades), max(one.best for one in trades)
    for own, marker, name in ((True, "o", "modes of structural"), (False, "s", "rivals")):
        chosen = [one for one in trades if one.own is own]
        if not chosen:
            continue
        x, y = [one.linked for one in chosen], [one.accuracy for one in chosen]
        axes.errorbar(x, y, [one.deviation for one in chosen], fmt="none", ecolor="gray", elinewidth=1, capsize=3, zorder=1)
        colors = [one.best for one in chosen]
        dots = axes.scatter(x, y, 70, colors, marker=marker, vmin=low, vmax=high, edgecolors="black", label=name, zorder=2)
    canvas = axes.get_figure()
    assert canvas is not None
    canvas.colorbar(dots, ax=axes, label="best SSIM that attackers reach")
    axes.legend(loc="best", fontsize=8)


def _draw_labels(axes: Axes, trades: list[_Trade]) -> None:
    """Writes each label where it covers no point, and no label that is there already."""
    from matplotlib.transforms import Bbox

    points = axes.transData.transform([(one.linked, one.accuracy) for one in trades])
    taken = [Bbox.from_bounds(x - 8, y - 8, 16, 16) for x, y in points]
    legend = axes.get_legend()
    if legend is not None:
        taken.append(legend.get_window_extent())
    for one in trades:
        text = axes.annotate(one.label, (one.linked, one.accuracy), (0, 0), "data", "offset points", va="center", fontsize=8)
        for up, (right, align) in itertools.product(_HEIGHTS, ((9, "left"), (-9, "right"))):
            text.set_position((right, up))
            text.set(horizontalalignment=align)
            box = text.get_window_extent()
            if axes.bbox.x0 < box.x0 and box.x1 < axes.bbox.x1 and not any(box.overlaps(other) for other in taken):
                break
        taken.append(box)


def _trades(found: Found, asked: Table) -> list[_Trade]:
    """Returns the rows that were both trained on and attacked."""
    trades = []
    for row in asked.rows:
        figures = found[row.label]
        if {"accuracy", "linked_trained", "best", "published", "candidates"} <= figures.keys():
            values = {name: figure.mean for name, figure in figures.items()}
            trades.append(
                _Trade(
                    label=row.label,
                    own=_scheme(row) == _PAPERS,
                    accuracy=values["accuracy"],
                    deviation=figures["accuracy"].deviation or 0.0,
                    linked=values["linked_trained"],
                    best=values["best"],
                    gain=values["best"] - values["published"],
                    candidates=values["candidates"],
                )
            )
    return trades


def _scheme(row: Row) -> str:
    return row.parts[0].deid.scheme if row.parts else ""


def _unbeaten(trades: list[_Trade]) -> list[_Trade]:
    """Returns those than which no other has both more accuracy and less linked."""
    return [one for one in trades if not any(other.accuracy > one.accuracy and other.linked < one.linked for other in trades)]


def _least(trades: list[_Trade]) -> str:
    return str(min(trades, key=lambda one: (one.linked, -one.accuracy))) if trades else "none"


def _listed(trades: list[_Trade]) -> str:
    return "; ".join(map(str, trades)) or "none"
