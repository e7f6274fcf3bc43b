"""What differs between Keras's backends while a network is trained, one module each: `module()` is that of the one in use."""

from __future__ import annotations

import importlib
import json
from types import ModuleType

from etils import epath

from tfdeid.errors import DeidError

BACKENDS = ("tensorflow", "jax")


def module() -> ModuleType:
    """Returns the module of the backend in use, with `Engine`, `Data`, `Predictor`, `write_checkpoint` and `read_checkpoint`.

    Raises:
      DeidError: networks can't be trained on this backend.
    """
    import keras  # Late: takes seconds, and its backend is chosen by what is asked here before.

    backend = keras.backend.backend()
    if backend not in BACKENDS:
        raise DeidError(f"networks are trained on {' or '.join(BACKENDS)}, KERAS_BACKEND was {backend!r}.")
    try:
        return importlib.import_module(f"tfdeid.train.engines.{backend}")
    except ModuleNotFoundError as error:
        raise DeidError(f"to train on {backend}, {error.name} must be installed: pip install 'tfdeid[{backend}]'.") from None


def backend_of(run_path: epath.PathLike) -> str | None:
    """Returns the backend that a run was trained on; None where that can't be told, which opening the run explains."""
    try:
        backend = json.loads((epath.Path(run_path) / "run.json").read_text()).get("backend", "tensorflow")
    except Exception:
        return None
    return backend if backend in BACKENDS else None
