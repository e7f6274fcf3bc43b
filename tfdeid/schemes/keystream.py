"""Random numbers that a key fixes, and the masks that the encryption schemes draw from them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms

from tfdeid.errors import ImageError
from tfdeid.key import Key
from tfdeid.schemes.base import DATASET, CommonOptions, Scheme

_Mask = TypeVar("_Mask")


class KeyStream:
    """The key stream of ChaCha20 (RFC 8439) under a subkey, as numbers; the same on every platform.

    Args:
      key: the owner's key.
      label: what the numbers are for. Streams of other labels are independent.
    """

    def __init__(self, key: Key, label: str):
        # Every label has a key of its own, so the nonce, and with it the block counter, may begin at zero.
        self._encryptor = Cipher(algorithms.ChaCha20(key.subkey(label), bytes(16)), mode=None).encryptor()

    def bytes(self, count: int) -> npt.NDArray[np.uint8]:
        """Returns the next bytes, uint8[count]."""
        return np.frombuffer(bytearray(self._encryptor.update(bytes(count))), np.uint8)

    def bits(self, count: int) -> npt.NDArray[np.uint8]:
        """Returns 0s and 1s, uint8[count]: those of the next ceil(count / 8) bytes, the highest bit of each first."""
        return np.unpackbits(self.bytes(-(-count // 8)), count=count)

    def below(self, bound: int | np.ndarray, count: int) -> npt.NDArray[np.uint8]:
        """Returns numbers of [0, bound), each equally likely: a byte that would favour some is drawn anew, not folded.

        Args:
          bound: from 1 to 255, for all numbers or one for each.
          count: how many.

        Returns:
          uint8[count].
        """
        bounds = np.broadcast_to(np.asarray(bound, np.uint8), count)
        largest = 255 - (256 % np.asarray(bound, np.uint16)).astype(np.uint8)
        numbers = self.bytes(count)
        while (again := np.flatnonzero(numbers > largest)).size:
            numbers[again] = self.bytes(again.size)
        return numbers % bounds

    def shares(self, count: int) -> npt.NDArray[np.float64]:
        """Returns numbers of [0, 1), float64[count], multiples of 2^-32 that are equally likely."""
        return self.bytes(4 * count).view("<u4") / 2**32

    def permutation(self, count: int) -> npt.NDArray[np.intp]:
        """Returns the numbers 0 to count - 1, at most 255 of them, in an order drawn by Fisher and Yates's shuffle."""
        order = list(range(count))
        draws = self.below(np.arange(count, 1, -1), max(0, count - 1))
        for last, chosen in zip(range(count - 1, 0, -1), draws.tolist(), strict=True):
            order[last], order[chosen] = order[chosen], order[last]
        return np.array(order, np.intp)

    def order(self, count: int) -> npt.NDArray[np.intp]:
        """Returns the numbers 0 to count - 1 in a drawn order: that of 8 bytes for each. There may be more than 255."""
        return np.argsort(self.bytes(8 * count).view("<u8"), kind="stable")


class Masks(Generic[_Mask]):
    """A scheme's masks under a key: one for all images, or one an image, as the configuration's `key_scope` says.

    They are as good as the key, and never stored or shown.

    Args:
      label: the scheme and the version of its algorithm.
      scheme: whose masks they are.
      draw: makes a mask for a number of channels.
    """

    def __init__(self, label: str, scheme: Scheme, draw: Callable[[KeyStream, int], _Mask]):
        self._label, self._scheme, self._draw = label, scheme, draw
        self._shared: dict[int, _Mask] = {}

    def mask_for(self, image: np.ndarray, image_id: str | None) -> _Mask:
        """Returns the mask of an image.

        Args:
          image: uint8[N, N, C], N the input size and C 1 or 3.
          image_id: with key_scope "image" the image's id, else of no account.

        Raises:
          DeidError: the image has another shape, or its id is missing.
        """
        config, channels = self._scheme.config, image.shape[-1]
        size = config.input_size
        if image.dtype != np.uint8 or image.shape not in ((size, size, 1), (size, size, 3)):
            raise ImageError(
                f"an image must be uint8[{size}, {size}, 1 or 3] here, input_size being {size}; "
                f"got {image.dtype}{list(image.shape)}."
            )
        if config.key_scope != DATASET:
            return self._drawn(channels, f", image {config.image_label(self._scheme.needed_id(image_id))}")
        # Two threads that come first at once draw the same mask.
        if channels not in self._shared:
            whose = "" if config.algorithm_version == 1 else f", input size {size}"
            self._shared[channels] = self._drawn(channels, whose)
        return self._shared[channels]

    def _drawn(self, channels: int, whose: str) -> _Mask:
        return self._draw(KeyStream(self._scheme.key, f"{self._label}, {channels} channels{whose}"), channels)


def shared_mask(config: CommonOptions) -> list[str]:
    """Returns what records show of a mask that all have: a sentence, or none."""
    if config.key_scope != DATASET:
        return []
    return ["All records have the same mask: what is learned from some of them holds for the others."]
