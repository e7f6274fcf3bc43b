"""compare.html: one page with tables, plots and pictures, which needs nothing from elsewhere, and is for the owner alone."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence
from typing import Any

from etils import epath

from tfdeid import pages
from tfdeid.compare import plot
from tfdeid.compare.figures import ACCURACY, RISKS, Against, Axis, Comparison, Interval, MethodFigures
from tfdeid.compare.labels import LABELLED, unbeaten
from tfdeid.experiments.pictures import Picture
from tfdeid.files import write_text

PRIVATE = (
    "This page shows original images. It is for their owner alone, and nobody else can read its file (0600): do not pass it "
    "on, and do not put it beside the dataset. compare.json holds the figures and compare.png the plots, without images."
)
OPEN, FOLDED = 8, 16
"""Of more methods than OPEN, pictures of the best are shown, those of FOLDED more can be opened, and no others are there."""
# What asks for a risk that is not measured otherwise.
_ASKED = {"reidentified": "identity", "read": "text", "inferred": "sensitive"}
_WORDS = {1: "higher", 0: "no different", -1: "lower"}


def make_page(comparison: Comparison) -> str:
    """Returns the page, in ASCII. Pictures whose files are gone are left out."""
    having = [method for method in _by_importance(comparison) if method.pictures]
    blocks = [_block(method, comparison) for method in having[: OPEN + FOLDED]]
    blocks = [block for block in blocks if block["strips"]]
    return pages.render(
        "tfdeid.compare",
        "compare.html.jinja",
        title=f"Methods compared on {comparison.dataset}",
        private=PRIVATE,
        lead=lead(comparison),
        recommendation=_sentence(comparison.recommendation),
        table=_table(comparison),
        panels=[
            {"alt": panel.alt, "address": pages.data_url(panel.svg, "image/svg+xml")} for panel in plot.draw_panels(comparison)
        ],
        plot_title="Accuracy against each risk" if plot.has_plane(comparison) else "Each risk by method",
        plot_about=_plot_about(comparison),
        besides=_besides(comparison),
        open=blocks[:OPEN],
        folded=blocks[OPEN:],
        without=len(having[OPEN + FOLDED :]),
        left_out=_left_out(comparison),
        meanings=[(axis.word, _sentence(axis.about)) for axis in comparison.axes],
        reading=_reading(comparison),
        command=comparison.command,
        about=[("scale", comparison.scale), *comparison.about],
    )


def write(comparison: Comparison, folder: pathlib.Path) -> pathlib.Path:
    """Writes compare.html to a folder, which is made if it is not there, for its owner alone; returns its path."""
    path = folder / "compare.html"
    write_text(epath.Path(path), make_page(comparison), private=True)
    return path


def lead(comparison: Comparison) -> str:
    """Returns in a sentence what range the methods span, beside plain images and who guesses."""
    hidden = [method for method in comparison.methods if not method.is_plain]
    plain = next((method for method in comparison.methods if method.is_plain), None)
    parts = []
    for axis in comparison.axes:
        values = [figure.value for method in hidden if (figure := _figure(method, axis)) is not None]
        if not values:
            continue
        low, high = axis.text(min(values)), axis.text(max(values))
        beside = []
        if plain is not None and (own := _figure(plain, axis)) is not None:
            beside.append(f"plain images {axis.text(own.value)}")
        if (chance := _chance(comparison, axis)) is not None:
            beside.append(f"who guesses {axis.text(chance)}")
        span = low if low == high else f"{low} to {high}"
        parts.append(f"{axis.word} {span} {axis.unit}" + (f" ({', '.join(beside)})" if beside else ""))
    count = f"{len(hidden)} method{'' if len(hidden) == 1 else 's'}"
    return f"{count}: {'; '.join(parts) or 'nothing could be measured'}."


def _figure(method: MethodFigures, axis: Axis) -> Interval | None:
    return method.accuracy if axis is ACCURACY else method.risks.get(axis.name)


def _chance(comparison: Comparison, axis: Axis) -> float | None:
    return next((method.chance[axis.name] for method in comparison.methods if axis.name in method.chance), None)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("." if text and text[-1] not in ".!?" else "")


def _table(comparison: Comparison) -> dict[str, Any]:
    """Returns a row for each method, with the best and the worst figure of each column marked, and a row of chance."""
    axes = comparison.axes
    marks = {axis.name: _marks(comparison, axis) for axis in axes}
    rows = [
        {
            "name": method.name,
            "is_recommended": method.name == comparison.recommended,
            "cells": [_cell(axis, _figure(method, axis), marks[axis.name].get(method.name, "")) for axis in axes],
        }
        for method in comparison.methods
    ]
    chances = [_chance(comparison, axis) for axis in axes]
    return {
        "heads": [axis.title for axis in axes],
        "rows": rows,
        "chance": [chance is not None and axis.text(chance) for axis, chance in zip(axes, chances)] if any(chances) else [],
    }


def _cell(axis: Axis, interval: Interval | None, mark: str) -> dict[str, str]:
    if interval is None:
        return {"value": "", "interval": "", "mark": ""}
    return {"value": axis.text(interval.value), "interval": _range(axis, interval), "mark": mark}


def _range(axis: Axis, interval: Interval) -> str:
    return f"{axis.text(interval.low)} to {axis.text(interval.high)}" if interval.is_known else ""


def _marks(comparison: Comparison, axis: Axis) -> dict[str, str]:
    """Returns which methods are best and worst of a column, as it is printed; plain images and ties of all don't count."""
    figures = {method.name: _figure(method, axis) for method in comparison.methods if not method.is_plain}
    texts = {name: axis.text(figure.value) for name, figure in figures.items() if figure is not None}
    if len(set(texts.values())) < 2:
        return {}
    low, high = (axis.text(choose(float(text) for text in texts.values())) for choose in (min, max))
    best, worst = (high, low) if axis is ACCURACY else (low, high)
    return {name: "best" if text == best else "worst" for name, text in texts.items() if text in (best, worst)}


