"""Knows the records alone, and puts the half-bytes of blocks in order by what they have in common.

In the line of A. H. Chang and B. M. Case, "Attacks on image encryption schemes for privacy-preserving deep neural networks",
arXiv 2004.13263, 2020, who attack this scheme by what is known of images; the statistics and the search are this module's own.
"""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.optimize import linear_sum_assignment

from tfdeid.attack import half_bytes
from tfdeid.attack.base import Image
from tfdeid.attack.half_bytes import MIDDLE, Halves, Likeness, Order
from tfdeid.attack.mask_attacker import MaskAttacker
from tfdeid.deidentifier import DeidConfig
from tfdeid.parallel import parallel_map
from tfdeid.schemes.block_shuffle import BLOCK, join_halves, split_halves
from tfdeid.schemes.block_shuffle import BlockShuffle as BlockShuffleScheme

# Records that a mask for all is found from.
_NUM_RECORDS = 1000
_SHARED_STEPS, _SHARED_TEMPERATURES, _STARTS = 100_000, (0.5, 0.01), 2
# Of 120 CIFAR-10 images more are put in order than with a hotter start or half the steps, and no fewer than with twice as many.
_OWN_STEPS = 20_000
_LIKENESS_TEMPERATURES, _LIKELIHOOD_TEMPERATURES = (0.7, 0.05), (30.0, 1.0)
# Upper and lower third: what is bright tends to be above.
_BANDS = 3


class BlockShuffle(MaskAttacker):
    """With one mask for all records, the order that makes halves go together as in public images; with one for each, the upper
    halves' order of each record alone, by the same and by how likely such an image is."""

    name = "block_shuffle"
    about = "puts half-bytes in the order in which they go together as those of public images do, within and across blocks"
    num_public = 1000

    def suits(self, config: DeidConfig) -> bool:
        return issubclass(config.scheme_class, BlockShuffleScheme)

    def undo_shared_mask(self, encrypted: Image, public: Image, seed: int) -> Image:
        halves = split_halves(encrypted)
        return join_halves(shared_order(halves, public, seed).undo(halves))

    def undo_own_masks(self, encrypted: Image, public: Image, seed: int) -> Image:
        return np.concatenate(parallel_map(OwnOrder(public, seed), encrypted))


def shared_order(halves: Halves, public: Image, seed: int) -> Order:
    """Finds the order and reversals that records share.

    Correlations of the published halves, within blocks, with the next one on the right and with the one below, are those of
    public images in another order. The order in which the squared differences are least is looked for by simulated annealing,
    from the best matching of what is known of each half by itself.

    Args:
      halves: uint8[M, N, A, A], as `split_halves` gives them.
      public: uint8[P, size, size, C].
      seed: of the draws.
    """
    known, seen = split_halves(public), halves[:, :_NUM_RECORDS]
    model, likeness = _likeness(known, True), _likeness(seen, False)
    rewards = half_bytes.histogram_rewards(half_bytes.histograms(known), half_bytes.histograms(seen), 50.0)
    start = _start(model, likeness, rewards)

    def annealed(number: int) -> Order:
        return half_bytes.anneal(model, likeness, rewards, start, _SHARED_STEPS, _SHARED_TEMPERATURES, seed + number)

    return min(parallel_map(annealed, range(_STARTS)), key=lambda order: half_bytes.energy(model, likeness, rewards, order))


def _likeness(halves: Halves, twice: bool) -> Likeness:
    line, sine, cosine = (half_bytes.correlations(values) for values in half_bytes.curves(halves))
    odd = np.concatenate([half_bytes.stack(line, twice), half_bytes.stack(sine, twice)], axis=-1)
    return Likeness(odd, half_bytes.stack(cosine, twice))


