"""Finds a key and its warp table in bytes, in whatever form they may have got there."""

from __future__ import annotations

import base64
import binascii
import bz2
import contextlib
import itertools
import lzma
import pickletools
import re
import urllib.parse
import zlib
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from tfdeid import Key
from tfdeid.schemes.structural import PositionOPE

# So many consecutive values of the table in a row are no accident. With 4, one key of a hundred has a stretch that rises
# by 1 where some count rises too, as in the numbers of a pipeline's stages; with 5, none of 1,500 keys.
RUN = 6
TYPES = tuple(np.dtype(order + kind) for kind in ("i8", "i4", "f8", "f4") for order in "<>")
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{24,}={0,2}")
_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?")
_DEPTH = 3  # Beam packs pickles as compressed bytes in base64.


class Secrets:
    """What must not be found: a key, and the values of its warp tables from `low` to `high` pixels.

    Args:
      key: the key.
      decimals: those of the coordinates.
      low: in pixels.
      high: in pixels.
      derived: the texts of further keys, and their names.
      encryptions: further encryptions, whose tables must not be found either, and their names.
    """

    def __init__(
        self,
        key: Key,
        decimals: int = 1,
        low: float = -8.0,
        high: float = 58.0,
        derived: Mapping[str, Key] | None = None,
        encryptions: Mapping[str, PositionOPE] | None = None,
    ):
        text = key.material.rstrip(b"=")
        decoded = base64.b64decode(key.material)
        self.forms = {
            "text": text,
            "quoted text": urllib.parse.quote(text, safe="").encode(),
            "urlsafe base64": base64.urlsafe_b64encode(decoded).rstrip(b"="),
            "bytes": decoded,
            "bytes backwards": decoded[::-1],
            "escaped bytes": repr(decoded)[2:-1].encode(),
            "listed bytes": ", ".join(map(str, decoded)).encode(),
            "hex": decoded.hex().encode(),
            "hex of the text": key.material.hex().encode(),
        }
        for label in ("negative_positive, 3 channels", "block_shuffle, 3 channels"):
            self.forms[f"subkey {label}"] = key.subkey(label)
        for name, other in (derived or {}).items():
            self.forms |= {f"text of {name}": other.material.rstrip(b"="), f"bytes of {name}": base64.b64decode(other.material)}
        shared = PositionOPE(key, decimals)
        self.tables = _tables(shared.encrypt, shared.offset, 10**decimals, low, high)
        for name, ope in (encryptions or {}).items():
            for axis, encrypt, offset in zip("xy", (ope.encrypt_x, ope.encrypt_y), ope.offsets, strict=True):
                tables = _tables(encrypt, offset, 10**decimals, low, high)
                self.tables |= {f"{kind} of {name}, {axis}": table for kind, table in tables.items()}

    def found_in(self, data: bytes) -> list[str]:
        """Returns the names of what is in some bytes, also where they are packed."""
        return sorted({name for part in unpacked(data) for name in self._found(part)})

    def _found(self, data: bytes) -> Iterator[str]:
        for name, form in self.forms.items():
            where = data.lower() if name.startswith("hex") else data
            if form in where:
                yield f"key as {name}"
        for name, table in self.tables.items():
            if _has_run(_numbers(data), table):
                yield f"{name} as text"
            if _has_run(_pickled_numbers(data), table):
                yield f"{name} as pickled numbers"
            for kind in TYPES:
                if any(_has_run(_values(data, kind, start), table) for start in range(kind.itemsize)):
                    yield f"{name} as {kind.str}"


def _tables(
    encrypt: Callable[[np.ndarray], np.ndarray], offset: int, factor: int, low: float, high: float
) -> dict[str, np.ndarray]:
    """Returns the warp as the encryption makes it and as it is used, both also in tenths."""
    measured = np.rint(encrypt(np.arange(low * factor, high * factor + 1) / factor) * factor)
    raw = measured + offset
    return {"table": raw, "table in pixels": raw / factor, "warp": measured, "warp in pixels": measured / factor}


def unpacked(data: bytes, depth: int = _DEPTH) -> Iterator[bytes]:
    """Yields bytes and what is packed in them: compressed as a whole, or a word in base64."""
    yield data
    if not depth:
        return
    for unpack in (zlib.decompress, bz2.decompress, lzma.decompress, lambda packed: zlib.decompress(packed, 31)):
        try:
            inner = unpack(data)
        except (zlib.error, OSError, lzma.LZMAError, EOFError, ValueError):
            continue
        yield from unpacked(inner, depth - 1)
    for word in _BASE64.findall(data):
        if (inner := _decoded(word)) is not None:
            yield from unpacked(inner, depth - 1)


def _decoded(word: bytes) -> bytes | None:
    word = word.rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
    try:
        return base64.b64decode(word + b"=" * (-len(word) % 4), validate=True)
    except binascii.Error:
        return None


def _numbers(data: bytes) -> np.ndarray:
    return np.array([float(word) for word in _NUMBER.findall(data) if len(word) < 20], np.float64)


def _pickled_numbers(data: bytes) -> np.ndarray:
    """Returns the lone numbers of a pickle; arrays lie in it as bytes."""
    numbers: list[float] = []
    if data.startswith(b"\x80"):
        with contextlib.suppress(Exception):  # It may be no pickle, or go on as something else.
            numbers.extend(number for _, number, _ in pickletools.genops(data) if isinstance(number, int | float))
    return np.array(numbers, np.float64)


def _values(data: bytes, kind: np.dtype, start: int) -> np.ndarray:
    return np.frombuffer(data, kind, (len(data) - start) // kind.itemsize, start) if len(data) > start else np.zeros(0)


def _has_run(values: np.ndarray, table: np.ndarray) -> bool:
    """Tells whether `RUN` consecutive values of the table, which is ascending, stand in a row."""
    with np.errstate(invalid="ignore", over="ignore"):
        likely = np.flatnonzero((values >= table[0] - 1) & (values <= table[-1] + 1))
    if likely.size < RUN:
        return False
    values = values[likely].astype(np.float64)
    nearest = np.searchsorted(table, values - 0.01).clip(max=len(table) - 1)
    places = np.where(np.abs(table[nearest] - values) < 0.01, nearest, -1)  # float32 knows tenths to a hundredth.
    follows = (np.diff(likely) == 1) & (np.diff(places) == 1) & (places[:-1] >= 0)
    return any(group and len(list(run)) >= RUN - 1 for group, run in itertools.groupby(follows.tolist()))
