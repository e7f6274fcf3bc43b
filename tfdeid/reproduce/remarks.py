"""What a reader would work out from a table: the distance from the paper, trends, who wins."""

from __future__ import annotations

import numpy as np

from tfdeid.reproduce import paper
from tfdeid.reproduce.run import Figures
from tfdeid.reproduce.tables import TITLES, Table, in_decimals
from tfdeid.schemes.key_space import IMAGES_NOT_KEYS


def remarks(figures: Figures, table: Table) -> list[str]:
    """Returns sentences on a table."""
    if table.missing:
        return [*_missing(table), *_on_distance(figures, table)]
    return {
        "table2": _on_sizes,
        "table3": _on_encryption,
        "table4": _on_output_sizes,
        "table6": _on_methods,
    }.get(table.name, _on_distance)(figures, table)


def _missing(table: Table) -> list[str]:
    return [f"{table.missing} parts are missing; the same command without --kept runs them"] if table.missing else []


def _on_distance(figures: Figures, table: Table) -> list[str]:
    parts = []
    for name in table.columns:
        pairs = _pairs(figures, table, name)
        if pairs:
            apart = max(abs(ours - printed) for ours, printed in pairs)
            parts.append(f"{TITLES[name]} {in_decimals(name, apart)}")
    return [f"largest distance from the paper: {', '.join(parts)}"] if parts else []


def _on_sizes(figures: Figures, table: Table) -> list[str]:
    ours, printed = np.transpose(_pairs(figures, table, "sdim"))
    labels = [row.label for row in table.rows]
    best, theirs = labels[int(np.argmin(ours))], labels[int(np.argmin(printed))]
    return [
        *_on_distance(figures, table),
        f"correlation of the SDIM curves: {np.corrcoef(ours, printed)[0, 1]:.3f}",
        f"lowest SDIM at {best}, in the paper at {theirs}",
    ]


def _on_encryption(figures: Figures, table: Table) -> list[str]:
    """What encryption costs, beyond tracing."""
    by_label = {row.label: row for row in table.rows}
    apart = []
    for row in table.rows:
        scheme, size = row.label.split()
        if scheme == "structural":
            other = by_label[f"vectorized {size}"]
            ours = figures[row.label]["accuracy"].mean - figures[other.label]["accuracy"].mean
            apart.append((ours, row.paper["accuracy"] - other.paper["accuracy"]))
    ours_mean, paper_mean = np.mean(apart, axis=0)
    return [f"structural minus vectorized, mean over sizes: {ours_mean:+.2f} points (the paper: {paper_mean:+.2f})"]


def _on_output_sizes(figures: Figures, table: Table) -> list[str]:
    first, last = table.rows[0], table.rows[-1]
    lines = []
    for name in ("accuracy", "milliseconds"):
        ours = [figures[row.label][name].mean for row in (first, last)]
        printed = [row.paper[name] for row in (first, last)]
        if name == "accuracy":
            change, theirs = f"{ours[1] - ours[0]:+.2f} points", f"{printed[1] - printed[0]:+.2f}"
        else:
            change, theirs = f"{ours[1] / ours[0]:.1f} times the time", f"{printed[1] / printed[0]:.1f}"
        lines.append(f"from {first.label} to {last.label}: {change} (the paper: {theirs})")
    return lines


def _on_methods(figures: Figures, table: Table) -> list[str]:
    ours = {row.label: figures[row.label]["accuracy"].mean for row in table.rows}
    ranked = sorted(ours, key=lambda label: -ours[label])
    lines = ["from best to worst: " + "; ".join(f"{label} {ours[label]:.1f}" for label in ranked)]
    baselines = [label for label in ours if label.startswith("negative_positive")]
    apart = ours["structural"] - max(ours[label] for label in baselines)
    printed = paper.TABLE_6["structural"] - paper.TABLE_6["negative_positive"]
    lines.append(f"structural minus the best negative_positive: {apart:+.1f} points (the paper: {printed:+.1f})")
    lines.append("what a brute-force search would face:")
    for deid in dict.fromkeys(part.deid for part in table.parts):
        if deid.scheme_class.needs_key:
            lines.append(f"  {deid.scheme}: {deid.key_space()}")
    return [*lines, f"  {IMAGES_NOT_KEYS}"]


def _pairs(figures: Figures, table: Table, name: str) -> list[tuple[float, float]]:
    """Returns (ours, the paper's) for the rows that have both; what others printed is of other networks."""
    return [
        (figures[row.label][name].mean, row.paper[name])
        for row in table.rows
        if name in row.paper and name in figures[row.label] and not row.source
    ]
