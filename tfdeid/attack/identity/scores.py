"""Figures of identification and verification from scores, with intervals over people."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt

from tfdeid.attack.base import Scores

_ROUNDS, _BINS = 500, 1000
# What is equal may differ in its last bits, by where it stood in a batch.
_DECIMALS = 6
_LEVEL = 0.05

Rates = npt.NDArray[np.float64]


@dataclasses.dataclass(frozen=True)
class Interval:
    """A figure with the ends of its 95 % interval over people."""

    mean: float
    low: float
    high: float

    def percent(self) -> str:
        """Returns it as "24.0 % (18.4 to 30.1)"."""
        return f"{100 * self.mean:.1f} % ({100 * self.low:.1f} to {100 * self.high:.1f})"

    def __str__(self) -> str:
        return f"{self.mean:.3f} ({self.low:.3f} to {self.high:.3f})"


@dataclasses.dataclass(frozen=True)
class ScoreFigures:
    """What scores of probes against a closed gallery come to. Each person counts alike, however many probes there are.

    Attributes:
      rank1: share of probes whose person has the highest score; of k that share it, one in k is right.
      rank5: share whose person is among the five highest, reckoned alike.
      auc: how often a probe's score for its own person is above one for another (area under the ROC curve of verification).
      eer: the rate at which as many of others pass as are refused of one's own (equal error rate).
      rates: float64[G], of each person the share of probes that rank-1 counts.
    """

    rank1: Interval
    rank5: Interval
    auc: Interval
    eer: Interval
    rates: Rates = dataclasses.field(repr=False)


def figures_of(scores: Scores, people: npt.NDArray[np.intp], seed: int) -> ScoreFigures:
    """Returns the figures of scores.

    Args:
      scores: float64[N, G], the highest for the likeliest of G people.
      people: intp[N], whose probe each is, in [0, G); everybody has one at least.
      seed: of the draws of people that intervals are made by (bootstrap, Efron 1979).
    """
    spread = float(np.abs(scores).max()) or 1.0
    scores = np.round(scores / spread, _DECIMALS)
    ranks = {places: among_first(scores, people, places) for places in (1, 5)}
    by_person = {places: _means(values, people, scores.shape[1]) for places, values in ranks.items()}
    drawn = _drawn_people(scores.shape[1], seed)
    auc, eer = _verification(scores, people, drawn)
    return ScoreFigures(_interval(by_person[1], drawn), _interval(by_person[5], drawn), auc, eer, by_person[1])


def among_first(scores: Scores, people: npt.NDArray[np.intp], places: int) -> Rates:
    """Returns float64[N], how likely the right person is among the first few if equal scores are put in order by chance."""
    own = scores[np.arange(len(scores)), people][:, None]
    ahead, equal = (scores > own).sum(1), (scores == own).sum(1)  # The right one is equal to itself.
    return np.clip((places - ahead) / equal, 0, 1)


def verification(own: npt.NDArray[np.float64], others: npt.NDArray[np.float64]) -> tuple[Rates, Rates]:
    """Returns area under the ROC curve and equal error rate of each row.

    Args:
      own: float64[..., B], how many scores of a probe for its own person lie in each bin, bins ascending.
      others: float64[..., B], the same of scores for others.
    """
    own = own / own.sum(-1, keepdims=True)
    others = others / others.sum(-1, keepdims=True)
    below = np.cumsum(others, -1) - others
    auc = (own * (below + others / 2)).sum(-1)
    start = np.zeros((*own.shape[:-1], 1))
    refused = np.concatenate([start, np.cumsum(own, -1)], -1)  # Of one's own, by a threshold above each bin.
    passing = 1 - np.concatenate([start, np.cumsum(others, -1)], -1)  # Of others.
    gap = refused - passing  # Rises from -1 to 1.
    after = np.argmax(gap >= 0, -1)[..., None]
    ends = [np.take_along_axis(values, place, -1)[..., 0] for values in (gap, refused) for place in (after - 1, after)]
    share = -ends[0] / np.maximum(ends[1] - ends[0], 1e-12)
    return auc, ends[2] + share * (ends[3] - ends[2])


def _verification(scores: Scores, people: npt.NDArray[np.intp], drawn: Rates) -> tuple[Interval, Interval]:
    """Returns both figures, exact, with intervals for which scores are put into bins."""
    count = scores.shape[1]
    weights = 1 / np.bincount(people, minlength=count)[people]
    is_own = np.zeros(scores.shape, bool)
    is_own[np.arange(len(people)), people] = True

    def counted(places: npt.NDArray[np.intp], owners: npt.NDArray[np.intp], groups: int) -> list[Any]:
        """Returns float64[groups, B] twice: how much of scores for one's own, and for others, lies in each bin."""
        bins = int(places.max()) + 1
        cells = owners[:, None] * bins + places
        heavy = np.broadcast_to(weights[:, None], scores.shape)
        return [np.bincount(cells[of], heavy[of], groups * bins).reshape(groups, bins) for of in (is_own, ~is_own)]

    values, places = np.unique(scores, return_inverse=True)
    means = verification(*counted(places.reshape(scores.shape), np.zeros_like(people), 1))
    edges = np.unique(np.quantile(scores, np.linspace(0, 1, min(_BINS, len(values)))))
    boots = verification(*(drawn @ counts for counts in counted(np.searchsorted(edges, scores), people, count)))
    return _around(means[0][0], boots[0]), _around(means[1][0], boots[1])


def _around(mean: float, boot: Rates) -> Interval:
    """Returns the interval that most draws lie in, with the mean in it: bins are coarser than scores."""
    low, high = np.quantile(boot, (_LEVEL / 2, 1 - _LEVEL / 2))
    return Interval(float(mean), min(float(low), float(mean)), max(float(high), float(mean)))


def _drawn_people(count: int, seed: int) -> Rates:
    """Returns float64[rounds, G], how often each person is drawn in each round."""
    random = np.random.RandomState(seed)
    return np.stack([np.bincount(random.randint(count, size=count), minlength=count) for _ in range(_ROUNDS)]).astype(float)


def _interval(rates: Rates, drawn: Rates) -> Interval:
    """Returns the mean over people with its interval; where all people are alike, none or all found, that of so many trials."""
    low, high = np.quantile(drawn @ rates / len(rates), (_LEVEL / 2, 1 - _LEVEL / 2))
    unseen = 1 - _LEVEL ** (1 / len(rates))
    low = 1 - unseen if rates.min() == 1 else low
    high = unseen if rates.max() == 0 else high
    return Interval(float(rates.mean()), float(low), float(high))


def _means(values: Rates, people: npt.NDArray[np.intp], count: int) -> Rates:
    """Returns float64[G], the mean of each person's values."""
    return np.bincount(people, values, count) / np.bincount(people, minlength=count)