def _plot_about(comparison: Comparison) -> str:
    if not plot.has_plane(comparison):
        more = len(comparison.methods) > plot.LISTED
        which = f" The {plot.LISTED} best are drawn." if more else ""
        return f"Bars are 95 % intervals; dashes are who guesses. Squares are mosaics.{which}"
    said = (
        "Up and to the left is better. Bars are 95 % intervals; dashes are who guesses, dots the accuracy on plain images. "
        "The line joins the mosaics: what lies below it or to its right keeps less, or gives away more, than a mosaic does."
    )
    if len(comparison.methods) > LABELLED:
        said += " Of so many methods those are labelled that no other beats in both, and the mosaics."
    return said


def _besides(comparison: Comparison) -> dict[str, Any]:
    """Returns the mosaic that does the same for each method that has one."""
    found = [(method, method.beside) for method in comparison.methods if method.beside is not None]
    names = [name for name in comparison.risks if any(one.risk == name for _, beside in found for one in beside.against)]
    rows = []
    for method, beside in found:
        against = {one.risk: one for one in beside.against}
        cells = [_against(against[name]) if name in against else None for name in names]
        rows.append({"name": method.name, "where": beside.where, "cells": cells, "verdict": _sentence(beside.verdict)})
    return {"heads": [RISKS[name].title for name in names], "rows": rows}


def _against(one: Against) -> dict[str, str]:
    axis = RISKS[one.risk]
    return {
        "figures": f"{axis.text(one.own.value)} against {axis.text(one.mosaic.value)}",
        "intervals": " against ".join(filter(None, (_range(axis, one.own), _range(axis, one.mosaic)))),
        "word": _WORDS[one.verdict],
    }


def _by_importance(comparison: Comparison) -> list[MethodFigures]:
    """Returns methods in the order in which they are given; of many, the recommended and those that none beats come first."""
    if len(comparison.methods) <= OPEN:
        return list(comparison.methods)
    hidden = [method for method in comparison.methods if not method.is_plain]
    best = {method.name for risk in comparison.risks for method in unbeaten(hidden, risk)}

    def place(method: MethodFigures) -> tuple[bool, bool, bool]:
        return method.name != comparison.recommended, method.name not in best, method.is_plain

    return sorted(comparison.methods, key=place)


def _block(method: MethodFigures, comparison: Comparison) -> dict[str, Any]:
    """Returns the pictures of a method, with its figures above them."""
    said = "; ".join(
        f"{axis.word} {axis.text(figure.value)} {axis.unit}"
        for axis in comparison.axes
        if (figure := _figure(method, axis)) is not None
    )
    beside = f" {_sentence(method.beside.verdict)}" if method.beside is not None else ""
    strips = [strip for shown in method.pictures if (strip := _strip(shown, method.name)) is not None]
    return {"name": method.name, "said": f"{_sentence(said)}{beside}", "strips": strips}


def _strip(shown: Picture, method: str) -> dict[str, Any] | None:
    """Returns an image as it came, its record, and what the best attack made of that; None where a file is gone."""
    files = (
        (shown.source, "as it came"),
        (shown.record, f"under {method}"),
        (shown.recovered, f"as the best attack on {method} has it"),
    )
    try:
        images = [{"address": pages.data_url(path.read_bytes()), "alt": f"image {shown.number} {what}"} for path, what in files]
    except OSError:
        return None
    return {
        "images": images,
        "title": f"image {shown.number}",
        "is_worst": shown.is_worst,
        "similarity": f"SSIM {shown.similarity:.2f}",
    }


def _left_out(comparison: Comparison) -> list[str]:
    """Returns what was left out, what failed and what was not asked for, and why."""
    lines = [_sentence(line) for line in comparison.sentences]
    lines += [
        f"`{method.name}`: {kind} failed: {_sentence(why)}"
        for method in comparison.methods
        for kind, why in method.failed.items()
    ]
    asked = {name for name, _ in comparison.about}
    lines += [
        f"{RISKS[name].word.capitalize()}: not asked for; --{option} FEATURE does."
        for name, option in _ASKED.items()
        if name not in comparison.risks and option not in asked
    ]
    return lines


def _reading(comparison: Comparison) -> Sequence[str]:
    lines = [
        "Intervals are of 95 %: over images for accuracies and shares of records, over people where people are named.",
        "A risk is what the best attacker that was tried gets of the records; another may get more. No figure here is a proof.",
    ]
    if any(method.beside is not None for method in comparison.methods):
        lines.append(
            "The mosaic that does the same has the method's accuracy, and is interpolated between the mosaics that were run. "
            "Where attackers get more of the method than of that mosaic, the mosaic is the better choice."
        )
    if any(method.pictures for method in comparison.methods):
        lines.append("Worst cases are the images to which the best attack on a method comes nearest, by SSIM to the original.")
    return lines
