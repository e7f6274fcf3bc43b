"""What a table shows: ours and the paper's side by side, as text, JSON and picture."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import numpy as np
from etils import epath

from tfdeid import paper
from tfdeid.files import write_text
from tfdeid.measure.measures import RECOGNISED
from tfdeid.measure.report import TITLES
from tfdeid.reproduce import frontier
from tfdeid.reproduce.run import Figure, Found
from tfdeid.reproduce.tables import Scale, Table
from tfdeid.schemes import KEYLESS_SCHEMES
from tfdeid.schemes.key_space import IMAGES_NOT_KEYS, key_space
from tfdeid.tables import aligned

_TITLES = {**TITLES, "accuracy": "accuracy, %", "f1": "macro F1", "milliseconds": "ms an image"}
_TITLES |= {"published": "SSIM published", "best": "best SSIM", "linked": "linked, %", "linked_trained": "by a network, %"}
_DECIMALS = {"accuracy": 2, "milliseconds": 2, "linked": 1, "linked_trained": 1}


def table(found: Found, asked: Table) -> str:
    """Returns the table for a terminal, ours / the paper's, and what follows from it."""
    cells = [["", *(_TITLES[name] for name in asked.columns)]]
    for row in asked.rows:
        cells.append([row.label, *(_cell(name, found[row.label].get(name), row.paper.get(name)) for name in asked.columns)])
    note = "ours / the paper's; " if any(row.paper for row in asked.rows) else ""
    note += "+- is the standard deviation between seeds"
    if "ssim_vec" in asked.columns:
        note += f"; the paper calls an image clearly recognised at SSIM {RECOGNISED} and above"
    return "\n".join([asked.title, *aligned(cells), f"({note})", *remarks(found, asked)])


def remarks(found: Found, asked: Table) -> list[str]:
    """Returns what a reader would work out from the table: the distance from the paper, trends, who wins."""
    if asked.name == "frontier":
        return [*_missing(asked), *frontier.remarks(found, asked)]
    if asked.missing:
        return [*_missing(asked), *_remarks_on_distance(found, asked)]
    return {
        "table2": _remarks_on_sizes,
        "table3": _remarks_on_encryption,
        "table4": _remarks_on_output_sizes,
        "table6": _remarks_on_methods,
    }.get(asked.name, _remarks_on_distance)(found, asked)


def write(found: Found, asked: Table, scale: Scale, folder: pathlib.Path, about: dict[str, Any]) -> list[pathlib.Path]:
    """Writes `<table>.json` and `<table>.png` to a folder; returns their paths."""
    paths = [folder / f"{asked.name}.json", folder / f"{asked.name}.png"]
    rows = [
        {
            "row": row.label,
            "ours": {name: figure.mean for name, figure in found[row.label].items()},
            "deviation_between_seeds": {
                name: figure.deviation for name, figure in found[row.label].items() if figure.deviation is not None
            },
            "paper": dict(row.paper),
        }
        for row in asked.rows
    ]
    content = {
        "table": asked.name,
        "title": asked.title,
        "scale": scale.name,
        "less_than_in_the_paper": asked.reduced,
        "missing_parts": asked.missing,
        **about,
        "rows": rows,
        "remarks": remarks(found, asked),
    }
    write_text(epath.Path(paths[0]), json.dumps(content, indent=1) + "\n")
    draw = frontier.draw if asked.name == "frontier" else _draw
    draw(found, asked, paths[1])
    return paths


def _cell(name: str, ours: Figure | None, printed: float | None) -> str:
    decimals = _DECIMALS.get(name, 4)
    if ours is None and printed is None:
        return ""
    text = "-" if ours is None else f"{ours.mean:.{decimals}f}"
    if ours is not None and ours.deviation is not None:
        text += f" +- {ours.deviation:.{decimals}f}"
    return text if printed is None else f"{text} / {printed:.{decimals}f}"


def _missing(asked: Table) -> list[str]:
    return [f"{asked.missing} parts are missing; the same command without --kept runs them"] if asked.missing else []


def _remarks_on_distance(found: Found, asked: Table) -> list[str]:
    parts = []
    for name in asked.columns:
        pairs = _pairs(found, asked, name)
        if pairs:
            apart = max(abs(ours - printed) for ours, printed in pairs)
            parts.append(f"{_TITLES[name]} {apart:.{_DECIMALS.get(name, 4)}f}")
    return [f"largest distance from the paper: {', '.join(parts)}"] if parts else []


def _remarks_on_sizes(found: Found, asked: Table) -> list[str]:
    ours, printed = np.transpose(_pairs(found, asked, "sdim"))
    labels = [row.label for row in asked.rows]
    best, theirs = labels[int(np.argmin(ours))], labels[int(np.argmin(printed))]
    return [
        *_remarks_on_distance(found, asked),
        f"correlation of the SDIM curves: {np.corrcoef(ours, printed)[0, 1]:.3f}",
        f"lowest SDIM at {best}, in the paper at {theirs}",
    ]


