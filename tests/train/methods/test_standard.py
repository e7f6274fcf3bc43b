"""The standard method's loss against Keras's own, and what is said of its option."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfdeid import DeidError
from tfdeid.train.config import TrainConfig
from tfdeid.train.methods import METHODS
from tfdeid.train.methods.base import Plan

PLAN = Plan(examples=6, batch_size=6, steps_per_epoch=1, epochs=1, devices=1, seed=0)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
def test_labels_are_smoothed_as_in_inception(smoothing):
    """Szegedy et al. 2016: a share of each label is spread evenly over all classes."""
    config = TrainConfig(label_smoothing=smoothing)
    images, labels = np.random.RandomState(0).rand(6, 4).astype(np.float32), np.array([0, 1, 2, 0, 1, 2])
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    expected = np.log(np.exp(logits := model(images).numpy()).sum(1)) - (
        (1 - smoothing) * logits[np.arange(6), labels] + smoothing * logits.mean(1)
    )
    optimizer = keras.optimizers.SGD(0.0)
    optimizer.build(model.trainable_variables)
    step = METHODS["standard"](config.options, PLAN).build(model, optimizer)
    loss, _ = step(tf.constant(images), tf.constant(labels, tf.int64), tf.constant(0, tf.int64))
    np.testing.assert_allclose(float(loss), expected.sum(), rtol=1e-5)


def test_a_run_says_that_labels_were_smoothed_and_nothing_where_they_were_not():
    assert TrainConfig(label_smoothing=0.1).to_dict()["options"] == {"label_smoothing": 0.1}
    assert "options" not in TrainConfig().to_dict()


@pytest.mark.parametrize("value", [-0.1, 1, "much"])
def test_smoothing_out_of_range_is_refused(value):
    with pytest.raises(DeidError, match="label_smoothing must be"):
        TrainConfig(label_smoothing=value)
