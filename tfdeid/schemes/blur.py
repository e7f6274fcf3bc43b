"""A Gaussian blur."""

from __future__ import annotations

import dataclasses
import decimal
import functools

import numpy as np
import numpy.typing as npt

from tfdeid.checks import checked_number
from tfdeid.key import Key
from tfdeid.schemes.base import CommonOptions, PixelScheme

# Weights are whole numbers that add up to about this, so that sums stay below 2^53 and are the same on every machine.
_WHOLE = 2**20
# The filter ends at so many standard deviations, where a weight is 3e-4 of the largest.
_REACH = 4


@dataclasses.dataclass(frozen=True)
class BlurOptions:
    """How much is blurred.

    Raises:
      DeidError: a value is out of its bounds; the message gives the rule and the value.
    """

    sigma: float = 0.08
    """Standard deviation of the Gaussian, as a share of the image's side: larger hides more."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "sigma", checked_number("sigma", self.sigma, 0, 1))


class Blur(PixelScheme):
    """Each value becomes the mean of those around it by a Gaussian's weights, at the input size; then comes the stretching.

    The standard deviation is `sigma` times the input size, in pixels. Beyond the border the nearest pixel is repeated, and what
    is farther than four standard deviations does not count. Weights are rounded to some millionths, results to whole levels.
    """

    name = "blur"
    about = "a Gaussian blur, its width a share of the side; no key"
    Options = BlurOptions
    needs_key = False

    def __init__(self, config: CommonOptions, key: Key | None = None):
        super().__init__(config, key)
        self._weights = blur_matrix(config.input_size, config.options.sigma)

    @classmethod
    def leaks(cls, config: CommonOptions) -> list[str]:
        return [
            f"Colours and layout, and all that is coarser than the blur, of {config.options.sigma:g} of the side, which is "
            "known, and so can be undone in part.",
            "Whoever has candidate originals blurs them and compares: there is no key that they would lack.",
        ]

    def encrypt(self, image: np.ndarray, image_id: str | None = None) -> npt.NDArray[np.uint8]:
        """Returns uint8[N, N, C], the image uint8[N, N, C] blurred and not stretched yet."""
        planes = np.ascontiguousarray(np.moveaxis(image, 2, 0), np.float64)
        sums = np.moveaxis(self._weights @ planes @ self._weights.T, 0, 2)
        whole = self._weights[0].sum() ** 2
        return ((2 * sums + whole) // (2 * whole)).astype(np.uint8)


@functools.lru_cache(maxsize=32)
def blur_matrix(size: int, sigma: float) -> npt.NDArray[np.float64]:
    """Returns float64[N, N], whole weights of a line's pixels (columns) in each blurred one (rows); all rows have one sum.

    Args:
      size: N.
      sigma: the standard deviation as a share of N.
    """
    # Python's decimal numbers round exponentials in one way on every machine; the C library's do not.
    context = decimal.Context(prec=30)
    pixels = context.multiply(decimal.Decimal(repr(sigma)), decimal.Decimal(size))
    reach = int(context.multiply(pixels, decimal.Decimal(_REACH)).to_integral_value(decimal.ROUND_CEILING))
    twice = context.multiply(decimal.Decimal(2), context.multiply(pixels, pixels))
    bell = [context.exp(context.divide(decimal.Decimal(-(step**2)), twice)) for step in range(reach + 1)]
    total = functools.reduce(context.add, [*bell, *bell[1:]])
    shares = [context.divide(context.multiply(each, decimal.Decimal(_WHOLE)), total) for each in bell]
    weights = np.array([int(share.to_integral_value(decimal.ROUND_HALF_EVEN)) for share in shares])
    matrix = np.zeros((size, size))
    rows = np.arange(size)
    for step in range(-reach, reach + 1):
        np.add.at(matrix, (rows, np.clip(rows + step, 0, size - 1)), weights[abs(step)])
    matrix.flags.writeable = False
    return matrix