def _remarks_on_encryption(found: Found, asked: Table) -> list[str]:
    """What encryption costs, beyond tracing."""
    apart = []
    for row in asked.rows:
        scheme, size = row.label.split()
        if scheme == "structural":
            other = next(one for one in asked.rows if one.label == f"vectorized {size}")
            ours = found[row.label]["accuracy"].mean - found[other.label]["accuracy"].mean
            apart.append((ours, row.paper["accuracy"] - other.paper["accuracy"]))
    ours_mean, paper_mean = np.mean(apart, axis=0)
    return [f"structural minus vectorized, mean over sizes: {ours_mean:+.2f} points (the paper: {paper_mean:+.2f})"]


def _remarks_on_output_sizes(found: Found, asked: Table) -> list[str]:
    first, last = asked.rows[0], asked.rows[-1]
    lines = []
    for name in ("accuracy", "milliseconds"):
        ours = [found[row.label][name].mean for row in (first, last)]
        printed = [row.paper[name] for row in (first, last)]
        if name == "accuracy":
            change, theirs = f"{ours[1] - ours[0]:+.2f} points", f"{printed[1] - printed[0]:+.2f}"
        else:
            change, theirs = f"{ours[1] / ours[0]:.1f} times the time", f"{printed[1] / printed[0]:.1f}"
        lines.append(f"from {first.label} to {last.label}: {change} (the paper: {theirs})")
    return lines


def _remarks_on_methods(found: Found, asked: Table) -> list[str]:
    ours = {row.label: found[row.label]["accuracy"].mean for row in asked.rows}
    ranked = sorted(ours, key=lambda label: -ours[label])
    lines = ["from best to worst: " + "; ".join(f"{label} {ours[label]:.1f}" for label in ranked)]
    rivals = [label for label in ours if label.startswith("negative_positive")]
    apart = ours["structural"] - max(ours[label] for label in rivals)
    printed = paper.TABLE_6["structural"] - paper.TABLE_6["negative_positive"]
    lines.append(f"structural minus the best negative_positive: {apart:+.1f} points (the paper: {printed:+.1f})")
    lines.append("what a brute-force search would face:")
    for deid in dict.fromkeys(part.deid for part in asked.parts):
        if deid.scheme not in KEYLESS_SCHEMES:
            lines.append(f"  {deid.scheme}: {key_space(deid)}")
    return [*lines, f"  {IMAGES_NOT_KEYS}"]


def _pairs(found: Found, asked: Table, name: str) -> list[tuple[float, float]]:
    """Returns (ours, the paper's) for the rows that have both."""
    return [
        (found[row.label][name].mean, row.paper[name]) for row in asked.rows if name in row.paper and name in found[row.label]
    ]


def _draw(found: Found, asked: Table, path: pathlib.Path) -> None:
    """Draws a panel for each column: ours as dots with their spread, the paper's as rings."""
    from matplotlib.figure import Figure as Canvas

    columns = [name for name in asked.columns if any(name in found[row.label] for row in asked.rows)]
    across = min(3, len(columns))
    down = -(-len(columns) // across)
    canvas = Canvas(figsize=(4.2 * across + 1, 3.2 * down + 1), layout="constrained")
    panels = canvas.subplots(down, across, squeeze=False).ravel()
    for axes in panels[len(columns) :]:
        axes.remove()
    labels = [row.label for row in asked.rows]
    for name, axes in zip(columns, panels, strict=False):
        ours = [(k, found[label][name]) for k, label in enumerate(labels) if name in found[label]]
        spread = [figure.deviation or 0.0 for _, figure in ours]
        axes.errorbar([k for k, _ in ours], [figure.mean for _, figure in ours], spread, fmt="o", capsize=3, label="ours")
        printed = [(k, row.paper[name]) for k, row in enumerate(asked.rows) if name in row.paper]
        if printed:
            axes.plot(*zip(*printed, strict=True), "o", mfc="none", color="black", label="the paper")
        if name in ("ssim_vec", "ssim_dei"):
            axes.axhline(RECOGNISED, color="gray", lw=0.8, ls="--", label="clearly recognised")
        level = all(len(label) < 4 for label in labels)
        axes.set_xticks(range(len(labels)), labels, rotation=0 if level else 60, ha="center" if level else "right", fontsize=8)
        axes.set_title(_TITLES[name])
        axes.grid(axis="y", lw=0.3)
    canvas.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    canvas.suptitle(asked.title, fontsize="medium")
    canvas.savefig(path, dpi=110)
