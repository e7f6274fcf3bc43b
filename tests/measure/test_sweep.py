"""Sweeps over input sizes."""

from __future__ import annotations

import numpy as np
import pytest

from tfdeid import DeidConfig, DeidError, Key
from tfdeid.measure import Measures, measure, sweep_output
from tfdeid.measure.sweep import Sweep, sweep


def made_up(offset: float, noise: float) -> Measures:
    """Returns measures of 400 images whose SDIM is `offset`, with noise of its own on top of noise that all sizes share."""
    shared = np.random.RandomState(0).normal(0, 0.1, 400)
    own = np.random.RandomState(int(10_000 * offset)).normal(0, noise, 400)
    own -= own.mean()
    return Measures(np.zeros(400), (shared + own + offset) / 1.5, np.zeros(400))


def test_sizes_that_chance_could_swap_are_named():
    found = Sweep(DeidConfig(), {32: made_up(0.1, 0.01), 50: made_up(0.0, 0.01), 58: made_up(0.0005, 0.01)})
    assert found.best in (50, 58) and found.as_good == [50, 58]
    assert "can't tell it from" in found.recommendation()
    # The images' own noise is ten times the difference, but the same at each size.
    assert Sweep(DeidConfig(), {32: made_up(0.01, 0.001), 50: made_up(0.0, 0.001)}).as_good == [50]


def test_a_sweep_is_a_measure_at_each_size_and_key(cifar10):
    images, key, config = cifar10[:3], Key.generate(), DeidConfig(output_size=64)
    calls = []
    found = sweep(images, [32, 24], config, key, num_keys=2, seed=5, on_image=lambda: calls.append(1))
    assert len(calls) == 3 * 2 * 3
    alone = measure(images, DeidConfig(input_size=24, output_size=64), key)
    np.testing.assert_array_equal(found.measures[24].each("sdim"), alone.each("sdim"))
    again = sweep(images, [32], config, key, num_keys=2, seed=5)
    assert again.other_keys[32] == found.other_keys[32]
    first, second = found.other_keys[32]
    assert first["ssim_dei"] != second["ssim_dei"] and first["ssim_vec"] == second["ssim_vec"] == found.measures[32].ssim_vec


def test_bad_values(cifar10):
    with pytest.raises(DeidError, match="at least one input size"):
        sweep(cifar10[:1], [], DeidConfig(), Key.generate())


def test_schemes_that_trace_nothing_are_chosen_by_di(cifar10):
    measured = sweep(cifar10[:5], [16, 32], DeidConfig(scheme="plain", output_size=64), None)
    assert measured.criterion == "di" and measured.best in (16, 32)
    assert np.isnan(measured.measures[16].sdim) and f"recommended input size: {measured.best} (DI " in measured.recommendation()
    assert "nan" not in sweep_output.table(measured) and "< is the lowest DI." in sweep_output.table(measured)
