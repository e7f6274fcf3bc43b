"""What a finished run leaves beside its checkpoints: networks in Keras's format, and its results."""

from __future__ import annotations

import contextlib
from typing import Any

import keras
from etils import epath

from tfdeid.errors import DeidError, reason
from tfdeid.train.run_dir import BEST, LAST, RunDir


def export(model: keras.Model, run: RunDir) -> None:
    """Writes the best and the last network, which the model then is, and the results.

    Raises:
      DeidError: the disk is full or can't be written; no half-written network is left.
    """
    try:
        for which in (BEST, LAST):  # The last one stays in memory.
            run.restore({"network": model.variables}, which)
            _save(model, run.path, which)
    except OSError as error:
        raise DeidError(f"the network can't be written to {run.path}: {reason(error)}. Make room, and run again.") from error
    run.write_results(_results(run.history))


def _save(model: keras.Model, folder: epath.Path, name: str) -> None:
    whole, part = folder / f"{name}.keras", folder / f".{name}.incomplete.keras"
    try:
        model.save(part)
        part.replace(whole)
    except OSError:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise


def _results(history: list[dict[str, Any]]) -> dict[str, Any]:
    best, last = max(history, key=lambda row: row["test_accuracy"]), history[-1]
    return {
        "epochs": last["epoch"],
        "test_accuracy": last["test_accuracy"],
        "best_test_accuracy": best["test_accuracy"],
        "best_epoch": best["epoch"],
        "seconds": round(sum(row["seconds"] for row in history), 1),
    }
