"""Intervals of what parts come to."""

from __future__ import annotations

import pytest

from tfdeid.compare.collect import accuracy, attacked, wilson


def trained(*accuracies, images=2000):
    return [{"accuracy": value, "images": images} for value in accuracies]


@pytest.mark.parametrize(("share", "count"), [(0.0, 10), (1.0, 10), (0.5, 1), (0.816, 2000), (0.02, 50)])
def test_wilson_is_that_of_scipy(share, count):
    stats = pytest.importorskip("scipy.stats")
    theirs = stats.binomtest(round(share * count), count).proportion_ci(0.95, method="wilson")
    ours = wilson(round(share * count) / count, count)
    assert ours == pytest.approx((theirs.low, theirs.high), abs=2e-5)


def test_of_one_network_the_interval_is_over_test_images():
    found = accuracy(trained(81.6))
    assert found.value == pytest.approx(81.6) and (found.low, found.high) == pytest.approx((79.85, 83.24), abs=0.01)


def test_what_seeds_differ_by_is_added():
    alike, apart = accuracy(trained(80.0, 80.0)), accuracy(trained(78.0, 82.0))
    assert alike == accuracy(trained(80.0)) and apart.value == alike.value
    # 1.96 * 2.83 / sqrt(2) points between seeds.
    assert apart.above**2 == pytest.approx(alike.above**2 + 3.92**2, rel=1e-3)
    assert accuracy(trained(100.0, 100.0)).high == 100 and accuracy(trained(0.0)).low == 0


def test_risks_of_images_stay_in_their_bounds():
    found = attacked({"best": 0.99, "best_error": 0.05, "linked_best": 99.9, "linked_best_error": 1.0})
    assert found["recovered"].high == 1 and found["linked"].high == 100 and found["linked"].low == pytest.approx(98.9)
    assert "linked" not in attacked({"best": 0.5})
