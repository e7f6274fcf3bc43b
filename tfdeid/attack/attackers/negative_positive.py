"""Knows the records alone, and finds what was done to each pixel from what it has in common with its neighbours.

In the line of A. H. Chang and B. M. Case, "Attacks on image encryption schemes for privacy-preserving deep neural networks",
arXiv 2004.13263, 2020, who show that such a mask falls to statistics; the likelihood and the search are this module's own.
"""

from __future__ import annotations

import heapq

import numpy as np
import numpy.typing as npt

from tfdeid.attack.base import Image
from tfdeid.attack.mask_attacker import MaskAttacker
from tfdeid.attack.pixel_masks import CENTRE, SIGNED, PixelPrior, unmask
from tfdeid.deidentifier import DeidConfig
from tfdeid.parallel import parallel_map
from tfdeid.schemes.jit import jit
from tfdeid.schemes.negative_positive import NegativePositive as NegativePositiveScheme

_Array = npt.NDArray[np.float64]

# From a pixel to its neighbours, down and right; the last four are the first four seen from the other end.
_STEPS = np.array([(0, 1), (1, 0), (1, 1), (1, -1), (0, -1), (-1, 0), (-1, -1), (-1, 1)])
# As many images' worth of trust in that all places are alike, when the mean at each place is taken from public images.
_TRUST = 10
_ROUNDS = 30
_TRANSPOSED = SIGNED.transpose(0, 2, 1)


class NegativePositive(MaskAttacker):
    """With one mask for all records, the likeliest mask; with one for each, the likeliest values of each record alone."""

    name = "negative_positive"
    about = "finds each pixel's negatives and order of channels from its neighbours, and what is left open from public images"
    num_public = 2000

    def suits(self, config: DeidConfig) -> bool:
        return issubclass(config.scheme_class, NegativePositiveScheme)

    def undo_shared_mask(self, encrypted: Image, public: Image, seed: int) -> Image:
        return unmask(encrypted, shared_mask(encrypted, public))

    def undo_own_masks(self, encrypted: Image, public: Image, seed: int) -> Image:
        return np.stack(parallel_map(PixelPrior(public).recover, encrypted))


def shared_mask(encrypted: Image, public: Image) -> npt.NDArray[np.intp]:
    """Finds the mask that images share: that under which they are likeliest.

    A pixel and a neighbour have six values, taken for normally distributed: about a mean that depends on the place, with a
    covariance that depends on the direction only; both are those of public images. The likelihood of all pairs then follows
    from the records' second moments. From a pixel in the middle the mask grows along the pairs that leave least doubt, once for
    each of the 48 things that can have been done to that pixel, and is then improved pixel by pixel; the likeliest is kept.

    Args:
      encrypted: uint8[N, size, size, 3].
      public: uint8[M, size, size, 3].

    Returns:
      intp[size, size], the number in `SIGNED` of what undoes each pixel.
    """
    size = encrypted.shape[1]
    own, crosses, pairs = _terms(_by_place(encrypted), _by_place(public), size)
    middle = size // 2 * size + size // 2

    def grown(label: int) -> tuple[float, npt.NDArray[np.intp]]:
        labels = _grow(own, crosses, pairs, _STEPS, size, middle, label)
        return _improve(own, crosses, pairs, _STEPS, size, labels), labels

    _, labels = min(parallel_map(grown, range(len(SIGNED))), key=lambda energy_and_labels: energy_and_labels[0])
    return labels.reshape(size, size)


def _by_place(images: Image) -> npt.NDArray[np.float32]:
    """Returns float32[size * size, 3, N], about the value that is its own negative."""
    return images.reshape(len(images), -1, 3).transpose(1, 2, 0).astype(np.float32) - np.float32(CENTRE)


def _terms(records: npt.NDArray[np.float32], public: npt.NDArray[np.float32], size: int) -> tuple[_Array, _Array, _Array]:
    """Returns what twice the negative log-likelihood is made of, a record.

    With the inverse covariance [[A, C], [C', B]] of a pair z, w with means m, n, it is (z - m)' A (z - m) + (w - n)' B (w - n)
    + 2 (z - m)' C (w - n), and z is U y of what is seen, y, U one of `SIGNED`.

    Args:
      records: float32[size * size, 3, N].
      public: float32[size * size, 3, M].
      size: pixels a side.

    Returns:
      own: float64[8, size * size, 48], the terms with z alone, for each direction of w.
      crosses: float64[8, size * size, 9], the second moment of y and of what is seen at w.
      pairs: float64[8, 48, 48, 9], what the crosses are weighed with.
    """
    overall = public.mean((0, 2))
    means = ((public.sum(2) + _TRUST * overall) / (public.shape[2] + _TRUST)).astype(np.float64)
    public = public - means[:, :, np.newaxis].astype(np.float32)
    seen, squares = records.mean(2).astype(np.float64), _second_moment(records, records)
    own, crosses = np.zeros((8, size * size, 48)), np.zeros((8, size * size, 9))
    pairs = np.zeros((8, 48, 48, 9))
    for step in range(4):
        here, there = _places(size, *_STEPS[step])
        both = np.concatenate([public[here], public[there]], axis=1)
        covariance = (both @ both.transpose(0, 2, 1)).mean(0).astype(np.float64) / public.shape[2]
        # The rounding to whole levels, and more: a few public images may not fill all six dimensions.
        inverse = np.linalg.inv(covariance + np.eye(6))
        a, c, b = inverse[:3, :3], inverse[:3, 3:], inverse[3:, 3:]
        cross = _second_moment(records[here], records[there])
        for pixels, neighbours, direction, weight, mixed, moment in (
            (here, there, step, a, c, cross),
            (there, here, step + 4, b, c.T, cross.transpose(0, 2, 1)),
        ):
            pull = means[pixels] @ weight + means[neighbours] @ mixed.T
            own[direction, pixels] = _own(squares[pixels], seen[pixels], weight, pull)
            crosses[direction, pixels] = moment.reshape(-1, 9)
            # z' C w = y' (U' C V) x, where w is V x.
            pairs[direction] = 2 * (_TRANSPOSED[:, np.newaxis] @ mixed @ SIGNED).reshape(48, 48, 9)
    return own, crosses, pairs


