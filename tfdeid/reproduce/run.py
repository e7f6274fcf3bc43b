"""Runs a table's parts, and says before it starts what that will cost."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping

import numpy as np

from tfdeid.experiments.parts import Part, Result
from tfdeid.experiments.workshop import Workshop
from tfdeid.reproduce.tables import QUICK, Row, Scale, Table

# TFLOP/s that may be reached: half of an RTX 2080 Ti's 13 (the paper's card), a third of an A100's 156.
_GPUS = {"RTX 2080 Ti": 6.5e12, "A100": 52e12}


@dataclasses.dataclass(frozen=True)
class Figure:
    """One cell: the mean over parts, and their standard deviation (None for a single one)."""

    mean: float
    deviation: float | None = None


Figures = Mapping[str, Mapping[str, Figure]]
"""By the label of the row, and the name of the column."""


def reproduce(table: Table, scale: Scale, workshop: Workshop) -> Figures:
    """Runs what is not kept, and returns the figures by row and column.

    Raises:
      DeidError: a source is missing, or a command failed; what is finished is kept.
    """
    todo = [part for part in table.parts if not part.is_kept(workshop)]
    print(beginning(table, scale, todo), flush=True)
    results: dict[Part, Result] = {}
    for part in table.parts:
        if part not in todo:
            results[part] = part.result(workshop)
    started = time.monotonic()
    for number, part in enumerate(todo, 1):
        minutes = (time.monotonic() - started) / 60
        print(f"\n[{number}/{len(todo)}, {minutes:.0f} min] {part.title}", flush=True)
        results[part] = part.result(workshop)
    return {row.label: _figures(row, results) for row in table.rows}


def beginning(table: Table, scale: Scale, todo: list[Part]) -> str:
    """Returns what is about to be done, and its cost."""
    number = len(table.parts)
    lines = [table.title, f"scale {scale.name}; less than in the paper: {table.reduced}"]
    if table.missing:
        lines.append(f"{number} parts kept from earlier; {table.missing} are missing, and are not run")
    else:
        said = cost(scale, todo) if todo else "nothing to run"
        lines.append(f"{number} parts, {number - len(todo)} of them kept from earlier; {said}")
    return "\n".join(lines)


def cost(scale: Scale, todo: list[Part]) -> str:
    """Returns how long parts take: at quick scale on two cores, at paper scale on GPUs."""
    if scale is QUICK:
        return f"about {max(1, 60 * sum(part.hours for part in todo)):.0f} minutes on two cores"
    trainings = [part for part in todo if part.flop]
    hours: dict[str, float] = {}
    for part in todo:
        if not part.flop:
            hours[part.work] = hours.get(part.work, 0.0) + part.hours
    text = " and ".join(f"about {_duration(spent)} of {work} on two cores" for work, spent in hours.items())
    if not trainings:
        return text
    flop = sum(part.flop for part in trainings)
    on_gpus = ", ".join(f"{_duration(flop / rate / 3600)} on one {name}" for name, rate in _GPUS.items())
    return (
        f"{len(trainings)} training runs of {flop:.1e} FLOP together: {on_gpus} (estimates; on CPUs alone, months to years)"
        f"{' and ' if text else ''}{text}. A run keeps about 2 GB of checkpoints and networks. Press Ctrl-C if that is not "
        "what you want; nothing is lost then"
    )


def _duration(hours: float) -> str:
    return f"{hours:,.0f} hours" if hours >= 2 else f"{max(1, 60 * hours):.0f} minutes"


def _figures(row: Row, results: Mapping[Part, Result]) -> dict[str, Figure]:
    figures = _means([results[part] for part in row.parts])
    if row.minus:
        less = _means([results[part] for part in row.minus])
        return {name: Figure(figure.mean - less[name].mean) for name, figure in figures.items()}
    return figures


def _means(results: list[Result]) -> dict[str, Figure]:
    """Returns each figure's mean over the parts that have it."""
    figures = {}
    for name in dict.fromkeys(name for result in results for name in result):
        values = [result[name] for result in results if name in result]
        figures[name] = Figure(float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else None)
    return figures
