"""How much is run, and how networks are trained."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfdeid import DeidConfig
from tfdeid.experiments.scale import PAPER, QUICK, STANDARD, augmentation


def test_the_whole_of_cifar10_is_trained_as_it_says():
    assert QUICK.recipe.for_images(50_000)[-2:] == ("--schedule=one_cycle 6 x 0.4", "--batch_size=256")
    assert STANDARD.recipe.for_images(50_000)[-2:] == ("--schedule=one_cycle 40 x 0.4", "--batch_size=256")
    assert PAPER.recipe is None and PAPER.is_whole


@settings(deadline=None)
@given(st.integers(1, 2_000_000), st.sampled_from([QUICK, STANDARD]))
def test_a_small_dataset_makes_enough_steps(number, scale):
    epochs, batch = scale.recipe.steps(number)
    assert 1 <= batch <= min(256, number) and epochs >= scale.recipe.epochs
    assert epochs * (number // batch) >= 750
    # None are made for nothing: with fewer epochs, or a larger batch, there would be too few.
    assert epochs == scale.recipe.epochs or (epochs - 1) * (number // batch) < 750
    assert batch == 256 or scale.recipe.epochs * (number // (2 * batch)) < 750


@pytest.mark.parametrize(
    ("deid", "size"),
    [
        (DeidConfig("structural", 50), 64),
        (DeidConfig("vectorized", 100), 64),
        (DeidConfig("plain", 32), 32),
        (DeidConfig("plain", 150), 64),
        (DeidConfig("block_shuffle", 32), 32),
    ],
)
def test_sizes_to_train_at(deid, size):
    assert QUICK.trained_size(deid) == STANDARD.trained_size(deid) == size and PAPER.trained_size(deid) == 224


def test_what_stays_in_place_is_not_augmented():
    images = {"key_scope": "image"}
    augmented = [DeidConfig(), DeidConfig("plain"), DeidConfig("negative_positive", **images)]
    assert [augmentation(deid) for deid in augmented] == [()] * 3
    for deid in (DeidConfig("negative_positive"), DeidConfig("block_shuffle", 32), DeidConfig("block_shuffle", 32, **images)):
        assert "--noflip" in augmentation(deid)
