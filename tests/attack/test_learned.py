"""Networks of attackers: small budgets on pictures of distinct colours, which have to be enough to beat chance clearly."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tests.attack.test_linkers import CONFIG, pictures, top1
from tfdeid.attack.case import Case, make_case
from tfdeid.attack.shadow_pairs import SIZE, shadow_pairs
from tfdeid.deidentifier import DeidConfig
from tfdeid.image import resize
from tfdeid.key import Key
from tfdeid.ssim import ssim

NUM_KEYS, NUM_PUBLIC = 2, 40


def case_of(channels: int, config: DeidConfig = CONFIG) -> Case:
    return make_case(pictures(22, channels), [], pictures(NUM_PUBLIC, channels, seed=1), [], config, Key("k" * 44))


@pytest.fixture(scope="module")
def case() -> Case:
    return case_of(3)


def test_shadow_pairs_are_those_of_the_seed_and_are_kept(case):
    pairs = shadow_pairs(case.view, NUM_KEYS)
    assert pairs.records.shape == (NUM_PUBLIC, SIZE, SIZE, 6)
    assert pairs.traced.shape == pairs.originals.shape == (NUM_PUBLIC, SIZE, SIZE, 3)
    assert shadow_pairs(dataclasses.replace(case.view, recovered=case.view.records), NUM_KEYS) is pairs
    other = shadow_pairs(dataclasses.replace(case.view, seed=1), NUM_KEYS)
    assert (other.records != pairs.records).any() and (other.originals == pairs.originals).all()
    assert (shadow_pairs(case.view, NUM_KEYS).records == pairs.records).all()


def test_slivers_are_gone_from_the_second_half_of_what_networks_see(case):
    records = shadow_pairs(case.view, NUM_KEYS).records.astype(int)
    assert (records[..., 3:] <= records[..., :3] + 1).mean() > 0.99
    assert records[..., 3:].mean() < records[..., :3].mean()


@pytest.mark.slow
def test_learned_linkage_beats_chance_and_gives_the_same_twice(case):
    from tfdeid.attack.linkers.learned_linkage import LearnedLinkage

    linker = LearnedLinkage(num_steps=100, num_keys=NUM_KEYS)
    scores = linker(case.view, case.originals)
    assert scores.shape == (20, 20) and top1(scores) > 0.3
    assert (linker(case.view, case.originals) == scores).all()


@pytest.mark.slow
def test_learned_inversion_comes_closer_than_the_record_and_gives_the_same_twice():
    from tfdeid.attack.attackers.learned_inversion import LearnedInversion

    case = case_of(1)
    attacker = LearnedInversion(num_steps=12, num_keys=NUM_KEYS)
    found = attacker(case.view)
    assert found.images.shape == case.view.records.shape and found.images.dtype == np.uint8
    assert "40 public images in 12 steps" in found.note
    originals = [resize(image, CONFIG.output_size) for image in case.originals]
    before, after = (np.mean([ssim(*two) for two in zip(images, originals)]) for images in (case.view.records, found.images))
    assert after > before + 0.05
    assert (attacker(case.view).images == found.images).all()


@pytest.mark.slow
def test_networks_take_the_baselines_and_few_public_images():
    from tfdeid.attack.attackers.learned_inversion import LearnedInversion
    from tfdeid.attack.linkers.learned_linkage import LearnedLinkage

    case = case_of(3, DeidConfig(scheme="block_shuffle", input_size=32, output_size=32, key_scope="image"))
    view = dataclasses.replace(case.view, public=case.view.public[:5])
    assert np.isfinite(LearnedLinkage(2, NUM_KEYS)(view, case.originals)).all()
    assert LearnedInversion(2, NUM_KEYS)(view).images.shape == view.records.shape


@pytest.mark.slow
@pytest.mark.parametrize("channels", (3, 1))
def test_a_judge_tells_classes_of_plain_images_and_gives_the_same_twice(channels):
    from tfdeid.attack.judge import train_judge

    labels = [k % 2 for k in range(80)]
    dark_or_light = [image // 2 + 120 * label for image, label in zip(pictures(80, channels), labels)]
    judges = [
        train_judge(dark_or_light[:60], labels[:60], size=32, seed=1, num_steps=15) for _ in range(2 if channels == 1 else 1)
    ]
    shown = np.stack([resize(image, 48) for image in dark_or_light[60:]])
    classes = [judge(shown) for judge in judges]
    assert classes[0].shape == (20,) and classes[0].dtype == np.intp
    assert (classes[0] == labels[60:]).mean() >= 0.9
    assert (classes[-1] == classes[0]).all()
