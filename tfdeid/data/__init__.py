"""Datasets: sources to de-identify, the result's metadata and loading, and batches to train on."""

from typing import Any

__all__ = ["RandomAffine"]


def __getattr__(name: str) -> Any:
    if name == "RandomAffine":
        from tfdeid.data.augment import RandomAffine  # Late: loads Keras, which takes seconds.

        return RandomAffine
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
