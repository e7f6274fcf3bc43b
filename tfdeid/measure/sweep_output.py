"""What a sweep comes out as: a table for a terminal, the curves over input sizes, and files for other programs."""

from __future__ import annotations

import csv
import io
import json
import math
import pathlib
from collections.abc import Callable
from typing import Any

import numpy as np
from etils import epath

from tfdeid.files import write_text
from tfdeid.measure.measures import MEASURES, TITLES
from tfdeid.measure.sweep import Sweep
from tfdeid.reference import IN_WORDS
from tfdeid.ssim import RECOGNISED
from tfdeid.tables import aligned

Paper = Callable[[int], dict[str, float]]
# Room for a size, and for two figures below zero with a stroke between.
_WIDTHS = (5, *[17] * len(MEASURES))


def rows(sweep: Sweep, paper: Paper | None = None) -> list[dict[str, Any]]:
    """Returns a row for each input size: every measure, its standard error, its spread over keys and the paper's figure."""
    table = []
    for size, measures in sweep.measures.items():
        row: dict[str, Any] = {"size": size}
        printed = paper(size) if paper else {}
        for name in MEASURES:
            row[name], row[f"{name}_error"] = measures.mean(name), measures.error(name)
            if sweep.other_keys:
                row[f"{name}_keys_mean"], row[f"{name}_keys_deviation"] = sweep.spread(size, name)
            if paper:
                row[f"{name}_paper"] = printed.get(name)
        table.append(row)
    return table


def table(sweep: Sweep, paper: Paper | None = None) -> str:
    """Returns the table for a terminal. With the paper's figures, each of ours has the paper's behind a stroke."""
    cells, marks = [["size", *(TITLES[name] for name in MEASURES)]], [""]
    for row in rows(sweep, paper):
        cells.append([str(row["size"]), *(_cell(row, name) for name in MEASURES)])
        recognised = "  clearly recognised" if row["ssim_dei"] >= RECOGNISED else ""
        marks.append(("  <" if row["size"] == sweep.best else "") + recognised)
    lines = [line + mark for line, mark in zip(_aligned(cells), marks, strict=True)]
    lines.append("ours / the paper's (Table 2)" if paper else "mean +- standard error")
    lines[-1] += f"; < is the lowest {TITLES[sweep.criterion]}. "
    lines[-1] += f"The paper calls an image clearly recognised at SSIM {RECOGNISED} and above."
    lines.append(f"SSIM_Vec, SSIM_Dei and L2 compare with {IN_WORDS[sweep.reference]}.")
    if sweep.other_keys:
        count = len(next(iter(sweep.other_keys.values())))
        lines.append(f"over {count} random keys (mean +- standard deviation between keys):")
        spreads = {size: [sweep.spread(size, name) for name in MEASURES] for size in sweep.measures}
        cells = [[str(size), *(_spread(*both) for both in row)] for size, row in spreads.items()]
        lines += _aligned(cells)
    return "\n".join(lines)


def _aligned(cells: list[list[str]]) -> list[str]:
    return aligned(cells, _WIDTHS, names=0, gap=1)


def _cell(row: dict[str, Any], name: str) -> str:
    if math.isnan(row[name]):
        return "-"
    printed = row.get(f"{name}_paper")
    return f"{row[name]:.4f} " + (f"+-{row[f'{name}_error']:.4f}" if printed is None else f"/ {printed:.4f}")


def _spread(mean: float, deviation: float) -> str:
    return "-" if math.isnan(mean) else f"{mean:.4f} +-{deviation:.4f}"


def write(sweep: Sweep, folder: pathlib.Path, about: dict[str, Any], paper: Paper | None = None) -> list[pathlib.Path]:
    """Writes measures.json, measures.csv and measures.png, each of which appears when it is whole; returns their paths.

    Args:
      sweep: what was measured.
      folder: made if it is not there.
      about: facts for the JSON file, nothing secret.
      paper: the paper's figures by input size.
    """
    table_rows = [{name: _plain(value) for name, value in row.items()} for row in rows(sweep, paper)]
    content = {
        **about,
        "reference": sweep.reference,
        "recommended": sweep.best,
        "as_good": sweep.as_good,
        "rows": table_rows,
        "keys": sweep.other_keys,
    }
    lines = io.StringIO(newline="")
    writer = csv.DictWriter(lines, [*table_rows[0], "reference"])
    writer.writeheader()
    writer.writerows({**row, "reference": sweep.reference} for row in table_rows)
    files: dict[str, str | bytes] = {
        "json": json.dumps(content, indent=1) + "\n",
        "csv": lines.getvalue().encode(),
        "png": _plot(sweep, paper),
    }
    for ending, data in files.items():
        write_text(epath.Path(folder / f"measures.{ending}"), data)
    return [folder / f"measures.{ending}" for ending in files]


def _plot(sweep: Sweep, paper: Paper | None) -> bytes:
    """Returns the curves as a PNG file."""
    from matplotlib.figure import Figure  # Late: matplotlib takes a second.

    figure = Figure(figsize=(8, 5.5), layout="constrained")
    axes = figure.subplots()
    sizes = sorted(sweep.measures)
    shown = ("ssim_vec", "ssim_dei", "l2", "sdim") if sweep.criterion == "sdim" else ("ssim_dei", "l2", "di")
    for name in shown:
        means = [sweep.measures[size].mean(name) for size in sizes]
        errors = [1.96 * sweep.measures[size].error(name) for size in sizes]
        line = axes.errorbar(sizes, means, errors, label=TITLES[name], marker="o", ms=3, capsize=2)
        if sweep.other_keys:
            middle, deviation = np.transpose([sweep.spread(size, name) for size in sizes])
            axes.fill_between(sizes, middle - deviation, middle + deviation, color=line[0].get_color(), alpha=0.15)
        printed = [(size, paper(size)[name]) for size in sizes if paper and paper(size)]
        if printed:
            axes.plot(*zip(*printed, strict=True), color=line[0].get_color(), ls=":")
    axes.axhline(RECOGNISED, color="gray", lw=0.8, ls="--")
    axes.text(sizes[0], RECOGNISED, " clearly recognised", va="bottom", color="gray", fontsize="small")
    axes.axvline(sweep.best, color="black", lw=0.8)
    axes.text(sweep.best, axes.get_ylim()[0], f" {sweep.best}: lowest {TITLES[sweep.criterion]}", va="bottom", fontsize="small")
    notes = ["bars: 95 % intervals over images"]
    notes += ["dotted: the paper"] if paper else []
    notes += ["bands: one standard deviation over keys"] if sweep.other_keys else []
    axes.set(xlabel=f"input size, pixels a side ({'; '.join(notes)})", ylabel=f"measure, against {IN_WORDS[sweep.reference]}")
    figure.legend(loc="outside upper center", ncols=4)
    picture = io.BytesIO()
    figure.savefig(picture, dpi=120, format="png")
    return picture.getvalue()


def _plain(value: Any) -> Any:
    """Returns a number that JSON has; it has no NaN."""
    return None if isinstance(value, float) and math.isnan(value) else value
