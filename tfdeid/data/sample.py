"""The bundled sample: 200 gray 25x25 patches, faces and others, that come inside scikit-image."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence

import numpy as np

from tfdeid.data.example import Example
from tfdeid.image import to_uint8

_PER_CLASS = {"train": 80, "test": 20}


class SampleStore:
    """`skimage.data.lfw_subset()`: examples 0..99 of it are faces, 100..199 are not.

    Both splits hold both classes evenly, faces first. The patches are floats in [0, 1] and become floor(255 * x + 1/2).
    """

    def __init__(self) -> None:
        self.name = "lfw_subset"
        self.version = "1.0.0"
        self.label_names: list[str] | None = ["face", "nonface"]
        self.channels: int | None = 1
        self.sizes = {split: 2 * count for split, count in _PER_CLASS.items()}

        self.is_remote, self.states_version = False, True
        self.notes: list[str] = []

    def labels(self, split: str) -> np.ndarray:
        return np.repeat(np.arange(2), _PER_CLASS[split])

    def reads_quickly(self, split: str) -> bool:
        return True

    def read(self, split: str, indices: Sequence[int] | np.ndarray) -> Iterator[Example]:
        patches = _patches()
        first = 0 if split == "train" else _PER_CLASS["train"]  # the split's first patch within its class
        for index in map(int, indices):
            label, position = divmod(index, _PER_CLASS[split])
            patch = patches[100 * label + first + position]
            yield Example(to_uint8(patch), label, f"{index}", index)


@functools.cache
def _patches() -> np.ndarray:
    from skimage import data  # Imported here because it is slow.

    return data.lfw_subset()
