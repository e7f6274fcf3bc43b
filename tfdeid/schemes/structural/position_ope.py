"""PosOPE, the method's second step (Ko et al. 2020, III-B): every coordinate is replaced by its order-preserving encryption."""

from __future__ import annotations

import math

import numpy as np

from tfdeid.errors import DeidError, unknown_name
from tfdeid.key import Key
from tfdeid.schemes.structural.number_ope import DOMAIN, NumberOPE
from tfdeid.schemes.structural.vector_image import VectorImage

AXES = ("shared", "independent")
# Larger numbers don't fit in int64.
_WHOLE = 2.0**62
# Spline control points reach a few pixels beyond the canvas; what lies further out is added when it occurs.
MARGIN = 8


class PositionOPE:
    """Encrypts positions under a key.

    enc(p) = (OPE(round(10^d p)) - OPE(0)) / 10^d with d decimals, ties rounded away from zero. It is strictly increasing. The
    key's text is pyope's key. With independent axes (not in the paper) pyope's keys are the texts of
    `key.derive("structural v1, axis x")` and `key.derive("structural v1, axis y")`.

    The tables that it builds are as good as the key: they are never pickled, printed or stored.

    Args:
      key: the owner's key.
      coordinate_decimals: d, 0 to 3; the paper's is 1. With fewer, shapes move more.
      axes: "shared" (x and y are encrypted alike) or "independent".
      whole_canvas: work out the whole canvas at the first image, as is best for many; else only the numbers that occur.

    Raises:
      DeidError: `coordinate_decimals` or `axes` is none of those.
    """

    def __init__(self, key: Key, coordinate_decimals: int = 1, axes: str = "shared", whole_canvas: bool = True):
        if coordinate_decimals not in (0, 1, 2, 3):
            raise DeidError(f"coordinate_decimals must be in [0, 3], coordinate_decimals was {coordinate_decimals!r}.")
        if axes not in AXES:
            raise unknown_name("axes", str(axes), AXES)
        self._decimals, self._axes = coordinate_decimals, axes
        self._factor = 10**coordinate_decimals
        self._fingerprint = key.fingerprint
        if axes == "shared":
            self._x = self._y = _Axis(NumberOPE(key), self._factor)
        else:
            self._x, self._y = (_Axis(NumberOPE(key.derive(f"structural v1, axis {name}")), self._factor) for name in "xy")
        # Up to which canvas size all numbers are known; None for never.
        self._known = 0.0 if whole_canvas else None

    @property
    def offset(self) -> int:
        """The encryption of 0, which every result is measured from; -796 for the published key. For shared axes.

        Raises:
          DeidError: the axes are independent; `offsets` has both.
        """
        return self._shared("offset", "offsets").offset

    @property
    def offsets(self) -> tuple[int, int]:
        """The encryptions of 0 for x and for y."""
        return self._x.offset, self._y.offset

    def canvas(self, size: float) -> float:
        """Returns what a canvas of a size becomes; 32 becomes 291.0 under the published key (the paper's Fig. 6).

        Raises:
          DeidError: the axes are independent (`canvas_size` is for both), or as `encrypt`.
        """
        self._shared("canvas", "canvas_size")
        return self.canvas_size(size, size)[0]

    def canvas_size(self, width: float, height: float) -> tuple[float, float]:
        """Returns the width and height, in encrypted units, of a canvas given in pixels."""
        return float(self.encrypt_x(np.array([width]))[0]), float(self.encrypt_y(np.array([height]))[0])

    def encrypt(self, values: np.ndarray) -> np.ndarray:
        """Encrypts coordinates, of either axis since it is for shared axes.

        Args:
          values: float64 array of any shape, in pixels; 10^d |value| at most 9999.

        Returns:
          float64 of that shape, in encrypted units.

        Raises:
          DeidError: a coordinate is too large for the encryption or no number, or the axes are independent.
        """
        return self._shared("encrypt", "encrypt_x or encrypt_y").encrypt(values)

    def encrypt_x(self, values: np.ndarray) -> np.ndarray:
        """Encrypts x coordinates; as `encrypt`, and for all axes."""
        return self._x.encrypt(values)

    def encrypt_y(self, values: np.ndarray) -> np.ndarray:
        """Encrypts y coordinates; as `encrypt`, and for all axes."""
        return self._y.encrypt(values)

    def __call__(self, image: VectorImage) -> VectorImage:
        """Returns the image with all points, width and height encrypted; colours, stroke width and order stay."""
        if self._known is not None and (size := max(image.width, image.height)) > self._known:
            for axis in {self._x, self._y}:
                axis.reserve(size)
            self._known = size
        if self._x is self._y:
            width, height = self._x.encrypt(np.array([image.width, image.height], np.float64)).tolist()
            points = self._x.encrypt(image.points)
        else:
            width, height = self.canvas_size(image.width, image.height)
            points = np.stack([self.encrypt_x(image.points[:, 0]), self.encrypt_y(image.points[:, 1])], 1)
        return image.replace(width=width, height=height, points=points)

    def encrypt_svg(self, document: str) -> str:
        """Encrypts an SVG document, for inspection.

        Beside the original document the encrypted one gives the key's table away: keep it as you keep the key.
        """
        return self(VectorImage.from_svg(document)).to_svg()

    def _shared(self, name: str, instead: str) -> _Axis:
        if self._x is not self._y:
            raise DeidError(f"{name} is for shared axes, and these are independent. Use {instead}.")
        return self._x

    def __repr__(self) -> str:
        axes = "" if self._axes == "shared" else f", axes={self._axes!r}"
        return f"PositionOPE(fingerprint={self._fingerprint!r}, coordinate_decimals={self._decimals}{axes})"

    def __reduce_ex__(self, protocol: object) -> str:
        raise TypeError(
            "a PositionOPE holds the key's table and is never pickled. Pass a key reference, and build it where it runs."
        )


