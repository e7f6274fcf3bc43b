"""The bundled sample: 200 gray 25x25 patches, faces and others, that come inside scikit-image."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence

import numpy as np

from tfdeid.data.sources.base import Example, Store
from tfdeid.image import to_uint8

_PER_CLASS = {"train": 80, "test": 20}


class LfwSubset(Store):
    """`skimage.data.lfw_subset()`: examples 0..99 of it are faces, 100..199 are not.

    Both splits hold both classes evenly, faces first. The patches are floats in [0, 1] and become floor(255 * x + 1/2).
    """

    name = "lfw_subset"
    version = "1.0.0"
    channels = 1

    @property
    def label_names(self) -> list[str]:
        return ["face", "nonface"]

    @property
    def sizes(self) -> dict[str, int]:
        return {split: 2 * count for split, count in _PER_CLASS.items()}

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
    from skimage import data  # Late: takes half a second.

    return data.lfw_subset()
