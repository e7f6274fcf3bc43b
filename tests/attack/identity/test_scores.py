"""Figures of identification and verification: as scikit-learn has them, and at chance where all are alike."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfdeid.attack.identity.scores import figures_of


def drawn(seed: int, people: int = 20, gain: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Returns scores of two decimals, so that some are equal, and whose each probe is."""
    random = np.random.RandomState(seed)
    whose = np.repeat(np.arange(people), random.randint(1, 8, people))
    scores = random.randn(len(whose), people)
    scores[np.arange(len(whose)), whose] += gain
    return np.round(scores, 2) / 10, whose


@pytest.mark.parametrize(("seed", "gain"), [(0, 1.0), (1, 0.0), (2, 3.0), (3, -1.0)])
def test_verification_is_that_of_scikit_learn(seed, gain):
    metrics = pytest.importorskip("sklearn.metrics")
    scores, whose = drawn(seed, gain=gain)
    figures = figures_of(scores, whose, 0)
    is_own = whose[:, None] == np.arange(scores.shape[1])
    weights = np.broadcast_to((1 / np.bincount(whose)[whose])[:, None], scores.shape)
    area = metrics.roc_auc_score(is_own.ravel(), scores.ravel(), sample_weight=weights.ravel())
    assert figures.auc.mean == pytest.approx(area, abs=1e-9)
    passing, accepted, _ = metrics.roc_curve(
        is_own.ravel(), scores.ravel(), sample_weight=weights.ravel(), drop_intermediate=False
    )
    # Where both errors are equal, on the straight lines between the curve's points.
    wanted = np.interp(0.0, passing + accepted - 1, passing)
    assert figures.eer.mean == pytest.approx(wanted, abs=1e-9)
    assert figures.auc.low <= figures.auc.mean <= figures.auc.high


@pytest.mark.parametrize("seed", range(3))
def test_ranks_are_those_of_scikit_learn_where_none_are_equal(seed):
    metrics = pytest.importorskip("sklearn.metrics")
    random = np.random.RandomState(seed)
    scores, whose = random.permutation(400).reshape(40, 10).astype(float), np.repeat(np.arange(10), 4)
    figures = figures_of(scores, whose, 0)
    for interval, places in ((figures.rank1, 1), (figures.rank5, 5)):
        assert interval.mean == pytest.approx(metrics.top_k_accuracy_score(whose, scores, k=places))
        assert interval.low <= interval.mean <= interval.high


@settings(max_examples=25, deadline=None)
@given(st.integers(2, 30), st.integers(1, 6), st.integers(0, 1000))
def test_what_is_constant_is_at_chance(people, each, seed):
    """Whether all scores are equal, or each person has one, whatever the probe."""
    random = np.random.RandomState(seed)
    whose = np.repeat(np.arange(people), random.randint(1, each + 1, people))
    for row in (np.full(people, 0.3), random.randn(people)):
        figures = figures_of(np.tile(row, (len(whose), 1)), whose, 0)
        assert figures.rank1.mean == pytest.approx(1 / people)
        assert figures.rank5.mean == pytest.approx(min(1, 5 / people))
        assert figures.auc.mean == pytest.approx(0.5) and figures.eer.mean == pytest.approx(0.5)


def test_intervals_cover_where_all_or_none_are_found():
    whose = np.repeat(np.arange(20), 3)
    found = figures_of(np.eye(20)[whose], whose, 0)
    assert (found.rank1.mean, found.rank1.high, found.auc.mean, found.eer.mean) == pytest.approx((1, 1, 1, 0))
    lost = figures_of(np.eye(20)[(whose + 1) % 20], whose, 0)
    assert lost.rank1.mean == lost.rank1.low == 0
    # The rule of three, as it is exactly: 0.05 ** (1 / 20) = 0.861.
    assert 1 - found.rank1.low == pytest.approx(lost.rank1.high) == pytest.approx(0.139, abs=1e-3)
    assert list(lost.rates) == [0] * 20


def test_intervals_are_over_people():
    """A person's probes are no independent trials: intervals are as wide with ten of them as with one."""
    random = np.random.RandomState(0)
    rates = []
    for each in (1, 10):
        whose = np.repeat(np.arange(100), each)
        is_found = np.repeat(random.rand(100) < 0.5, each)
        scores = np.eye(100)[np.where(is_found, whose, (whose + 1) % 100)]
        rates.append(figures_of(scores, whose, 0).rank1)
    widths = [interval.high - interval.low for interval in rates]
    # That of a share of a half of a hundred: 2 * 1.96 * 0.05.
    assert widths == pytest.approx([0.196, 0.196], abs=0.03)


def test_the_same_seed_draws_the_same_people():
    scores, whose = drawn(0)
    first, again, other = (figures_of(scores, whose, seed).rank1 for seed in (1, 1, 2))
    assert first == again != other and first.mean == other.mean
