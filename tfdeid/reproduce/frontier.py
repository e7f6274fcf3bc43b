"""What the table `frontier` says in words and as a picture: what each mode of the scheme and each baseline hides and keeps."""

from __future__ import annotations

import dataclasses
import itertools
import pathlib
from typing import TYPE_CHECKING

from tfdeid.reproduce.run import Figures
from tfdeid.reproduce.tables import Table

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
      own: whether it is a mode of the scheme, not a baseline.
      accuracy: in percent, with its deviation between seeds, 0 for a single one.
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


def remarks(figures: Figures, table: Table) -> list[str]:
    """Returns which modes are worth their cost. `linked` is meant of a trained network, the gain of SSIM above the record's."""
    trades = _trades(figures, table)
    lines = [f"none beats these in both accuracy and linkage by a network: {_listed(_unbeaten(trades))}"]
    papers = next((trade for trade in trades if trade.label == _PAPERS), None)
    if papers is None:
        return [*lines, f"more can't be said before {_PAPERS} is trained on and attacked, with which modes are compared"]
    modes = [trade for trade in trades if trade.own]
    near, nearly = (
        [trade for trade in modes if trade.accuracy >= papers.accuracy - points] for points in (_POINTS, _MORE_POINTS)
    )
    halved = [trade for trade in modes if trade is not papers and trade.gain <= _SHARE * papers.gain]
    met = [trade for trade in near if trade in halved and trade.linked < _LINKED]
    aim = f"within {_POINTS:.0f} points of accuracy, half the gain, under {_LINKED:.0f} % linked"
    otherwise = f"met by none; least linked within {_MORE_POINTS:.0f} points: {_least(nearly)}"
    return [
        *lines,
        f"least linked within {_POINTS:.0f} points of {_PAPERS}'s accuracy: {_least(near)}",
        f"at most half the gain in SSIM that attackers have on {_PAPERS} ({papers.gain:.3f}): {_listed(halved)}",
        f"the aim, {aim}: {f'met by {_listed(met)}' if met else otherwise}",
    ]


def draw(figures: Figures, table: Table, path: pathlib.Path) -> None:
    """Draws accuracy over what a network links, the best SSIM as colour; what is not encrypted is a line."""
    from matplotlib.figure import Figure  # Late: matplotlib takes a second.

    canvas = Figure(figsize=(9, 5.5), layout="constrained")
    axes = canvas.subplots()
    for row in table.rows:
        if "accuracy" in figures[row.label] and not row.parts[0].deid.scheme_class.hides:
            level = figures[row.label]["accuracy"].mean
            axes.axhline(level, color="gray", lw=0.8, ls=":")
            axes.annotate(row.label, (0.3, level), (0, 2), _FRACTION, "offset points", fontsize=8, color="gray")
    axes.set_xlabel("originals that a trained network names, %")
    axes.set_ylabel("accuracy, %")
    axes.grid(lw=0.3)
    canvas.suptitle(
        "Accuracy, and what attackers get who know the records alone: up and to the left is better", fontsize="medium"
    )
    trades = _trades(figures, table)
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
    low, high = min(trade.best for trade in trades), max(trade.best for trade in trades)
    for own, marker, name in ((True, "o", "modes of structural"), (False, "s", "baselines")):
        chosen = [trade for trade in trades if trade.own is own]
        if not chosen:
            continue
        x, y = [trade.linked for trade in chosen], [trade.accuracy for trade in chosen]
        axes.errorbar(x, y, [trade.deviation for trade in chosen], fmt="none", ecolor="gray", elinewidth=1, capsize=3, zorder=1)
        colors = [trade.best for trade in chosen]
        dots = axes.scatter(x, y, 70, colors, marker=marker, vmin=low, vmax=high, edgecolors="black", label=name, zorder=2)
    canvas = axes.get_figure()
    assert canvas is not None
    canvas.colorbar(dots, ax=axes, label="best SSIM that attackers reach")
    axes.legend(loc="best", fontsize=8)


def _draw_labels(axes: Axes, trades: list[_Trade]) -> None:
    """Writes each label where it covers no point, and no label that is there already."""
    from matplotlib.transforms import Bbox  # Late: as above.

    points = axes.transData.transform([(trade.linked, trade.accuracy) for trade in trades])
    taken = [Bbox.from_bounds(x - 8, y - 8, 16, 16) for x, y in points]
    legend = axes.get_legend()
    if legend is not None:
        taken.append(legend.get_window_extent())
    for trade in trades:
        text = axes.annotate(
            trade.label, (trade.linked, trade.accuracy), (0, 0), "data", "offset points", va="center", fontsize=8
        )
        for up, (right, align) in itertools.product(_HEIGHTS, ((9, "left"), (-9, "right"))):
            text.set_position((right, up))
            text.set(horizontalalignment=align)
            box = text.get_window_extent()
            if axes.bbox.x0 < box.x0 and box.x1 < axes.bbox.x1 and not any(box.overlaps(other) for other in taken):
                break
        taken.append(box)


def _trades(figures: Figures, table: Table) -> list[_Trade]:
    """Returns the rows that were both trained on and attacked."""
    trades = []
    for row in table.rows:
        of_row = figures[row.label]
        if {"accuracy", "linked_trained", "best", "published", "candidates"} <= of_row.keys():
            values = {name: figure.mean for name, figure in of_row.items()}
            trades.append(
                _Trade(
                    label=row.label,
                    own=row.parts[0].deid.scheme == _PAPERS,
                    accuracy=values["accuracy"],
                    deviation=of_row["accuracy"].deviation or 0.0,
                    linked=values["linked_trained"],
                    best=values["best"],
                    gain=values["best"] - values["published"],
                    candidates=values["candidates"],
                )
            )
    return trades


def _unbeaten(trades: list[_Trade]) -> list[_Trade]:
    """Returns those than which no other has both more accuracy and less linked."""

    def is_beaten(trade: _Trade) -> bool:
        return any(other.accuracy > trade.accuracy and other.linked < trade.linked for other in trades)

    return [trade for trade in trades if not is_beaten(trade)]


def _least(trades: list[_Trade]) -> str:
    return str(min(trades, key=lambda trade: (trade.linked, -trade.accuracy))) if trades else "none"


def _listed(trades: list[_Trade]) -> str:
    return "; ".join(map(str, trades)) or "none"