class _Axis:
    """The encryption of coordinates in pixels, from that of whole numbers."""

    def __init__(self, ope: NumberOPE, factor: int):
        self._ope, self._factor = ope, factor
        self.offset = int(ope.encrypt(np.zeros(1, np.int64))[0])

    def encrypt(self, values: np.ndarray) -> np.ndarray:
        try:
            values = np.asarray(values, np.float64)
        except (TypeError, ValueError):
            raise DeidError("coordinates must be an array of numbers.") from None
        if values.size == 0:
            return np.zeros(values.shape)
        scaled = np.abs(values) * self._factor
        if not (largest := scaled.max()) < _WHOLE:  # Nor is NaN.
            self._check(largest)
        numbers = (np.sign(values) * np.floor(scaled + 0.5)).astype(np.int64)
        if (encrypted := self._ope.known(numbers)) is None:
            self._check(float(np.abs(numbers).max()))
            encrypted = self._ope.encrypt(numbers)
        return (encrypted - self.offset) / self._factor

    def reserve(self, size: float) -> None:
        """Works out all numbers of a canvas in one go."""
        margin = min(MARGIN, max(0.0, DOMAIN / self._factor - size))
        self._check((size + margin) * self._factor)
        self._check((size + margin) * self._factor)
        self._ope.reserve(math.floor(-margin * self._factor), math.ceil((size + margin) * self._factor))

    def _check(self, largest: float) -> None:
        if not math.isfinite(largest):
            raise DeidError(f"coordinates must be finite numbers, one was {largest}.")
        if largest > DOMAIN:
            raise DeidError(
                f"coordinates must be at most {DOMAIN / self._factor:g} in size at coordinate_decimals "
                f"{round(math.log10(self._factor))}, one was {largest / self._factor:g}. Use a smaller input_size or fewer "
                "decimals."
            )
