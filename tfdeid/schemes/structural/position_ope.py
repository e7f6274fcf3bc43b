"""PosOPE, the method's second step (Ko et al. 2020, III-B): every coordinate is replaced by its order-preserving encryption."""

from __future__ import annotations

import math
import threading

import numpy as np
from pyope import ope as pyope
from pyope import stat

from tfdeid.errors import DeidError
from tfdeid.key import Key
from tfdeid.schemes.structural.vector_image import VectorImage

_DOMAIN = 9999
_IN_RANGE = pyope.ValueRange(-_DOMAIN, _DOMAIN)
_OUT_RANGE = pyope.ValueRange(-99999, 99999)
# Spline control points reach a few pixels beyond the canvas; what lies further out is added when it occurs.
_MARGIN = 8


class _Table:
    """The encrypted numbers from a first plaintext number on. `repr`, and so a traceback with variables, does not show them."""

    __slots__ = ("first", "numbers", "stop")

    def __init__(self, first: int, numbers: np.ndarray):
        self.first, self.stop, self.numbers = first, first + len(numbers), numbers

    def __getitem__(self, plain: np.ndarray) -> np.ndarray:
        return self.numbers[plain - self.first]


class PositionOPE:
    """Encrypts positions under a key; the same for all images and both axes.

    enc(p) = (OPE(round(10^d p)) - OPE(0)) / 10^d with d decimals, ties rounded away from zero. It is strictly increasing.

    The table that it builds is as good as the key: it is never pickled, printed or stored.

    Args:
      key: the owner's key.
      coordinate_decimals: d, 0 to 3; the paper's is 1. With fewer, shapes move more.
    """

    def __init__(self, key: Key, coordinate_decimals: int = 1):
        if coordinate_decimals not in (0, 1, 2, 3):
            raise DeidError(f"coordinate_decimals must be in [0, 3], coordinate_decimals was {coordinate_decimals!r}.")
        self._decimals = coordinate_decimals
        self._factor = 10**coordinate_decimals
        self._fingerprint = key.fingerprint
        self._ope = pyope.OPE(key.material, in_range=_IN_RANGE, out_range=_OUT_RANGE)
        self._lock = threading.Lock()
        self._offset = int(self._ope.encrypt(0))
        self._table = _Table(0, np.array([self._offset], np.int64))  # Replaced as one when it grows.

    @property
    def offset(self) -> int:
        """The encryption of 0, which every result is measured from; -796 for the published key."""
        return self._offset

    def canvas(self, size: float) -> float:
        """Returns what a canvas of a size becomes; 32 becomes 291.0 under the published key (the paper's Fig. 6)."""
        return float(self.encrypt(np.array([size], np.float64))[0])

    def encrypt(self, values: np.ndarray) -> np.ndarray:
        """Encrypts coordinates.

        Args:
          values: float64 array of any shape, in pixels; 10^d |value| at most 9999.

        Returns:
          float64 of that shape, in encrypted units.

        Raises:
          DeidError: a coordinate is too large for the encryption.
        """
        scaled = np.abs(values) * self._factor
        numbers = (np.sign(values) * np.floor(scaled + 0.5)).astype(np.int64)
        if numbers.size == 0:
            return np.zeros(numbers.shape)
        table = self._covering(int(numbers.min()), int(numbers.max()))
        return (table[numbers] - self._offset) / self._factor

    def __call__(self, image: VectorImage) -> VectorImage:
        """Returns the image with all points, width and height encrypted; colours, stroke width and order stay."""
        self._reserve(max(image.width, image.height))
        width, height = self.encrypt(np.array([image.width, image.height], np.float64)).tolist()
        return image.replace(width=width, height=height, points=self.encrypt(image.points))

    def encrypt_svg(self, document: str) -> str:
        """Encrypts an SVG document, for inspection.

        Beside the original document the encrypted one gives the key's table away: keep it as you keep the key.
        """
        return self(VectorImage.from_svg(document)).to_svg()

    def _reserve(self, size: float) -> None:
        """Builds the table for a canvas in one go."""
        margin = min(_MARGIN, max(0.0, _DOMAIN / self._factor - size))
        self._covering(math.floor(-margin * self._factor), math.ceil((size + margin) * self._factor))

    def _covering(self, low: int, high: int) -> _Table:
        """Returns a table that covers [low, high], extended if need be."""
        table = self._table
        if table.first <= low and high < table.stop:
            return table
        if max(-low, high) > _DOMAIN:
            largest = max(-low, high) / self._factor
            raise DeidError(
                f"coordinates must be at most {_DOMAIN / self._factor:g} in size at coordinate_decimals {self._decimals}, one "
                f"was {largest:g}. Use a smaller input_size or fewer decimals."
            )
        with self._lock:
            table = self._table
            if low < table.first:
                table = _Table(low, np.concatenate([self._encrypt_range(low, table.first - 1), table.numbers]))
            if high >= table.stop:
                table = _Table(table.first, np.concatenate([table.numbers, self._encrypt_range(table.stop, high)]))
            self._table = table
            return table

    def _encrypt_range(self, low: int, high: int) -> np.ndarray:
        """Returns pyope's encryption of every number in [low, high].

        pyope halves the range of ciphertexts until one plaintext is left, drawing at each step how many plaintexts fall on
        either side. Going down once for a whole range, rather than once a number, draws each step once; numbers stay its own.
        """
        out = np.empty(high - low + 1, np.int64)
        waiting = [(_IN_RANGE.start, _IN_RANGE.end, _OUT_RANGE.start, _OUT_RANGE.end)]
        while waiting:
            in_low, in_high, out_low, out_high = waiting.pop()
            if in_low > in_high or in_high < low or high < in_low:
                continue
            out_range = pyope.ValueRange(out_low, out_high)
            if in_low == in_high:
                out[in_low - low] = stat.sample_uniform(out_range, self._ope.tape_gen(in_low))
                continue
            middle = out_low - 1 + math.ceil((out_high - out_low + 1) / 2.0)
            in_range = pyope.ValueRange(in_low, in_high)
            split = stat.sample_hgd(in_range, out_range, middle, self._ope.tape_gen(middle))
            waiting.append((in_low, split, out_low, middle))
            waiting.append((split + 1, in_high, middle + 1, out_high))
        return out

    def __repr__(self) -> str:
        return f"PositionOPE(fingerprint={self._fingerprint!r}, coordinate_decimals={self._decimals})"

    def __reduce_ex__(self, protocol: object) -> str:
        raise TypeError(
            "a PositionOPE holds the key's table and is never pickled. Pass a key reference, and build it where it runs."
        )
