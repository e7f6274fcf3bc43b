"""What can be done to a pixel, and the likeliest values of an image of whose pixels each suffered something else."""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from tfdeid.attack.base import Image
from tfdeid.schemes.jit import jit

CENTRE = 127.5
"""The value that is its own negative."""

SIGNED = np.array(
    [
        np.eye(3)[list(order)] * np.array(signs)[:, np.newaxis]
        for order in itertools.permutations(range(3))
        for signs in itertools.product((1.0, -1.0), repeat=3)
    ]
)
"""float64[48, 3, 3]: all orders of a pixel's channels with all choices of negatives, on values about `CENTRE`."""

_LEVELS = 32
# Of the 48, those that are kept for each pixel: with 8, bright colours are often not among them.
_KEPT = 24
_SWEEPS = 4
_STEPS, _FARTHEST = 1024, 12.0
# Half of what comes in at a pixel is believed, since on a grid each edge lies in half of all spanning trees.
_SHARE = 0.5


def unmask(encrypted: Image, labels: npt.NDArray[np.intp]) -> Image:
    """Returns the images with what was done to their pixels undone.

    Args:
      encrypted: uint8[N, size, size, 3].
      labels: intp[size, size], numbers in `SIGNED`.
    """
    values = encrypted.transpose(1, 2, 3, 0).astype(np.float32) - np.float32(CENTRE)
    undone = SIGNED[labels].astype(np.float32) @ values + np.float32(CENTRE)
    return np.ascontiguousarray(undone.transpose(3, 0, 1, 2)).astype(np.uint8)