def _second_moment(values: npt.NDArray[np.float32], others: npt.NDArray[np.float32]) -> _Array:
    """Returns float64[P, 3, 3], the mean over records of the products of float32[P, 3, N] and float32[P, 3, N]."""
    return (values @ others.transpose(0, 2, 1)).astype(np.float64) / values.shape[2]


def _own(squares: _Array, seen: _Array, weight: _Array, pull: _Array) -> _Array:
    """Returns float64[P, 48], the terms z' A z - 2 p' z of each pixel, z = U y, for each U of `SIGNED`.

    Args:
      squares: float64[P, 3, 3], the mean of y y'.
      seen: float64[P, 3], the mean of y.
      weight: float64[3, 3], A.
      pull: float64[P, 3], p.
    """
    # z' A z = y' (U' A U) y, and a form y' Q y is the sum of the products of the entries of Q and of y y'.
    forms = _TRANSPOSED @ weight @ SIGNED
    pulled = pull[:, :, np.newaxis] * seen[:, np.newaxis, :]
    return squares.reshape(-1, 9) @ forms.reshape(48, 9).T - 2 * pulled.reshape(-1, 9) @ SIGNED.reshape(48, 9).T


def _places(size: int, down: int, right: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Returns the numbers of all pixels that have a neighbour in a direction, and those of the neighbours."""
    rows, columns = np.mgrid[0 : size - down, max(0, -right) : size - max(0, right)]
    here = (rows * size + columns).ravel()
    return here, here + down * size + right


@jit
def _neighbour(steps, size, pixel, direction):
    """Returns the number of a pixel's neighbour, -1 if there is none."""
    row, column = pixel // size + steps[direction, 0], pixel % size + steps[direction, 1]
    return row * size + column if 0 <= row < size and 0 <= column < size else -1


@jit
def _add(energy, own, crosses, pairs, pixel, direction, label):
    """Adds to each of a pixel's 48 energies what a neighbour with a label in a direction makes of it."""
    for candidate in range(len(energy)):
        total = own[direction, pixel, candidate]
        for k in range(9):
            total += pairs[direction, candidate, label, k] * crosses[direction, pixel, k]
        energy[candidate] += total


@jit
def _grow(own, crosses, pairs, steps, size, start, label):
    """Labels all pixels from one with a given label on, that next about which there is least doubt."""
    labels = np.full(size * size, -1)
    energy = np.zeros((size * size, pairs.shape[1]))
    energy[start] += 1e30
    energy[start, label] = 0
    queue = [(0.0, start)]
    while len(queue):
        _, pixel = heapq.heappop(queue)
        if labels[pixel] >= 0:
            continue
        labels[pixel] = np.argmin(energy[pixel])
        for direction in range(8):
            other = _neighbour(steps, size, pixel, direction)
            if other < 0 or labels[other] >= 0:
                continue
            _add(energy[other], own, crosses, pairs, other, (direction + 4) % 8, labels[pixel])
            best = np.sort(energy[other])
            heapq.heappush(queue, (best[0] - best[1], other))
    return labels


@jit
def _improve(own, crosses, pairs, steps, size, labels):
    """Gives each pixel the best label beside its neighbours', until none changes; returns the energy of all pairs, twice."""
    for _ in range(_ROUNDS):
        total, changes = 0.0, 0
        for pixel in range(size * size):
            energy = np.zeros(pairs.shape[1])
            for direction in range(8):
                other = _neighbour(steps, size, pixel, direction)
                if other >= 0:
                    _add(energy, own, crosses, pairs, pixel, direction, labels[other])
            best = np.argmin(energy)
            changes += best != labels[pixel]
            labels[pixel] = best
            # The terms of the neighbour alone are counted when its turn comes, but those of both then count twice.
            total += energy[best]
            for direction in range(8):
                total += own[direction, pixel, best]
        if changes == 0:
            break
    return total
