"""pyope's order-preserving encryption (Boldyreva et al. 2009) of whole numbers, number for number, as a table that grows."""

from __future__ import annotations

import bisect
import hmac
import threading
from collections.abc import Sequence

import numpy as np
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from pyope.hgd import HGD

from tfdeid.key import Key

# Plaintexts are in [-DOMAIN, DOMAIN].
DOMAIN = 9999
_LARGEST_OUTPUT = 99999
_UNKNOWN = np.iinfo(np.int64).min
_BLOCK = bytes(64)


class _Table:
    """The encrypted numbers from a first plaintext number on. `repr`, and so a traceback with variables, does not show them."""

    __slots__ = ("first", "numbers", "stop")

    def __init__(self, first: int, numbers: np.ndarray):
        self.first, self.stop, self.numbers = first, first + len(numbers), numbers

    def get(self, plain: np.ndarray) -> np.ndarray | None:
        """Returns what numbers become, or None if one of them is not known yet."""
        if plain.min() < self.first or plain.max() >= self.stop:
            return None
        encrypted = self.numbers[plain - self.first]
        return None if encrypted.min() == _UNKNOWN else encrypted


class NumberOPE:
    """Encrypts whole numbers under a key; what it has worked out it keeps. Safe to share between threads.

    The table is as good as the key: it is never pickled, printed or stored.

    Args:
      key: its text is pyope's key.
    """

    __slots__ = ("_key", "_lock", "_table")

    def __init__(self, key: Key):
        self._key = key
        self._lock = threading.Lock()
        self._table = _Table(0, np.full(1, _UNKNOWN))  # Replaced as one when it grows.

    def encrypt(self, numbers: np.ndarray) -> np.ndarray:
        """Encrypts numbers: int64 of any shape but an empty one, in [-DOMAIN, DOMAIN], to int64 of that shape."""
        encrypted = self.known(numbers)
        if encrypted is None:
            encrypted = self._grown(np.unique(numbers)).get(numbers)
            assert encrypted is not None
        return encrypted

    def known(self, numbers: np.ndarray) -> np.ndarray | None:
        """Returns what `encrypt` does if all numbers are worked out already, else None; any number may be asked for."""
        return self._table.get(numbers)

    def reserve(self, low: int, high: int) -> None:
        """Works out all numbers of [low, high] in one go."""
        self._grown(np.arange(low, high + 1))

    def _grown(self, wanted: np.ndarray) -> _Table:
        """Returns a table that knows some ascending numbers, and what was known before."""
        with self._lock:
            table = self._table
            first, stop = min(table.first, int(wanted[0])), max(table.stop, int(wanted[-1]) + 1)
            numbers = np.full(stop - first, _UNKNOWN)
            numbers[table.first - first : table.stop - first] = table.numbers
            new = wanted[numbers[wanted - first] == _UNKNOWN]
            numbers[new - first] = self._descend(new.tolist())
            self._table = _Table(first, numbers)
            return self._table

    def _descend(self, wanted: Sequence[int]) -> list[int]:
        """Returns pyope's encryption of some ascending numbers.

        pyope halves the range of ciphertexts until one plaintext is left, drawing at each step how many plaintexts fall on
        either side. Going down once for all numbers, rather than once for each, makes each of their steps once.
        """
        encrypted = []
        waiting = [(-DOMAIN, DOMAIN, -_LARGEST_OUTPUT, _LARGEST_OUTPUT, 0, len(wanted))]
        while waiting:
            in_low, in_high, out_low, out_high, start, stop = waiting.pop()
            if start == stop:
                continue
            if in_low == in_high:
                encrypted.append(_uniform(_Draws(self._key, in_low), out_low, out_high))
                continue
            half = (out_high - out_low + 2) // 2
            middle = out_low + half - 1
            split = in_low + max(1, self._inputs_below(in_high - in_low + 1, out_high - out_low + 1, half, middle)) - 1
            between = bisect.bisect_right(wanted, split, start, stop)
            waiting.append((split + 1, in_high, middle + 1, out_high, between, stop))
            waiting.append((in_low, split, out_low, middle, start, between))
        return encrypted

    def _inputs_below(self, inputs: int, outputs: int, half: int, middle: int) -> int:
        """Draws how many of a range's inputs belong to the first half of its outputs, as pyope's `stat.sample_hgd` does."""
        if inputs == outputs:
            return half
        draw = HGD.hypergeometric_hrua if half > 10 else HGD.hypergeometric_hyp
        return draw(_Draws(self._key, middle), inputs, outputs - inputs, half)


class _Draws:
    """pyope's random numbers for one step: the key stream that it takes apart to bits and puts together again, as words.

    Nine tenths of pyope's time go to those bits.
    """

    __slots__ = ("_at", "_block", "_stream")

    def __init__(self, key: Key, step: int):
        # No variable holds the step's AES key, which a traceback with variables would show.
        aes = algorithms.AES(hmac.digest(key.material, b"%d" % step, "sha256"))
        self._stream = Cipher(aes, modes.CTR(bytes(16))).encryptor()
        self._block, self._at = b"", 0

    def word(self) -> int:
        """Returns the next 32 bits."""
        if self._at == len(self._block):
            self._block, self._at = self._stream.update(_BLOCK), 0
        self._at += 4
        return int.from_bytes(self._block[self._at - 4 : self._at], "big")

    def draw(self) -> float:
        """Returns the next number in [0, 1], as pyope's `hgd.PRNG` does, in whose place this is given to its samplers."""
        return self.word() / (2**32 - 1)


def _uniform(draws: _Draws, low: int, high: int) -> int:
    """Returns a number of [low, high] as pyope's `stat.sample_uniform` does: each bit halves the range, at most 18 times."""
    word = draws.word()
    while low < high:
        middle = (low + high) // 2
        if word >> 31:
            low = middle + 1
        else:
            high = middle
        word = word << 1 & 0xFFFFFFFF
    return low
