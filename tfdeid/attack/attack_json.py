"""attack.json: all figures of an attack, for other programs; nothing secret and no picture."""

from __future__ import annotations

import enum
import importlib.metadata
import json
import math
import pathlib
from typing import Any

import numpy as np
from etils import epath

import tfdeid
from tfdeid.attack import sentences
from tfdeid.attack.figures import Estimate, Findings, LinkageFigures, RecoveryFigures
from tfdeid.files import write_text

_PERCENTILES = (5, 25, 50, 75, 95)
_LEFT_OUT = ("ssim_of_each", "best", "worst", "examples", "trained", "changes_records", "column")


def to_dict(findings: Findings) -> dict[str, Any]:
    """Returns all figures, nothing secret and no picture."""
    names = ("tensorflow", "keras", "tensorflow-datasets", "numpy", "scikit-image")
    content = {
        **findings.about,
        "reference": findings.reference,
        "images": findings.images,
        "public_images": findings.public_images,
        "published_ssim": findings.published,
        "ceiling": sentences.ceiling_name(findings),
        "ceiling_ssim": findings.ceiling,
        "ceiling_cleaned_ssim": findings.ceiling_cleaned,
        "plain_accuracy": findings.plain_accuracy,
        "chance_accuracy": findings.chance_accuracy,
        "recoveries": [_recovery(figures) for figures in findings.recoveries],
        "linkages": [_linkage(figures) for figures in findings.linkages],
        "skipped": findings.skipped,
        "failed": findings.failed,
        "unlabelled": findings.unlabelled,
        "unlabelled_public": findings.unlabelled_public,
        "sentence": sentences.quotable(findings),
        "threat_model": sentences.threat_model(findings),
        "leaks_by_design": sentences.leaks(findings),
        "remarks": sentences.remarks(findings),
        **{section.name: dict(section.figures) for section in findings.sections},
        "versions": {"tfdeid": tfdeid.__version__, **{name: importlib.metadata.version(name) for name in names}},
    }
    return _plain(content)


def write(findings: Findings, folder: pathlib.Path) -> pathlib.Path:
    """Writes attack.json to a folder, which is made if it is not there; returns its path."""
    path = folder / "attack.json"
    write_text(epath.Path(path), json.dumps(to_dict(findings), indent=1, allow_nan=False) + "\n")
    return path


def _recovery(figures: RecoveryFigures) -> dict[str, Any]:
    each = figures.ssim_of_each
    spread = zip(_PERCENTILES, np.percentile(each, _PERCENTILES), strict=True) if len(each) else ()
    values = {name: value for name, value in vars(figures).items() if name not in _LEFT_OUT}
    return {**values, "ssim_percentiles": {str(percent): float(value) for percent, value in spread}}


def _linkage(figures: LinkageFigures) -> dict[str, Any]:
    return {**vars(figures), "chance_top1": figures.chance(1), "chance_top5": figures.chance(5)}


def _plain(value: Any) -> Any:
    """Returns a value as JSON has it; it has no NaN."""
    if isinstance(value, Estimate):
        return {"mean": _plain(value.mean), "half_width_95": _plain(value.half_width)}
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, (np.floating, np.integer)):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
