"""The optimizer, and its learning rate by epoch."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from tfdeid.train.config import TrainConfig

_RISE = 0.25
_MOMENTUM = 0.9


class EpochSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """A constant learning rate for each piece of the epochs, optionally decayed by the step.

    It is a function of the optimizer's own count of steps, which checkpoints hold: it goes on where a run was interrupted.

    Args:
      pieces: (epochs, learning rate), one after the other; the last rate stays.
      steps_per_epoch: steps an epoch.
      decay: the rate is divided by 1 + decay * step, as by the argument `decay` of Keras's optimizers before 2.11.
    """

    def __init__(self, pieces: Sequence[tuple[int, float]], steps_per_epoch: int, decay: float = 0.0):
        self.pieces = [(int(epochs), float(rate)) for epochs, rate in pieces]
        self.steps_per_epoch = steps_per_epoch
        self.decay = decay

    def __call__(self, step: Any) -> Any:
        step = ops.cast(step, "int32")
        start, rate = 0, ops.convert_to_tensor(self.pieces[0][1], "float32")
        for (epochs, _), (_, following) in zip(self.pieces, self.pieces[1:]):
            start += epochs * self.steps_per_epoch
            rate = ops.where(step >= start, following, rate)
        return rate / (1 + self.decay * ops.cast(step, "float32")) if self.decay else rate


class OneCycle(keras.optimizers.schedules.LearningRateSchedule):
    """One cycle (Smith 2018): a straight rise from 0 in the first quarter of the steps, then a straight fall to 0.

    Args:
      num_steps: all steps.
      highest: the learning rate at the top.
      decay: as for `EpochSchedule`.
    """

    def __init__(self, num_steps: int, highest: float, decay: float = 0.0):
        self.num_steps = num_steps
        self.highest = highest
        self.decay = decay

    def __call__(self, step: Any) -> Any:
        step = ops.cast(step, "float32")
        rise = max(1.0, _RISE * self.num_steps)
        fall = max(1.0, self.num_steps - rise)
        # Half a step on: no step has a rate of 0.
        share = ops.minimum((step + 0.5) / rise, (self.num_steps - step - 0.5) / fall)
        rate = self.highest * ops.clip(share, 0.0, 1.0)
        return rate / (1 + self.decay * step) if self.decay else rate


def make_optimizer(config: TrainConfig, steps_per_epoch: int) -> keras.optimizers.Optimizer:
    """Returns the optimizer of a config, with Keras's defaults for what the paper does not name (RMSprop: rho 0.9)."""
    decoupled = config.weight_decay_kind == "decoupled"
    decay = 0.0 if decoupled else config.weight_decay
    if config.is_one_cycle:
        ((epochs, highest),) = config.pieces
        rate = OneCycle(epochs * steps_per_epoch, highest, decay)
    else:
        rate = EpochSchedule(config.pieces, steps_per_epoch, decay)
    make = {
        "rmsprop": keras.optimizers.RMSprop,
        "adam": keras.optimizers.Adam,
        "sgd": functools.partial(keras.optimizers.SGD, momentum=_MOMENTUM, nesterov=True),
    }[config.optimizer]
    optimizer = make(rate, weight_decay=config.weight_decay if decoupled and config.weight_decay else None)
    if config.precision == "mixed_float16":
        return keras.optimizers.LossScaleOptimizer(optimizer)
    return optimizer


def next_rate(optimizer: keras.optimizers.Optimizer) -> float:
    """Returns the learning rate of the next step. In float16 steps that overflow are passed over, and do not count."""
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    return float(inner._learning_rate(inner.iterations))
