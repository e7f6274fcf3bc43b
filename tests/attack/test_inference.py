"""Attribute inference: known answers of attributes that are painted, absent or random."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score

from tfdeid import DeidConfig, DeidError, Key
from tfdeid.attack.inference import balanced, infer
from tfdeid.attack.pool import Pool

KEY = Key("i" * 44)
SHOWN = {"left": (slice(None), slice(0, 8)), "right": (slice(None), slice(8, 16))}


def pool_of(values: list[str], seed: int, painted: bool = True) -> Pool:
    """Returns noise with a bright half where the value says so, if painted."""
    random = np.random.RandomState(seed)
    images = [random.randint(0, 100, (16, 16, 3)).astype(np.uint8) for _ in values]
    for image, value in zip(images, values):
        if painted:
            image[SHOWN[value]] += 120
    return Pool(images, [f"{seed:016x}{k:016x}" for k in range(len(values))], values, "side")


def drawn(count: int, seed: int) -> list[str]:
    return list(np.random.RandomState(seed).choice(["left", "right"], count))


@pytest.mark.slow
@pytest.mark.parametrize(("scheme", "forms"), [("structural", ["records", "cleaned records"]), ("block_shuffle", ["records"])])
def test_what_is_painted_is_found_under_another_key(scheme, forms):
    config = DeidConfig(scheme, 16, 32)
    public, pool, steps = pool_of(drawn(80, 0), 0), pool_of(drawn(40, 1), 1), []
    found = infer(pool, public, config, KEY, 0, steps.append, num_steps=40, num_keys=4)
    assert [figures.name for figures in found.forms] == forms and "training a network on records" in " ".join(steps)
    assert found.result()["inferred_plain"] == 100
    if scheme == "structural":
        assert found.result()["inferred"] >= 95
        assert found.result() == infer(pool, public, config, KEY, num_steps=40, num_keys=4).result()
    section = found.section()
    assert all(len(row) == len(section.head) for row in section.rows) and len(section.rows) == 2 + len(forms)
    assert section.figures["public_images"] == 80 and section.figures["inferred_chance"] == found.result()["inferred_chance"]


@pytest.mark.slow
def test_of_records_that_are_all_alike_the_most_frequent_value_is_named():
    def alike(left: int, right: int, seed: int) -> Pool:
        values = ["left"] * left + ["right"] * right
        return Pool([np.zeros((16, 16, 3), np.uint8)] * len(values), pool_of(values, seed).ids, values, "side")

    found = infer(alike(30, 10, 3), alike(45, 15, 2), DeidConfig("plain", 16, 32), None, num_keys=2)
    result = found.result()
    assert result["inferred"] == result["inferred_plain"] == result["inferred_chance"] == 75
    assert result["inferred_balanced"] == result["inferred_balanced_chance"] == 50


@pytest.mark.slow
def test_what_is_not_in_the_image_is_not_found():
    public, pool = pool_of(drawn(80, 4), 4, painted=False), pool_of(drawn(60, 5), 5, painted=False)
    found = infer(pool, public, DeidConfig("plain", 16, 32), None, num_steps=30, num_keys=2)
    assert found.result()["inferred_low"] < 50 < found.result()["inferred_high"]
    assert "not clearly more" in " ".join(found.section().sentences)


def test_values_must_be_frequent_enough():
    pool, config = pool_of(drawn(20, 0), 0), DeidConfig("plain", 16, 32)
    for values in (["left"] * 30, ["left"] * 30 + ["right"] * 9):
        with pytest.raises(DeidError, match="'side' at least two values .* the most frequent are 'left' 30"):
            infer(pool, pool_of(values, 1), config, None)
    with pytest.raises(DeidError, match="and occur in what is attacked"):
        infer(pool_of(["left"] * 20, 0), pool_of(drawn(60, 1), 1), config, None)
    few = pool.taking([pool.values.index("left"), pool.values.index("right")])
    with pytest.raises(DeidError, match="at least 10 records .* 2 do"):
        infer(few, pool_of(drawn(60, 1), 1), config, None)


def test_the_mean_over_values_is_scikit_learns():
    random = np.random.RandomState(0)
    right = np.repeat([0, 1, 2], [70, 20, 10])
    named = np.where(random.rand(100) < 0.6, right, random.randint(0, 3, 100))
    estimate = balanced(named == right, right)
    assert estimate.mean == pytest.approx(balanced_accuracy_score(right, named)) and 0 < estimate.half_width < 0.5


def test_a_pool_is_shared_out():
    pool = pool_of(drawn(30, 0), 0)
    attacked, others = pool.shared_out(10, seed=1)
    assert len(attacked.images) == 10 and sorted([*attacked.ids, *others.ids]) == sorted(pool.ids)
    assert pool.shared_out(10, seed=1)[0].ids == attacked.ids != pool.shared_out(10, seed=2)[0].ids
