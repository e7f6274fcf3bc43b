"""Undoes the stretching at the end of a scheme: the values before it, nearly all of them exactly, and without any key."""

from __future__ import annotations

import os
from typing import TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image as PillowImage

from tfdeid.attack.base import Image
from tfdeid.image import resize
from tfdeid.parallel import parallel_map
from tfdeid.schemes.jit import jit

# Lines of the record that are looked at for each line of the original. On one alone, rounding would be felt.
_LINES = 3
_SWEEPS = 60
# Of a level: by less than this, values no longer change.
_STILL = 0.02

_Array = TypeVar("_Array", bound=np.ndarray)


def unstretch(records: Image, size: int) -> Image:
    """Returns the images that were stretched by `tfdeid.image.resize`, which smooths what it makes smaller: it is no inverse.

    Stretching takes known sums of at most four values along a line, first of each row and then of each column, rounds them and
    clips them to 0..255. Each of the two steps is undone by least squares, in which a clipped value only says that the sum lies
    beyond. On encrypted CIFAR-10 images, stretched from 32 to 224 pixels, all values come back; from 32 to 75, 97 of 100, and
    nearly all others miss by one level. Records smaller than the images are merely resized, since much is lost.

    Args:
      records: uint8[N, S, S, C].
      size: pixels a side of the images.

    Returns:
      uint8[N, size, size, C].
    """
    if records.shape[1] <= size:
        return np.stack([resize(record, size) for record in records])
    weights = _weights(size, records.shape[1])
    # Those nearest to each pixel's centre, where other pixels hardly count and little is clipped.
    lines = np.unique(np.argsort(abs(weights - 1), axis=0, kind="stable")[:_LINES])
    weights = np.ascontiguousarray(weights[lines])
    first, last = _band(weights)

    def unstretch_some(stretched: Image) -> Image:
        return _undo(_undo(stretched[:, lines][:, :, lines], 1, weights, first, last), 2, weights, first, last)

    return np.concatenate(parallel_map(unstretch_some, np.array_split(records, min(len(records), 4 * (os.cpu_count() or 1)))))


def restretch(images: Image, size: int) -> Image:
    """Returns the images as uint8[N, size, size, C], stretched as records are, to be compared with originals."""
    return np.stack(parallel_map(lambda image: resize(image, size), images))


def _weights(size: int, stretched: int) -> npt.NDArray[np.float64]:
    """Returns float64[stretched, size], what each value of a stretched line takes of the values of the line."""
    units = PillowImage.fromarray(np.eye(size, dtype=np.float32))
    return np.array(units.resize((stretched, size), PillowImage.Resampling.BICUBIC)).T.astype(np.float64)


def _band(weights: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Returns the first value that each column touches, and the first one after the last."""
    touched = weights != 0
    return touched.argmax(0), len(weights) - touched[::-1].argmax(0)


def _undo(images: Image, axis: int, weights: _Array, first: _Array, last: _Array) -> Image:
    """Returns the images with one axis (1 for columns, 2 for rows) as before the stretching."""
    lines = np.moveaxis(images, axis, -1)
    solved = np.empty((*lines.shape[:-1], weights.shape[1]), np.uint8)
    _solve(np.ascontiguousarray(lines).reshape(-1, len(weights)), weights, first, last, solved.reshape(-1, weights.shape[1]))
    return np.moveaxis(solved, -1, axis)


@jit
def _solve(lines, weights, first, last, solved):
    """Finds the values of each line by coordinate descent, within 0..255.

    Args:
      lines: uint8[L, K], what is known of each line.
      weights: float64[K, size].
      first: intp[size], the first of the K that a value adds to.
      last: intp[size], the one after the last.
      solved: uint8[L, size], the result.
    """
    count, size = weights.shape
    norms = np.zeros(size)
    for k in range(size):
        for j in range(first[k], last[k]):
            norms[k] += weights[j, k] ** 2
    values, sums = np.empty(size), np.empty(count)
    for line in range(len(lines)):
        known = lines[line]
        values[:] = 127.5
        sums[:] = 127.5
        for _ in range(_SWEEPS):
            moved = 0.0
            for k in range(size):
                slope = 0.0
                for j in range(first[k], last[k]):
                    rest = known[j] - sums[j]
                    if not ((known[j] == 0 and rest > 0) or (known[j] == 255 and rest < 0)):
                        slope += weights[j, k] * rest
                change = min(255.0, max(0.0, values[k] + slope / norms[k])) - values[k]
                values[k] += change
                for j in range(first[k], last[k]):
                    sums[j] += weights[j, k] * change
                moved = max(moved, abs(change))
            if moved < _STILL:
                break
        for k in range(size):
            solved[line, k] = int(values[k] + 0.5)
