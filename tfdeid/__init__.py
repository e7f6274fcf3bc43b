"""Structural image de-identification for TFDS datasets (Ko et al., IEEE Access 8, 2020).

    from tfdeid import Key, DeidConfig, Deidentifier, load

Importing this package loads neither TensorFlow nor Beam; each name is loaded at its first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOMES = {
    "Key": "tfdeid.key",
    "DeidConfig": "tfdeid.deidentifier",
    "Deidentifier": "tfdeid.deidentifier",
    "DeidError": "tfdeid.errors",
    "load": "tfdeid.data.load",
    "data_source": "tfdeid.data.load",
}

__all__ = ["DeidConfig", "DeidError", "Deidentifier", "Key", "__version__", "data_source", "load"]

if TYPE_CHECKING:
    from tfdeid.data.load import data_source, load
    from tfdeid.deidentifier import DeidConfig, Deidentifier
    from tfdeid.errors import DeidError
    from tfdeid.key import Key


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