def _start(model: Likeness, seen: Likeness, rewards: npt.NDArray[np.float32]) -> Order:
    """Returns a first guess: halves that are as much like others as those of a place are, in whatever order."""
    profiles = [np.sort(np.abs(np.concatenate(moments, axis=-1)).transpose(0, 2, 1)) for moments in (model, seen)]
    profiles[0][:, ::5] /= 2  # Those within blocks, which count twice in a model.
    cost = np.square(profiles[0][:, np.newaxis] - profiles[1]).sum((-2, -1)) - rewards.max(0)
    _, at = linear_sum_assignment(cost)
    sign = np.empty(len(at), np.float32)
    places = np.arange(len(at))
    sign[at] = np.where(rewards[0, places, at] >= rewards[1, places, at], 1, -1)
    return Order(at, sign)


class OwnOrder:
    """Finds the order and reversals of a record's upper halves from its own blocks alone.

    Correlations over a few blocks are noisy, and come near those of public images in an order that has the right neighbours but
    may be mirrored or have channels exchanged. All such are then tried by how likely they are if a block and the next one, and
    a block and the one below, are normally distributed as in public images; the search goes on from the likeliest. What that
    can't tell, the order of the channels and whether all is reversed, is chosen by how common the colours are. Lower halves are
    nearly noise and left out.

    Args:
      public: uint8[P, size, size, C].
      seed: of the draws.
    """

    def __init__(self, public: Image, seed: int):
        self._channels, self._seed, self._public = public.shape[-1], seed, public
        upper = _upper(split_halves(public))
        line = half_bytes.curves(upper)[0]
        nothing = np.zeros((len(upper), len(upper), 0), np.float32)
        correlations = half_bytes.correlations(line)
        self._alike = Likeness(half_bytes.stack(correlations, True), nothing)
        self._profiles = _profiles(correlations)
        self._histograms = half_bytes.histograms(upper)
        self._precision, self._squares = _precision(half_bytes.moments(line), blocks=(public.shape[1] // BLOCK) ** 2)
        self._colours = _colours(upper, self._channels)

    def __call__(self, encrypted: Image) -> Image:
        """Returns uint8[1, size, size, C] for uint8[size, size, C]."""
        halves = split_halves(encrypted[np.newaxis])
        products = half_bytes.correlations(half_bytes.curves(halves)[0])[0]
        # Upper halves go together, lower ones don't.
        places = np.sort(np.argsort(-np.square(products).sum(1), kind="stable")[: len(halves) // 2])
        halves = halves[places]
        order = self._order(halves)
        return _paint(max(self._variants(order.undo(halves)), key=self._commonness))

    def _order(self, halves: Halves) -> Order:
        line = half_bytes.curves(halves)[0]
        histograms = half_bytes.histograms(halves)
        correlations, moments = half_bytes.correlations(line), half_bytes.moments(line)
        _, at = linear_sum_assignment(np.square(self._profiles[:, np.newaxis] - _profiles(correlations)).sum(-1))
        # Those that go against the half that goes most with others are taken for reversed.
        leader = np.square(correlations[0]).sum(1).argmax()
        sign = np.where(correlations[0][leader] < 0, -1, 1).astype(np.float32)
        rewards = half_bytes.histogram_rewards(self._histograms, histograms, 30.0)
        seen = Likeness(half_bytes.stack(correlations, False), self._alike.even)
        order = half_bytes.anneal(self._alike, seen, rewards, Order(at, sign), _OWN_STEPS, _LIKENESS_TEMPERATURES, self._seed)
        rewards = half_bytes.histogram_rewards(self._histograms, histograms, 5.0)
        rewards += (self._squares[:, np.newaxis] * np.diag(moments[0])).astype(np.float32)
        seen = Likeness(half_bytes.stack(moments, False), self._alike.even)
        mirrored = [Order(order.at[places], order.sign) for places in _symmetries(self._channels)]
        order = min(mirrored, key=lambda order: half_bytes.energy(self._precision, seen, rewards, order))
        return half_bytes.anneal(self._precision, seen, rewards, order, _OWN_STEPS, _LIKELIHOOD_TEMPERATURES, self._seed)

    def _variants(self, halves: Halves) -> list[Halves]:
        places = np.arange(len(halves)).reshape(-1, self._channels)
        orders = [places[:, list(order)].ravel() for order in itertools.permutations(range(self._channels))]
        return [variant for order in orders for variant in (halves[order], 15 - halves[order])]

    def _commonness(self, halves: Halves) -> float:
        return float(self._colours[_colour_numbers(halves, self._channels)].sum())


def _upper(halves: Halves) -> Halves:
    return halves[len(halves) // 2 :]


def _profiles(correlations: list[npt.NDArray[np.float64]]) -> npt.NDArray[np.float64]:
    """Returns float64[M, 3 M], how strongly each half goes together with others, in whatever order."""
    return np.concatenate([np.sort(np.abs(of_step), axis=1) for of_step in correlations], axis=1)


def _precision(moments: list[npt.NDArray[np.float64]], blocks: int) -> tuple[Likeness, npt.NDArray[np.float64]]:
    """Returns what the logarithm of the likelihood of an image is made of, for pairs and for single halves.

    It is -1/2 tr(Q S), Q the inverse covariance of two neighbouring blocks and S the sum of products of an image's blocks, for
    neighbours in both directions.
    """
    within, count = moments[0], len(moments[0])
    single = np.zeros_like(within)
    pairs: list[npt.NDArray[np.float64]] = []
    for cross in moments[1:]:
        inverse = np.linalg.inv(np.block([[within, cross], [cross.T, within]]) + np.eye(2 * count) / 12)
        single -= blocks / 2 * (inverse[:count, :count] + inverse[count:, count:])
        pairs.append(np.asarray(-blocks * inverse[:count, count:], np.float64))
    odd = half_bytes.stack([single, *pairs], True)
    return Likeness(odd, np.zeros((count, count, 0), np.float32)), np.diag(single)


def _symmetries(channels: int) -> list[npt.NDArray[np.intp]]:
    """Returns the places of upper halves under all reflections and rotations of a block, with all orders of channels."""
    symmetries = []
    for turns, mirror in itertools.product(range(4), (False, True)):
        places = np.rot90(np.arange(BLOCK * BLOCK * channels).reshape(BLOCK, BLOCK, channels), turns)
        places = places[:, ::-1] if mirror else places
        symmetries += [places[:, :, list(order)].ravel() for order in itertools.permutations(range(channels))]
    return symmetries


def _colour_numbers(halves: Halves, channels: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Returns the band that each pixel of upper halves uint8[M, N, A, A] lies in, and the number of its colour."""
    values = halves.reshape(BLOCK, BLOCK, channels, *halves.shape[1:]).astype(np.intp)
    numbers = sum(values[:, :, channel] << 4 * channel for channel in range(channels))
    across = halves.shape[2]
    bands = np.arange(across) * _BANDS // across
    return np.broadcast_to(bands[:, np.newaxis], np.shape(numbers)), np.asarray(numbers)


def _colours(halves: Halves, channels: int) -> npt.NDArray[np.float64]:
    """Returns float64[_BANDS, 16 ** C], the logarithm of how often each colour occurs in a band of rows."""
    counts = np.zeros((_BANDS, 16**channels))
    np.add.at(counts, _colour_numbers(halves, channels), 1)
    smooth = ndimage.gaussian_filter(counts.reshape(_BANDS, *[16] * channels), (0, *[0.7] * channels)).reshape(_BANDS, -1)
    return np.log(smooth / smooth.sum(1, keepdims=True) + 1e-3 / 16**channels)


def _paint(upper: Halves) -> Image:
    """Returns images of upper halves uint8[M, N, A, A]; lower ones are put in the middle, which beats any smoothing tried."""
    return join_halves(np.concatenate([np.full_like(upper, np.ceil(MIDDLE)), upper]))
