"""Half-bytes of blocks whose order and reversals are unknown: what they have in common, and how they are put in order by it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tfdeid.schemes.jit import jit

MIDDLE = 7.5
"""A half v becomes 15 - v where it is reversed, so that v - MIDDLE changes its sign."""

# From a block to itself, to the next one on the right, and to the one below.
_STEPS = ((0, 0), (0, 1), (1, 0))
_ROUNDS = 20

Halves = npt.NDArray[np.uint8]
_Moments = list[npt.NDArray[np.float64]]


class Likeness(NamedTuple):
    """Second moments of halves, two by two.

    Attributes:
      odd: float32[M, M, F], of functions that change sign where a half is reversed.
      even: float32[M, M, G], of functions that do not.
    """

    odd: npt.NDArray[np.float32]
    even: npt.NDArray[np.float32]


class Order(NamedTuple):
    """A guess at a mask.

    Attributes:
      at: intp[M], which of the published halves lies at each place, where lower halves come before upper ones.
      sign: float32[M], -1 for the published halves that were reversed, else 1.
    """

    at: npt.NDArray[np.intp]
    sign: npt.NDArray[np.float32]

    def undo(self, halves: Halves) -> Halves:
        """Returns published halves uint8[M, ...] in their places, as they were."""
        reverse = np.where(self.sign[self.at] < 0, 15, 0).astype(np.uint8)
        return halves[self.at] ^ reverse.reshape(-1, *[1] * (halves.ndim - 1))


def moments(values: npt.NDArray[np.float32]) -> _Moments:
    """Returns the mean products of all pairs of float32[M, N, A, A] in a block, and with the next block and the one below."""
    across = values.shape[2]

    def with_next(step: tuple[int, int]) -> npt.NDArray[np.float64]:
        down, right = step
        here = values[:, :, : across - down, : across - right].reshape(len(values), -1)
        there = values[:, :, down:, right:].reshape(len(values), -1)
        # BLAS starts threads of its own, which get in each other's way where single images are worked on by all cores.
        products = here @ there.T if len(values[0]) > 1 else np.einsum("ik,jk->ij", here, there)
        return products.astype(np.float64) / max(1, here.shape[1])

    return [with_next(step) for step in _STEPS]


def correlations(values: npt.NDArray[np.float32]) -> _Moments:
    """Returns `moments` divided by the root mean squares."""
    products = moments(values)
    scale = np.sqrt(np.maximum(np.diag(products[0]), 1e-6))
    return [of_step / np.outer(scale, scale) for of_step in products]


def curves(halves: Halves) -> tuple[npt.NDArray[np.float32], ...]:
    """Returns three functions of halves: their values about the middle, and the sine and the cosine of those on a circle of 16.

    Lower halves of neighbours are alike on the circle: 15 is next to 0, with a carry. Reversal does not change the cosine.
    """
    line = np.arange(16) - MIDDLE
    angle = 2 * np.pi * line / 16
    # The mean of a uniformly distributed half is 0 for all three; that of cosines otherwise tells upper halves, without order.
    return tuple(table.astype(np.float32)[halves] for table in (line, np.sin(angle), np.cos(angle)))


def stack(of_steps: _Moments, twice: bool) -> npt.NDArray[np.float32]:
    """Returns float32[M, M, 5]: of the two orders of a pair within a block one stands for both, `twice` on one of two sides."""
    within, right, below = of_steps
    return np.stack([within * (2 if twice else 1), right, right.T, below, below.T], axis=-1).astype(np.float32)


def histograms(halves: Halves) -> npt.NDArray[np.float64]:
    """Returns float64[M, 16], roots of how often each value occurs."""
    counts = [np.bincount(half.ravel(), minlength=16) for half in halves]
    return np.sqrt(np.array(counts) / halves[0].size)


def histogram_rewards(model: npt.NDArray[np.float64], seen: npt.NDArray[np.float64], weight: float) -> npt.NDArray[np.float32]:
    """Returns float32[2, M, M], by how much the energy is lower if a place holds a published half, as it is or reversed."""
    rewards = [-weight * np.square(model[:, np.newaxis] - histogram).sum(-1) for histogram in (seen, seen[:, ::-1])]
    return np.array(rewards, np.float32)


def anneal(
    model: Likeness,
    seen: Likeness,
    rewards: npt.NDArray[np.float32],
    start: Order,
    steps: int,
    temperatures: tuple[float, float],
    seed: int,
) -> Order:
    """Puts halves in the order that is most like a model, by simulated annealing and then the nearest optimum.

    The energy is minus the sum over all pairs and functions of the product of model and seen, with signs, and of the rewards.

    Args:
      model: of the places.
      seen: of the published halves.
      rewards: float32[2, M, M], of a place with a published half, as it is or reversed.
      start: the order to begin with.
      steps: how many changes are tried.
      temperatures: at the beginning and at the end.
      seed: of the draws.
    """
    order = Order(start.at.copy(), start.sign.copy())
    _anneal(*model, *seen, rewards, *order, steps, *temperatures, seed)
    return order


def energy(model: Likeness, seen: Likeness, rewards: npt.NDArray[np.float32], order: Order) -> float:
    """Returns the energy of an order, which `anneal` lowers."""
    return -float(_negative_energy(*model, *seen, rewards, *order))


@jit
def _negative_energy(odd, even, seen_odd, seen_even, rewards, at, sign):
    total = 0.0
    for i in range(len(at)):
        p = at[i]
        total += rewards[0 if sign[p] > 0 else 1, i, p]
        for j in range(i):
            q = at[j]
            part = np.float32(0)
            for f in range(odd.shape[2]):
                part += odd[i, j, f] * seen_odd[p, q, f]
            total += sign[p] * sign[q] * part
            for f in range(even.shape[2]):
                total += even[i, j, f] * seen_even[p, q, f]
    return total


@jit
def _move_gain(odd, even, seen_odd, seen_even, at, sign, place, half, other):
    """Returns how much lower the energy of pairs is, but for that with another place, if a place holds another half."""
    old, total = at[place], np.float32(0)
    for k in range(len(at)):
        if k == place or k == other:  # noqa: SIM109 - numba would make a tuple
            continue
        partner = at[k]
        part = np.float32(0)
        for f in range(odd.shape[2]):
            part += odd[place, k, f] * (sign[half] * seen_odd[half, partner, f] - sign[old] * seen_odd[old, partner, f])
        total += sign[partner] * part
        for f in range(even.shape[2]):
            total += even[place, k, f] * (seen_even[half, partner, f] - seen_even[old, partner, f])
    return total


@jit
def _swap_gain(odd, even, seen_odd, seen_even, rewards, at, sign, i, j):
    """Returns how much lower the energy is if the halves at two places change places."""
    p, q = at[i], at[j]
    gain = _move_gain(odd, even, seen_odd, seen_even, at, sign, i, q, j)
    gain += _move_gain(odd, even, seen_odd, seen_even, at, sign, j, p, i)
    for f in range(odd.shape[2]):
        gain += sign[p] * sign[q] * odd[i, j, f] * (seen_odd[q, p, f] - seen_odd[p, q, f])
    for f in range(even.shape[2]):
        gain += even[i, j, f] * (seen_even[q, p, f] - seen_even[p, q, f])
    of_p, of_q = 0 if sign[p] > 0 else 1, 0 if sign[q] > 0 else 1
    return gain + rewards[of_p, j, p] + rewards[of_q, i, q] - rewards[of_p, i, p] - rewards[of_q, j, q]


@jit
def _flip_gain(odd, seen_odd, rewards, at, sign, i):
    """Returns how much lower the energy is if the half at a place is taken for reversed, or no longer."""
    p, total = at[i], np.float32(0)
    for k in range(len(at)):
        if k != i:
            part = np.float32(0)
            for f in range(odd.shape[2]):
                part += odd[i, k, f] * seen_odd[p, at[k], f]
            total += sign[at[k]] * part
    now = 0 if sign[p] > 0 else 1
    return rewards[1 - now, i, p] - rewards[now, i, p] - 2 * sign[p] * total


@jit
def _anneal(odd, even, seen_odd, seen_even, rewards, at, sign, steps, first_temperature, last_temperature, seed):
    """Changes `at` and `sign` in place; see `anneal`."""
    np.random.seed(seed)
    count = len(at)
    for step in range(steps):
        temperature = first_temperature * (last_temperature / first_temperature) ** (step / steps)
        i, j = np.random.randint(count), np.random.randint(count)
        flip = np.random.random() < 0.1
        if flip:
            gain = _flip_gain(odd, seen_odd, rewards, at, sign, i)
        elif i != j:
            gain = _swap_gain(odd, even, seen_odd, seen_even, rewards, at, sign, i, j)
        else:
            continue
        if gain < 0 and np.random.random() >= np.exp(gain / temperature):
            continue
        if flip:
            sign[at[i]] = -sign[at[i]]
        else:
            at[i], at[j] = at[j], at[i]
    # Gains are rounded to 24 bits, so that without an end two halves may change places for ever.
    for _ in range(_ROUNDS):
        changed = False
        for i in range(count):
            if _flip_gain(odd, seen_odd, rewards, at, sign, i) > 0:
                sign[at[i]] = -sign[at[i]]
                changed = True
            for j in range(i):
                if _swap_gain(odd, even, seen_odd, seen_even, rewards, at, sign, i, j) > 0:
                    at[i], at[j] = at[j], at[i]
                    changed = True
        if not changed:
            break
