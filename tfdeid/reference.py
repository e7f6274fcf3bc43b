"""What de-identified images are compared with: the source image, or what is left of it at the input size."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

from tfdeid.deidentifier import DeidConfig, Deidentifier
from tfdeid.errors import unknown_name
from tfdeid.image import resize, to_grayscale, to_uint8

SOURCE = "source"
"""The source image, resized straight to the output size: reduction to the input size is part of what protects."""
INPUT = "input"
"""The image reduced to the input size first, as in the paper (Ko et al. 2020, section III-D)."""

IN_WORDS = {
    SOURCE: "the source image at the output size",
    INPUT: "the original reduced to the input size",
}


def check_reference(reference: str) -> None:
    """Raises DeidError if there is no such reference."""
    if reference not in IN_WORDS:
        raise unknown_name("reference", reference, IN_WORDS)


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Original:
    """An image before it is de-identified.

    Attributes:
      prepared: uint8[N, N, C], N the input size, as the scheme takes it: what becomes of the image depends on nothing else.
      source: uint8[H, W, C], what the image is compared with once it is resized to S x S, S the output size. With `SOURCE` it
        is the image as it came where that has at most S x S pixels, and is at S x S where it has more, which bounds memory
        and leaves the comparison as it is. With `INPUT` it is `prepared`.
    """

    prepared: npt.NDArray[np.uint8]
    source: npt.NDArray[np.uint8]


class Preparing:
    """Makes originals of images as they came.

    Args:
      config: what is done to them.
      reference: `SOURCE` or `INPUT`.

    Raises:
      DeidError: there is no such reference.
    """

    def __init__(self, config: DeidConfig, reference: str = SOURCE):
        check_reference(reference)
        self._config, self._reference = config, reference
        self._prepare = Deidentifier(config.with_scheme("plain")).prepare

    def __call__(self, image: npt.ArrayLike) -> Original:
        """Returns the original of [H, W, 3], [H, W, 1] or [H, W], uint8 or floats in [0, 1].

        Raises:
          DeidError: it is no such image.
        """
        source = to_uint8(image)
        if self._config.grayscale:
            source = to_grayscale(source)
        prepared, size = self._prepare(source), self._config.output_size
        if self._reference == INPUT:
            return Original(prepared, prepared)
        is_large = source.shape[0] * source.shape[1] > size * size
        return Original(prepared, resize(source, size) if is_large else source)
