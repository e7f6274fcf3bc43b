"""What a table comes out as: ours and the paper's side by side, as text, JSON and picture."""

from __future__ import annotations

import json
import pathlib
from typing import Any

from etils import epath

from tfdeid.experiments.scale import Scale
from tfdeid.files import write_text
from tfdeid.reproduce.remarks import remarks
from tfdeid.reproduce.run import Figure, Figures
from tfdeid.reproduce.tables import TITLES, Table, in_decimals
from tfdeid.ssim import RECOGNISED
from tfdeid.tables import aligned

# Of values so many times apart, the smaller would all lie on the axis.
_FAR_APART = 100


def text(figures: Figures, table: Table) -> str:
    """Returns the table for a terminal, ours / the paper's, and what follows from it."""
    cells = [["", *(TITLES[name] for name in table.columns)]]
    for row in table.rows:
        cells.append([row.label, *(_cell(name, figures[row.label].get(name), row.paper.get(name)) for name in table.columns)])
    note = "ours / the paper's; " if any(row.paper for row in table.rows) else ""
    note += "+- is the standard deviation between seeds"
    if "ssim_vec" in table.columns:
        note += f"; the paper calls an image clearly recognised at SSIM {RECOGNISED} and above"
    return "\n".join([table.title, *aligned(cells), f"({note})", *remarks(figures, table), *_notes(table)])


def _notes(table: Table) -> list[str]:
    """Returns what is protected from whom, row by row, and whose figures stand beside ours where they are not the paper's."""
    protects = [f"  {row.label}: {row.protects}" for row in table.rows if row.protects]
    sources = [f"figures of others, {row.label}: {row.source}" for row in table.rows if row.source]
    return [*(["what is protected, from whom:", *protects] if protects else []), *sources]


def write(figures: Figures, table: Table, scale: Scale, folder: pathlib.Path, about: dict[str, Any]) -> list[pathlib.Path]:
    """Writes `<table>.json` and `<table>.png` to a folder; returns their paths."""
    paths = [folder / f"{table.name}.json", folder / f"{table.name}.png"]
    rows = [
        {
            "row": row.label,
            "ours": {name: figure.mean for name, figure in figures[row.label].items()},
            "deviation_between_seeds": {
                name: figure.deviation for name, figure in figures[row.label].items() if figure.deviation is not None
            },
            "paper": dict(row.paper),
            **{name: getattr(row, name) for name in ("source", "protects") if getattr(row, name)},
        }
        for row in table.rows
    ]
    content = {
        "table": table.name,
        "title": table.title,
        "scale": scale.name,
        "less_than_in_the_paper": table.reduced,
        "missing_parts": table.missing,
        "left_out": {extra: list(labels) for extra, labels in table.left_out.items()},
        **about,
        "rows": rows,
        "remarks": remarks(figures, table),
    }
    write_text(epath.Path(paths[0]), json.dumps(content, indent=1) + "\n")
    _draw(figures, table, paths[1])
    return paths


def _cell(name: str, ours: Figure | None, printed: float | None) -> str:
    if ours is None and printed is None:
        return ""
    cell = "-" if ours is None else in_decimals(name, ours.mean)
    if ours is not None and ours.deviation is not None:
        cell += f" +- {in_decimals(name, ours.deviation)}"
    return cell if printed is None else f"{cell} / {in_decimals(name, printed)}"


def _draw(figures: Figures, table: Table, path: pathlib.Path) -> None:
    """Draws a panel for each column: ours as dots with their spread, the paper's as rings."""
    from matplotlib.figure import Figure as Canvas  # Late: matplotlib takes a second.

    columns = [name for name in table.columns if any(name in figures[row.label] for row in table.rows)]
    across = min(3, len(columns))
    down = -(-len(columns) // across)
    canvas = Canvas(figsize=(4.2 * across + 1, 3.2 * down + 1), layout="constrained")
    panels = canvas.subplots(down, across, squeeze=False).ravel()
    for axes in panels[len(columns) :]:
        axes.remove()
    labels = [row.label for row in table.rows]
    for name, axes in zip(columns, panels, strict=False):
        ours = [(k, figures[label][name]) for k, label in enumerate(labels) if name in figures[label]]
        spread = [figure.deviation or 0.0 for _, figure in ours]
        axes.errorbar([k for k, _ in ours], [figure.mean for _, figure in ours], spread, fmt="o", capsize=3, label="ours")
        printed = [(k, row.paper[name]) for k, row in enumerate(table.rows) if name in row.paper]
        if printed:
            whose = "the paper and others" if any(row.source for row in table.rows) else "the paper"
            axes.plot(*zip(*printed, strict=True), "o", mfc="none", color="black", label=whose)
        shown = [value for value in (*(figure.mean for _, figure in ours), *(value for _, value in printed)) if value > 0]
        if shown and max(shown) > _FAR_APART * min(shown):
            axes.set_yscale("log")
        if name in ("ssim_vec", "ssim_dei"):
            axes.axhline(RECOGNISED, color="gray", lw=0.8, ls="--", label="clearly recognised")
        level = all(len(label) < 4 for label in labels)
        axes.set_xticks(range(len(labels)), labels, rotation=0 if level else 60, ha="center" if level else "right", fontsize=8)
        axes.set_title(TITLES[name])
        axes.grid(axis="y", lw=0.3)
    canvas.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    canvas.suptitle(table.title, fontsize="medium")
    canvas.savefig(path, dpi=110)
