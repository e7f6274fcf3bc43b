"""What an attack shows: tables for a terminal, and JSON for other programs."""

from __future__ import annotations

import importlib.metadata
import json
import math
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from etils import epath

import tfdeid
from tfdeid.attack import sentences
from tfdeid.attack.attackers import LINKERS
from tfdeid.attack.figures import JUDGE, Estimate, Findings, LinkageFigures, RecoveryFigures
from tfdeid.attack.sentences import percent
from tfdeid.files import write_text

_PERCENTILES = (5, 25, 50, 75, 95)
Table = tuple[list[str], list[list[str]]]
"""The titles of columns, and rows of as many cells."""


def text(found: Findings) -> str:
    """Returns all that a terminal shows: tables, what was left out, and what it comes to."""
    recoveries, linkages = recovery_table(found), linkage_table(found)
    parts = [_lines(recoveries)] if recoveries[1] else []
    parts += ["\n".join(ceilings(found))]
    parts += [_lines(linkages)] if linkages[1] else []
    parts += ["\n".join(f"failed: {name} ({reason})" for name, reason in found.failed.items())] if found.failed else []
    parts += ["\n".join(f"not run: {name} ({reason})" for name, reason in found.skipped.items())] if found.skipped else []
    parts += [sentences.threat_model(found)]
    parts += ["\n".join(["what leaks by design:", *(f"- {leak}" for leak in sentences.leaks(found))])]
    parts += ["\n".join([*sentences.remarks(found), sentences.quotable(found)])]
    return "\n\n".join(parts)


def recovery_table(found: Findings) -> Table:
    """Returns a row for each attacker that recovers images, without figures where it failed."""
    traced = sentences.ceiling_name(found) == "vectorised image"
    head = ["attacker", "knows", "SSIM", "PSNR, dB"]
    # Both gaps are the same where nothing is traced, and there is no warp either.
    head += ["gap to vectorised", "gap to cleaned", "table error, px"] if traced else ["gap to original"]
    head += ["accuracy", "used", "seconds"]
    rows = [_recovery(one, traced) for one in found.recoveries]
    failed = [name for name in found.failed if name not in LINKERS and name != JUDGE]
    return head, rows + [_without_figures(name, head) for name in failed]


def linkage_table(found: Findings) -> Table:
    """Returns a row for each linker, without figures where it failed."""
    head = ["linker", "top-1", "chance", "top-5", "chance", "seconds"]
    failed = [name for name in found.failed if name in LINKERS]
    return head, [_linkage(one) for one in found.linkages] + [_without_figures(name, head) for name in failed]


def ceilings(found: Findings) -> list[str]:
    """Returns what the figures of attackers are to be compared with."""
    name = sentences.ceiling_name(found)
    lines = [f"SSIM of the record as published {found.published}; of the {name} {found.ceiling}"]
    if name == "vectorised image":
        lines[0] += f", cleaned {found.ceiling_cleaned}"
    if found.plain_accuracy is not None:
        chance = "" if found.chance_accuracy is None else f"; the most frequent class is {percent(found.chance_accuracy)}"
        lines.append(f"accuracy on the originals {_share(found.plain_accuracy)}{chance}")
    if found.unlabelled or found.unlabelled_public:
        lines.append(
            f"of {found.images:,} records {found.unlabelled:,} have no known class, and of {found.public_images:,} public "
            f"images {found.unlabelled_public:,}: accuracies leave them out"
        )
    notes = [f"{one.attacker}: {one.note}" for one in found.recoveries if one.note]
    return [*lines, "+- is half a 95 % interval over images", *notes]


def to_dict(found: Findings) -> dict[str, Any]:
    """Returns all figures, nothing secret and no picture."""
    names = ("tensorflow", "keras", "tensorflow-datasets", "numpy", "scikit-image")
    content = {
        **found.about,
        "images": found.images,
        "public_images": found.public_images,
        "published_ssim": found.published,
        "ceiling": sentences.ceiling_name(found),
        "ceiling_ssim": found.ceiling,
        "ceiling_cleaned_ssim": found.ceiling_cleaned,
        "plain_accuracy": found.plain_accuracy,
        "chance_accuracy": found.chance_accuracy,
        "recoveries": [_recovery_dict(one) for one in found.recoveries],
        "linkages": [{**vars(one), "chance_top1": _chance(one, 1), "chance_top5": _chance(one, 5)} for one in found.linkages],
        "skipped": found.skipped,
        "failed": found.failed,
        "unlabelled": found.unlabelled,
        "unlabelled_public": found.unlabelled_public,
        "sentence": sentences.quotable(found),
        "threat_model": sentences.threat_model(found),
        "leaks_by_design": sentences.leaks(found),
        "remarks": sentences.remarks(found),
        "versions": {"tfdeid": tfdeid.__version__, **{name: importlib.metadata.version(name) for name in names}},
    }
    return _plain(content)


def write(found: Findings, folder: pathlib.Path) -> pathlib.Path:
    """Writes attack.json to a folder, which is made if it is not there; returns its path."""
    path = folder / "attack.json"
    write_text(epath.Path(path), json.dumps(to_dict(found), indent=1, allow_nan=False) + "\n")
    return path


def _recovery(one: RecoveryFigures, traced: bool) -> list[str]:
    gaps = [_gap(one.gap_closed)]
    if traced:
        error = "-" if one.table_error is None else f"{one.table_error:.2f}"
        gaps += [_gap(one.gap_closed_cleaned), error]
    return [
        one.attacker,
        one.knows,
        str(one.ssim),
        _decibels(one.psnr),
        *gaps,
        "-" if one.accuracy is None else _share(one.accuracy),
        f"{one.used:,}" if one.used else "-",
        f"{one.seconds:.1f}",
    ]


def _without_figures(name: str, head: Sequence[str]) -> list[str]:
    return [name, "failed", *["-"] * (len(head) - 2)]


def _linkage(one: LinkageFigures) -> list[str]:
    chances = [percent(_chance(one, count)) for count in (1, 5)]
    return [one.linker, _share(one.top1), chances[0], _share(one.top5), chances[1], f"{one.seconds:.1f}"]


def _recovery_dict(one: RecoveryFigures) -> dict[str, Any]:
    left_out = ("ssim_of_each", "best", "worst", "examples")
    spread = zip(_PERCENTILES, np.percentile(one.ssim_of_each, _PERCENTILES), strict=True) if len(one.ssim_of_each) else ()
    figures = {name: value for name, value in vars(one).items() if name not in left_out}
    return {**figures, "ssim_percentiles": {str(k): float(value) for k, value in spread}}


def _chance(one: LinkageFigures, count: int) -> float:
    return min(1.0, count / one.candidates)


def _decibels(one: Estimate) -> str:
    return f"{one.mean:.1f}" + (f" +- {one.half_width:.1f}" if one.half_width is not None else "")


def _share(one: Estimate) -> str:
    return f"{100 * one.mean:.1f}" + (f" +- {100 * one.half_width:.1f} %" if one.half_width is not None else " %")


def _gap(share: float) -> str:
    return "-" if math.isnan(share) else f"{100 * share:.1f} %"


def _lines(table: Table) -> str:
    head, rows = table
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    return "\n".join(_line(cells, widths) for cells in (head, *rows))


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(f"{cell:{'<' if k == 0 else '>'}{widths[k]}}" for k, cell in enumerate(cells))


def _plain(value: Any) -> Any:
    """Returns a value as JSON has it; it has no NaN."""
    if isinstance(value, Estimate):
        return {"mean": _plain(value.mean), "half_width_95": _plain(value.half_width)}
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if isinstance(value, (np.floating, np.integer)):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
