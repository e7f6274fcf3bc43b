"""Attacks on the baselines that know the records alone: masks that are known here must be found, and nothing else may help."""

from __future__ import annotations

import dataclasses
import types

import numpy as np
import pytest

from tests.attack.made import SIDE
from tfdeid import DeidConfig, Key
from tfdeid.attack.adversaries import ADVERSARIES
from tfdeid.attack.attackers import block_shuffle, negative_positive
from tfdeid.attack.attackers.feature_reconstruction import fold
from tfdeid.attack.base import Knowledge, View
from tfdeid.attack.case import make_case
from tfdeid.attack.engine import attack
from tfdeid.attack.unstretch import restretch, unstretch
from tfdeid.errors import DeidError
from tfdeid.image import resize
from tfdeid.schemes.base import Scheme
from tfdeid.schemes.block_shuffle import BlockShuffle, join_halves, split_halves
from tfdeid.schemes.negative_positive import NegativePositive
from tfdeid.ssim import ssim

KEY = Key.generate()
BASELINES = {"negative_positive": NegativePositive, "block_shuffle": BlockShuffle}


def case_of(tiles: np.ndarray, scheme: str, scope: str, count: int, size: int = 48):
    config = DeidConfig(scheme, SIDE, size, key_scope=scope)
    return make_case(list(tiles[:count]), [], list(tiles[count : count + 300]), [], config, KEY)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Images this small are put in order sooner."""
    monkeypatch.setattr(block_shuffle, "_SHARED_STEPS", 20_000)
    monkeypatch.setattr(block_shuffle, "_STARTS", 1)


@pytest.mark.parametrize(("size", "least"), [(224, 1.0), (160, 1.0), (75, 0.95), (48, 0.8), (32, 1.0)])
def test_stretching_is_undone(size, least):
    noise = np.random.RandomState(size).randint(0, 256, (9, 32, 32, 3), np.uint8)
    found = unstretch(restretch(noise, size), 32)
    assert np.mean(found == noise) >= least
    assert np.abs(found.astype(int) - noise).mean() < 0.5


def test_records_that_are_smaller_than_the_images_are_resized(tiles):
    assert (unstretch(restretch(tiles[:2], 8), SIDE)[1] == resize(resize(tiles[1], 8), SIDE)).all()


@pytest.mark.parametrize("scope", ["dataset", "image"])
def test_features_do_not_depend_on_the_key(tiles, scope):
    attacker = ADVERSARIES["feature_reconstruction"]()
    case = case_of(tiles, "negative_positive", scope, 30, 112)
    found = attacker(case.view).images
    plain = restretch(tiles[: len(found)], 112)
    assert np.abs(found.astype(int) - attacker(dataclasses.replace(case.view, records=plain)).images).mean() < 1
    assert (fold(tiles) == fold(255 - tiles)).all() and fold(tiles).max() < 128 <= fold(tiles, bright=True).min()


@pytest.mark.parametrize("identity", [True, False])
def test_a_shared_mask_of_pixels_is_found(tiles, identity):
    scheme = NegativePositive(DeidConfig("negative_positive", SIDE, SIDE), KEY)
    encrypted = np.stack([image if identity else scheme.encrypt(image) for image in tiles[:100]])
    labels = negative_positive.shared_mask(encrypted, tiles[100:])
    assert np.mean(negative_positive.unmask(encrypted, labels) == tiles[:100]) > 0.99


@pytest.mark.parametrize("identity", [True, False])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_shared_order_of_halves_is_found(tiles, identity, channels):
    images = tiles[..., :channels]
    scheme = BlockShuffle(DeidConfig("block_shuffle", SIDE, SIDE, grayscale=channels == 1), KEY)
    halves = split_halves(np.stack([image if identity else scheme.encrypt(image) for image in images[:300]]))
    order = block_shuffle.shared_order(halves, images[300:], seed=1)
    found = join_halves(order.undo(halves))
    assert np.mean(found >> 4 == images[:300] >> 4) > 0.95


def test_halves_are_put_together_again(tiles):
    assert (join_halves(split_halves(tiles[:5])) == tiles[:5]).all()


@pytest.mark.parametrize(
    ("name", "scope", "count", "gain"),
    [
        ("negative_positive", "dataset", 60, 0.8),
        ("negative_positive", "image", 30, 0.2),
        ("block_shuffle", "dataset", 300, 0.6),
        ("block_shuffle", "image", 30, 0.1),
    ],
)
def test_images_come_back(tiles, name, scope, count, gain):
    findings = attack(case_of(tiles, name, scope, count), [name, "key_known"])
    found, known = findings.recoveries
    assert found.ssim.mean > findings.published.mean + gain
    assert known.ssim.mean > 0.95


@pytest.mark.parametrize("scope", ["dataset", "image"])
@pytest.mark.parametrize("name", BASELINES)
def test_nothing_but_the_records_helps(tiles, name, scope):
    attacker = ADVERSARIES[name]()
    assert attacker.knows is Knowledge.RECORDS
    view = case_of(tiles, name, scope, 20).view
    assert view.key is None and view.oracle is None and not view.pairs
    noise = np.random.RandomState(1).randint(0, 256, (len(view.records), SIDE, SIDE, 3), np.uint8)
    noisy = dataclasses.replace(view, records=restretch(noise, 48))
    found = attacker(noisy).images
    assert np.mean([ssim(*pair) for pair in zip(found, restretch(tiles[: len(found)], 48), strict=True)]) < 0.1
    assert (found == attacker(noisy).images).all()


@pytest.mark.parametrize("name", BASELINES)
def test_without_public_images_records_are_given_back(tiles, name):
    view = dataclasses.replace(case_of(tiles, name, "dataset", 20).view, public=[])
    found = ADVERSARIES[name]()(view)
    assert found.images is view.records and "public" in found.note


class Noise(Scheme):
    """One that can't be undone."""

    name, about = "noise", "noise that the key draws"

    def __call__(self, image, image_id=None):
        return image


def test_the_key_does_not_undo_what_has_no_inverse():
    config = types.SimpleNamespace(scheme_class=Noise, scheme="noise")
    attacker = ADVERSARIES["key_known"]()
    assert not attacker.suits(config)
    with pytest.raises(DeidError, match="what the scheme 'noise' does can't be undone"):
        attacker(View(np.zeros((1, 8, 8, 3), np.uint8), ["0"], config, [], key=KEY))
