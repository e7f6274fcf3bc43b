"""The optimizer and its learning rate by epoch, against the paper's figures and Keras's own schedules."""

from __future__ import annotations

import json

import keras
import numpy as np
import pytest

from tests.conftest import SHARED, absent
from tfdeid import DeidError
from tfdeid.train.config import TrainConfig
from tfdeid.train.schedule import EpochSchedule, make_optimizer


def test_the_defaults_are_the_papers_experiment():
    path = SHARED / "oracle" / "paper_tables.json"
    if not path.exists():
        absent("the paper's figures in ../shared")
    paper, ours = json.loads(path.read_text())["training"], TrainConfig()
    assert [list(piece) for piece in ours.pieces] == paper["schedule"]
    assert (ours.optimizer, ours.batch_size) == (paper["optimizer"], paper["batch_size"])
    assert ours.weight_decay == paper["weight_decay"]
    assert ours.total_epochs == 675


@pytest.mark.parametrize(
    ("epoch", "rate"), [(0, 1e-3), (249, 1e-3), (250, 5e-4), (349, 5e-4), (350, 3e-4), (474, 3e-4), (475, 1e-4), (700, 1e-4)]
)
def test_the_rate_changes_at_the_first_step_of_an_epoch(epoch, rate):
    schedule = EpochSchedule(TrainConfig().pieces, steps_per_epoch=7)
    assert float(schedule(epoch * 7)) == float(schedule(epoch * 7 + 6)) == np.float32(rate)


def test_decay_of_the_rate_is_kerass_inverse_time_decay():
    ours = EpochSchedule([(10, 0.1)], steps_per_epoch=5, decay=0.01)
    theirs = keras.optimizers.schedules.InverseTimeDecay(0.1, 1, 0.01)
    np.testing.assert_allclose([float(ours(step)) for step in range(0, 60, 7)], [float(theirs(s)) for s in range(0, 60, 7)])


@pytest.mark.parametrize("kind", ["decoupled", "learning_rate"])
def test_what_the_two_readings_of_weight_decay_do(kind):
    config = TrainConfig(schedule="5 x 0.1", weight_decay=0.5, weight_decay_kind=kind, batch_size=1)
    optimizer, weight = make_optimizer(config, steps_per_epoch=10), keras.Variable([2.0, -4.0])
    # RMSprop's step for gradients 1, 1 from an empty memory: rate * 1 / (sqrt(0.1) + epsilon), then / sqrt(0.19).
    expected = np.array([2.0, -4.0])
    for step, memory in enumerate((0.1, 0.19)):
        optimizer.apply([np.ones(2, np.float32)], [weight])
        rate = 0.1 if kind == "decoupled" else 0.1 / (1 + 0.5 * step)
        if kind == "decoupled":
            expected = expected - rate * 0.5 * expected
        expected = expected - rate / np.sqrt(memory)
        np.testing.assert_allclose(weight.numpy(), expected, rtol=1e-5)


def test_one_cycle_rises_for_a_quarter_and_falls_to_nothing():
    config = TrainConfig(optimizer="sgd", schedule="one_cycle 4 x 0.4", weight_decay=0)
    rate = make_optimizer(config, steps_per_epoch=100)._learning_rate
    assert (config.total_epochs, config.pieces) == (4, [(4, 0.4)])
    rates = [float(rate(step)) for step in range(400)]
    # Its area is that of the triangle.
    np.testing.assert_allclose(np.sum(rates), 400 * 0.4 / 2, rtol=1e-5)
    np.testing.assert_allclose(rates, np.interp(np.arange(400) + 0.5, [0, 100, 400], [0, 0.4, 0]), rtol=1e-5)
    assert float(rate(401)) == 0


def test_sgd_is_nesterovs():
    optimizer, weight = (
        make_optimizer(TrainConfig(optimizer="sgd", schedule="1 x 0.1", weight_decay=0), 5),
        keras.Variable([1.0]),
    )
    expected, velocity = 1.0, 0.0
    for _ in range(3):
        optimizer.apply([np.ones(1, np.float32)], [weight])
        velocity = 0.9 * velocity + 1.0
        expected -= 0.1 * (1.0 + 0.9 * velocity)
    np.testing.assert_allclose(weight.numpy(), [expected], rtol=1e-6)


def test_optimizers():
    assert type(make_optimizer(TrainConfig(optimizer="adam"), 5)) is keras.optimizers.Adam
    assert type(make_optimizer(TrainConfig(precision="mixed_float16"), 5)) is keras.optimizers.LossScaleOptimizer


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"schedule": "3 1e-4"}, "schedule must be epochs x learning rate.*'3 1e-4'"),
        ({"schedule": "0 x 1e-4"}, "schedule must be"),
        ({"schedule": "3 x 0"}, "above 0"),
        ({"schedule": "one_cycle 3 x 0.1, 2 x 0.2"}, "schedule must have one piece after one_cycle"),
        ({"schedule": "one_cycle"}, "schedule must be epochs"),
        ({"optimizer": "adm"}, "Did you mean 'adam'"),
        ({"epochs": 0}, "epochs must be a whole number of at least 1 and .*, epochs was 0"),
        ({"batch_size": 2.5}, "batch_size must be a whole number"),
        ({"weight_decay": -1}, r"weight_decay must be in \[0, 1\)"),
        ({"weight_decay": "much"}, "weight_decay must be a number, it was 'much'"),
        ({"precision": "mixed_float6"}, "Did you mean 'mixed_float16'"),
        ({"strategy": "mirror"}, "Did you mean 'mirrored'"),
    ],
)
def test_values_are_checked(values, message):
    with pytest.raises(DeidError, match=message):
        TrainConfig(**values)