class PixelPrior:
    """How likely colours are, and how likely neighbours differ by so much; with it, images are recovered one by one.

    Differences are measured in units in which those of public images have covariance 1, and only their length counts. What each
    pixel's candidates are worth beside its four neighbours' is found by tree-reweighted belief propagation (M. Wainwright, T.
    Jaakkola and A. Willsky, "A new class of upper bounds on the log partition function", IEEE Trans. Inf. Theory 51, 2005).

    Args:
      public: uint8[M, size, size, 3].
    """

    def __init__(self, public: Image):
        numbers = (public.reshape(-1, 3) // (256 // _LEVELS)).astype(np.intp) @ (_LEVELS**2, _LEVELS, 1)
        counts = np.bincount(numbers, minlength=_LEVELS**3).reshape((_LEVELS,) * 3)
        colours = ndimage.gaussian_filter(counts.astype(np.float64), 1, mode="nearest")
        self._colours = np.log(colours / colours.sum() + 1e-4 / _LEVELS**3)
        values = public.astype(np.float32)
        steps = [np.diff(values, axis=axis).reshape(-1, 3) for axis in (1, 2)]
        differences = np.concatenate(steps)
        covariance = np.cov(differences[::7].T) + np.eye(3) / 3
        self._unit = np.linalg.inv(np.linalg.cholesky(covariance)).astype(np.float32)
        self._likeness = _density(np.linalg.norm(differences[::3] @ self._unit.T, axis=1))

    def recover(self, encrypted: Image) -> Image:
        """Returns uint8[size, size, 3], the mean of what each pixel of uint8[size, size, 3] may have been."""
        values, worth = self._candidates(encrypted)
        weights = _believe(values @ self._unit.T, worth, self._likeness, len(encrypted))
        mean = (weights[:, :, np.newaxis] * values).sum(1) + CENTRE
        return np.clip(np.rint(mean), 0, 255).astype(np.uint8).reshape(encrypted.shape)

    def _candidates(self, encrypted: Image) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
        """Returns float32[size * size, kept, 3] about the centre, and float32[size * size, kept], how likely each colour is."""
        seen = encrypted.reshape(-1, 3).astype(np.float32) - np.float32(CENTRE)
        # What each of the 48 makes of each pixel.
        values = (seen @ SIGNED.reshape(-1, 3).T.astype(np.float32)).reshape(len(seen), -1, 3)
        r, g, b = np.moveaxis((values + CENTRE).astype(np.intp) // (256 // _LEVELS), -1, 0)
        worth = self._colours[r, g, b]
        kept = np.argsort(-worth, axis=1, kind="stable")[:, :_KEPT]
        worth = np.take_along_axis(worth, kept, axis=1)
        likely = np.exp(worth - worth[:, :1]).astype(np.float32)
        return np.take_along_axis(values, kept[:, :, np.newaxis], axis=1), likely


def _density(lengths: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Returns float32[_STEPS], how dense vectors of three dimensions of each length lie, to the power that messages take."""
    edges = np.linspace(0, _FARTHEST, 241)
    counts, _ = np.histogram(np.minimum(lengths, _FARTHEST - 1e-6), edges)
    logs = ndimage.gaussian_filter1d(np.log((counts + 1) / np.diff(edges**3)), 2, mode="nearest")
    places = (np.arange(_STEPS) + 0.5) / _STEPS * _FARTHEST
    # Falling, as it must be; in the tail few were seen.
    falling = np.minimum.accumulate(np.interp(places, (edges[1:] + edges[:-1]) / 2, logs))
    return np.exp((falling - falling[0]) / _SHARE).astype(np.float32)


@jit
def _tables(points, likeness, size):
    """Returns float32[size * size, 2, K, K], how well each pixel's candidates suit the next pixel's and the one's below."""
    count, kept, _ = points.shape
    tables = np.zeros((count, 2, kept, kept), np.float32)
    for pixel in range(count):
        for way in range(2):
            other = pixel + (1 if way == 0 else size)
            if other >= count or (way == 0 and other % size == 0):
                continue
            for a in range(kept):
                for b in range(kept):
                    square = np.float32(0)
                    for k in range(3):
                        square += (points[pixel, a, k] - points[other, b, k]) ** 2
                    place = int(np.sqrt(square) * (len(likeness) / _FARTHEST))
                    tables[pixel, way, a, b] = likeness[min(len(likeness) - 1, place)]
    return tables


@jit
def _believe(points, worth, likeness, size):
    """Returns float32[size * size, K], the weight of each candidate; messages run to and fro over the rows.

    Args:
      points: float32[size * size, K, 3], the candidates of each pixel.
      worth: float32[size * size, K], how likely each is by itself.
      likeness: float32[_STEPS], how likely neighbours are by their distance.
      size: pixels a side.
    """
    count, kept, _ = points.shape
    tables = _tables(points, likeness, size)
    # What comes from the left, from above, from the right and from below.
    messages = np.ones((count, 4, kept), np.float32)
    for sweep in range(2 * _SWEEPS):
        forward = sweep % 2 == 0
        for turn in range(count):
            pixel = turn if forward else count - 1 - turn
            weights = _weights(worth[pixel], messages[pixel])
            for way in range(2):
                stride = 1 if way == 0 else size
                other = pixel + stride if forward else pixel - stride
                if other < 0 or other >= count or (way == 0 and other // size != pixel // size):
                    continue
                if forward:
                    _send(weights / messages[pixel, 2 + way], tables[pixel, way], messages[other, way])
                else:
                    _send_back(weights / messages[pixel, way], tables[other, way], messages[other, 2 + way])
    beliefs = np.empty((count, kept), np.float32)
    for pixel in range(count):
        weights = _weights(worth[pixel], messages[pixel])
        beliefs[pixel] = weights / weights.sum()
    return beliefs


@jit
def _weights(worth, messages):
    """Returns float32[K], what candidates are worth by themselves and by a share of all messages."""
    return worth * (messages[0] * messages[1] * messages[2] * messages[3]) ** np.float32(_SHARE)


@jit
def _send(weights, table, message):
    """Sets a message to how well each candidate suits the neighbour's, all taken together."""
    kept = len(message)
    message[:] = 0
    for a in range(kept):
        for b in range(kept):
            message[b] += weights[a] * table[a, b]
    _scale(message)


@jit
def _send_back(weights, table, message):
    """The same with a table the other way round."""
    kept = len(message)
    for b in range(kept):
        total = np.float32(0)
        for a in range(kept):
            total += weights[a] * table[b, a]
        message[b] = total
    _scale(message)


@jit
def _scale(message):
    """Makes a message one of mean 1, without zeros, by which others are divided."""
    factor = np.float32(len(message)) / message.sum()
    for a in range(len(message)):
        message[a] = max(message[a] * factor, np.float32(1e-8))
