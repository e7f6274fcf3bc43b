"""YAML configuration files: sections of named values, each checked against the dataclass that it fills."""

from __future__ import annotations

import dataclasses
import importlib.resources
import pathlib
from collections.abc import Mapping
from typing import Any

import yaml

from tfdeid.errors import DeidError, unknown_name

# Every command reads its own sections and checks the names of all, so that one file can describe a whole experiment.
SECTIONS = ("source", "deid", "data", "train")


def load_config(reference: str) -> dict[str, dict[str, Any]]:
    """Reads a configuration file.

    Args:
      reference: a path, or the name of a file that ships with the package, as `lfw_subset.yaml`.

    Returns:
      For each section that the file has, its keys and values.

    Raises:
      DeidError: the file is missing, is no YAML, or has an unknown section.
    """
    text = _read(reference)
    try:
        content = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise DeidError(f"{reference} is not valid YAML: {error}") from error
    if not isinstance(content, dict):
        raise DeidError(f"{reference} must hold the sections {', '.join(SECTIONS)}; it holds {type(content).__name__}.")
    for name, section in content.items():
        if name not in SECTIONS:
            raise unknown_name(f"section in {reference}", str(name), SECTIONS)
        if not isinstance(section, dict | None):
            raise DeidError(f"section {name!r} of {reference} must hold `key: value` lines; it holds {type(section).__name__}.")
    return {name: section or {} for name, section in content.items()}


def check_keys(section: str, values: Mapping[str, Any], dataclass: type) -> None:
    """Raises DeidError if a key of the section is no field of the dataclass; the message names the nearest field."""
    known = [field.name for field in dataclasses.fields(dataclass)]
    for key in values:
        if key not in known:
            raise unknown_name(f"key in section {section!r}", str(key), known)


def number(name: str, value: Any) -> float:
    """Returns a value of a file or an option as a float: YAML takes numbers such as 1e-6, without a point, for text.

    Raises:
      DeidError: it is none.
    """
    try:
        return float(value)
    except (TypeError, ValueError):
        raise DeidError(f"{name} must be a number, it was {value!r}.") from None


def experiment_on(dataset: str) -> str | None:
    """Returns the name of the shipped configuration file that makes and trains on a dataset `name/config`, if there is one."""
    for path in sorted(_shipped().iterdir(), key=lambda path: path.name) if _shipped().is_dir() else []:
        if path.name.endswith(".yaml") and load_config(path.name).get("data", {}).get("dataset") == dataset:
            return path.name
    return None


def _shipped() -> Any:
    shipped = importlib.resources.files("tfdeid") / "configs"
    # In a source tree the folder lies beside the package.
    return shipped if shipped.is_dir() else pathlib.Path(__file__).parents[1] / "configs"


def _read(reference: str) -> str:
    path = pathlib.Path(reference).expanduser()
    if path.is_file():
        return path.read_text()
    # A path such as configs/x.yaml, pasted from the README, works outside the source tree too.
    candidate = _shipped() / path.name
    if candidate.is_file():
        return candidate.read_text()
    known = [entry.name for entry in _shipped().iterdir() if entry.name.endswith(".yaml")] if _shipped().is_dir() else []
    raise unknown_name("configuration file", reference, known)
