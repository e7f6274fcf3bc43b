"""A source: circles and squares in colours, drawn when they are read. `--dataset shapes:200` has 200 of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from tfdeid.data.sources.base import DeidError, Example, Store

_SIDE = 48
_TEST_SHARE = 5  # One in so many is in the split `test`.


class Shapes(Store):
    """COUNT images of 48 x 48, in the splits train and test."""

    name, argument = "shapes", "COUNT"
    label_names = ("circle", "square")
    version = "1.0"
    channels = 3

    def __init__(self, rest: str = "100"):
        super().__init__(rest)
        if not rest.isdecimal() or not 10 <= int(rest) <= 1_000_000:
            raise DeidError(f"shapes:COUNT takes a whole number from 10 to 1,000,000, COUNT was {rest!r}.")
        self._count = int(rest)

    @property
    def sizes(self) -> Mapping[str, int]:
        tests = self._count // _TEST_SHARE
        return {"train": self._count - tests, "test": tests}

    def read(self, split: str, indices: Sequence[int] | np.ndarray) -> Iterator[Example]:
        labels = self.labels(split)
        for index in map(int, indices):
            yield Example(_drawn(split == "test", index, labels[index]), int(labels[index]), f"{split} {index}", index)

    def labels(self, split: str) -> np.ndarray:
        return np.arange(self.sizes[split]) % 2

    def reads_quickly(self, split: str) -> bool:
        return True


def _drawn(is_test: bool, index: int, label: int) -> np.ndarray:
    """Returns uint8[48, 48, 3]."""
    random = np.random.RandomState([is_test, index])
    ground, color = random.randint(0, 256, (2, 3))
    centre, reach = random.uniform(16, 32, 2), random.uniform(6, 14)
    apart = np.abs(np.indices((_SIDE, _SIDE)) - centre[:, None, None])
    is_inside = apart.max(0) <= reach if label else np.hypot(*apart) <= reach
    return np.where(is_inside[..., None], color, ground).astype(np.uint8)
