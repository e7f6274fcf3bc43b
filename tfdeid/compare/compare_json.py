"""compare.json: all figures of a comparison, for other programs; nothing secret and no picture."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import json
import math
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

from etils import epath

import tfdeid
from tfdeid.compare.figures import Comparison, MethodFigures
from tfdeid.files import write_text

_VERSIONS = ("tensorflow", "keras", "tensorflow-datasets", "numpy", "scikit-image")


def to_dict(comparison: Comparison) -> dict[str, Any]:
    """Returns all figures, nothing secret and no picture."""
    return _plain(
        {
            "dataset": comparison.dataset,
            "scale": comparison.scale,
            **{name.replace(" ", "_"): value for name, value in comparison.about},
            "risks": comparison.risks,
            "methods": [_method(method) for method in comparison.methods],
            "sentences": comparison.sentences,
            "recommendation": comparison.recommendation or None,
            "recommended": comparison.recommended,
            "command": comparison.command,
            "versions": {"tfdeid": tfdeid.__version__, **{name: importlib.metadata.version(name) for name in _VERSIONS}},
        }
    )


def write(comparison: Comparison, folder: pathlib.Path) -> pathlib.Path:
    """Writes compare.json to a folder, which is made if it is not there; returns its path."""
    path = folder / "compare.json"
    write_text(epath.Path(path), json.dumps(to_dict(comparison), indent=1, allow_nan=False) + "\n")
    return path


def _method(method: MethodFigures) -> dict[str, Any]:
    values = {field.name: getattr(method, field.name) for field in dataclasses.fields(method) if field.name != "pictures"}
    return {**values, "deid": method.deid.to_dict()}


def _plain(value: Any) -> Any:
    """Returns a value as JSON has it; it has no NaN."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
