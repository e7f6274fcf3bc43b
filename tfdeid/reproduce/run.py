"""Runs a table's parts, and says before it starts what that will cost."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from tfdeid.experiments.parts import Part, Result
from tfdeid.experiments.run import cost, run_parts
from tfdeid.experiments.scale import Scale
from tfdeid.experiments.workshop import Workshop
from tfdeid.reproduce.tables import Row, Table


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
    print(beginning(table, scale, todo, workshop), flush=True)
    results = run_parts(table.parts, workshop)
    return {row.label: _figures(row, results) for row in table.rows}


def beginning(table: Table, scale: Scale, todo: list[Part], workshop: Workshop) -> str:
    """Returns what is about to be done, and its cost."""
    number = len(table.parts)
    lines = [table.title, f"scale {scale.name}; less than in the paper: {table.reduced}"]
    lines += [
        f"left out, since what it needs is not installed (pip install 'tfdeid[{extra}]'): {'; '.join(labels)}"
        for extra, labels in table.left_out.items()
    ]
    if table.missing:
        lines.append(f"{number} parts kept from earlier; {table.missing} are missing, and are not run")
    else:
        said = cost(scale, todo, workshop) if todo else "nothing to run"
        lines.append(f"{number} parts, {number - len(todo)} of them kept from earlier; {said}")
    return "\n".join(lines)


def _figures(row: Row, results: Mapping[Part, Result]) -> dict[str, Figure]:
    figures = _means([results[part] for part in row.parts])
    if row.over and "training_seconds" in figures:
        plain = _means([results[part] for part in row.over])["training_seconds"].mean
        figures["training"] = Figure(figures["training_seconds"].mean / plain)
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
