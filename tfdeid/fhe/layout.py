"""Where numbers are in a ciphertext: places of an image one after the other, and in each the images of a batch."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tfdeid.errors import DeidError
from tfdeid.fhe.network import Geometry

# Place 0 is left out of answers: rounding in SEAL is a little one-sided, which adds up in the first few slots.
_FIRST = 1


class Layout:
    """Shares the slots of a ciphertext out.

    Args:
      geometry: of the network's first layer.
      slots: numbers in a ciphertext.

    Attributes:
      batch_size: images.
      rotations: steps by which ciphertexts are rotated, to add up places.
      most_classes: classes that an answer has room for.

    Raises:
      DeidError: an image has too many places.
    """

    def __init__(self, geometry: Geometry, slots: int):
        self._count = geometry.places**2
        self._places = 1 << (self._count - 1).bit_length()  # A power of two: rotations go round.
        if self._places > slots:
            raise DeidError(f"an image of {geometry.side} pixels a side has {self._count} places, and a ciphertext {slots}.")
        self.batch_size = slots // self._places
        self.most_classes = self._places - _FIRST
        self.rotations = [self.batch_size << k for k in range(self._places.bit_length() - 1)]

    def spread(self, values: np.ndarray) -> Iterator[np.ndarray]:
        """Yields float64[slots] for each of float64[M, count of places, N]: N images, or 1 for the same in all."""
        for plane in values:
            filled = np.zeros((self._places, self.batch_size))
            filled[: len(plane), : plane.shape[1] if plane.shape[1] > 1 else None] = plane
            yield filled.ravel()

    def spread_answer(self, values: np.ndarray) -> Iterator[np.ndarray]:
        """Yields float64[slots] for each of float64[M, classes]: the number of each class in its place."""
        return self.spread(np.pad(values, [(0, 0), (_FIRST, 0)])[:, :, None])

    def answers(self, slots: np.ndarray, num_classes: int, count: int) -> np.ndarray:
        """Returns float64[count, num_classes] out of such places."""
        return slots.reshape(self._places, self.batch_size)[_FIRST : _FIRST + num_classes, :count].T
