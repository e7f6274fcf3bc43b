"""What a comparison shows on a terminal."""

from __future__ import annotations

from tfdeid.compare.figures import ACCURACY, RISKS, Against, Axis, Comparison, Interval, MethodFigures
from tfdeid.tables import aligned


def text(comparison: Comparison) -> str:
    """Returns the table, the mosaic beside each method, what was left out or failed, and what it comes to."""
    axes = comparison.axes
    table = [["method", *(axis.title for axis in axes)], *(_row(method, axes) for method in comparison.methods)]
    parts = ["\n".join([*aligned(table), *_notes(comparison)])]
    if lines := [line for method in comparison.methods for line in _beside(method)]:
        parts.append("\n".join(["the mosaic that does the same:", *lines]))
    failed = [f"failed: {method.name}, {kind}: {why}" for method in comparison.methods for kind, why in method.failed.items()]
    parts += ["\n".join(failed)] if failed else []
    parts += ["\n".join(comparison.sentences)] if comparison.sentences else []
    parts += [comparison.recommendation] if comparison.recommendation else []
    return "\n\n".join(parts)


def _row(method: MethodFigures, axes: list[Axis]) -> list[str]:
    figures = {ACCURACY.name: method.accuracy, **method.risks}
    return [method.name, *(_cell(axis, figures.get(axis.name)) for axis in axes)]


def _cell(axis: Axis, interval: Interval | None) -> str:
    if interval is None:
        return "-"
    if not interval.is_known:
        return axis.text(interval.value)
    return f"{axis.text(interval.value)} ({axis.text(interval.low)} to {axis.text(interval.high)})"


def _notes(comparison: Comparison) -> list[str]:
    """Returns what the figures are, and what who guesses gets."""
    lines = ["in brackets a 95 % interval, for accuracies and shares of records over images, for people over people"]
    chance = {name: value for method in comparison.methods for name, value in method.chance.items()}
    if said := [f"{RISKS[name].word} {chance[name]:.1f} %" for name in comparison.risks if name in chance]:
        lines.append(f"who guesses gets: {'; '.join(said)}")
    return lines


def _beside(method: MethodFigures) -> list[str]:
    if method.beside is None:
        return []
    risks = "; ".join(_against(one) for one in method.beside.against)
    return [f"  {method.name}: {method.beside.where}: {method.beside.verdict}", *([f"      {risks}"] if risks else [])]


def _against(one: Against) -> str:
    axis = RISKS[one.risk]
    sign = {1: ">", -1: "<", 0: "~"}[one.verdict]
    return f"{axis.title} {_cell(axis, one.own)} {sign} {_cell(axis, one.mosaic)}"
