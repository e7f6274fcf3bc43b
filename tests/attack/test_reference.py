"""Records are compared with images as they came: what reduction took away is not given back to the scheme as similarity.

With the paper's reference, figures are those of before there was another; they were worked out then.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from skimage.metrics import structural_similarity

from tests.attack.test_learned import NUM_KEYS
from tests.conftest import tiles
from tfdeid import DeidConfig, Deidentifier, DeidError, Key
from tfdeid.attack.adversaries import ADVERSARIES
from tfdeid.attack.case import Case, Target, make_case
from tfdeid.attack.comparing import reduced
from tfdeid.attack.engine import attack
from tfdeid.attack.linking import view_to_link
from tfdeid.attack.shadow_pairs import SIZE, reduce_all, shadow_pairs
from tfdeid.image import resize
from tfdeid.measure import measure

KEY = Key("k" * 44)
CONFIG = DeidConfig(input_size=32, output_size=96)
BOTH = ("source", "input")


def case_of(reference: str, config: DeidConfig = CONFIG) -> Case:
    """Returns a case of 22 records, two known pairs and 20 public images."""
    images = tiles(44)
    return make_case(images[:24], [], images[24:], [], config, KEY, reference=reference)


@pytest.mark.parametrize(
    ("scheme", "published", "ceiling", "cleaned", "recovered", "linked"),
    [
        (
            "structural",
            0.272792,
            0.672594,
            0.777831,
            {
                "published": (0.272792, 11.8178),
                "cleaning": (0.450952, 14.3191),
                "quantile": (0.457003, 14.653),
                "known_plaintext_3": (0.485388, 15.2905),
                "chosen_plaintext": (0.484663, 14.9453),
                "key_known": (0.486024, 15.0614),
            },
            {"color_histogram": 1.0, "small_image": 1.0, "hog": 1.0, "palette": 1.0, "palette_distances": 1.0},
        ),
        (
            "negative_positive",
            0.053988,
            1.0,
            1.0,
            {"published": (0.053988, 10.4072), "feature_reconstruction": (0.721627, 15.305), "key_known": (1.0, 100.0)},
            {"small_image": 0.227273},
        ),
    ],
)
def test_with_the_papers_reference_figures_are_what_they_were(scheme, published, ceiling, cleaned, recovered, linked):
    found = attack(case_of("input", CONFIG.with_scheme(scheme)), [*recovered, *linked])
    assert found.published.mean == pytest.approx(published, abs=1e-6)
    assert (found.ceiling.mean, found.ceiling_cleaned.mean) == pytest.approx((ceiling, cleaned), abs=1e-6)
    # Others' linear algebra, and with it what is estimated, may differ in the last places.
    assert {one.attacker: one.ssim.mean for one in found.recoveries} == pytest.approx(
        {name: ssim for name, (ssim, _) in recovered.items()}, abs=1e-4
    )
    assert {one.attacker: one.psnr.mean for one in found.recoveries} == pytest.approx(
        {name: psnr for name, (_, psnr) in recovered.items()}, abs=1e-2
    )
    assert {one.linker: one.top1.mean for one in found.linkages} == pytest.approx(linked, abs=1e-6)


def test_the_original_is_the_source_at_the_output_size():
    images, found = tiles(22), attack(case_of("source"), ["published", "key_known"])
    large = [resize(image, 96) for image in images]
    records = [Deidentifier(CONFIG, KEY)(image) for image in images]
    drawn = [Deidentifier(CONFIG.with_scheme("vectorized"))(image) for image in images]

    def similarity(shown: list[np.ndarray]) -> float:
        return float(np.mean([structural_similarity(a, b, channel_axis=2) for a, b in zip(large, shown, strict=True)]))

    assert found.published.mean == pytest.approx(similarity(records)) == found.recoveries[0].ssim.mean
    assert found.ceiling.mean == pytest.approx(similarity(drawn))
    assert found.reference == "source" and found.originals
    for number, shown in found.originals.items():
        np.testing.assert_array_equal(shown, large[number])


@pytest.mark.parametrize("reference", BOTH)
def test_whoever_undoes_a_mask_does_not_undo_the_reduction(reference):
    found = attack(case_of(reference, CONFIG.with_scheme("negative_positive")), ["published", "key_known"])
    figures = found.recoveries[1]
    # All that is left is the image at the input size, which is the ceiling.
    assert figures.gap_closed == pytest.approx(1, abs=1e-3)
    assert (figures.ssim.mean > 0.999) == (reference == "input")
    assert figures.ssim.mean == pytest.approx(found.ceiling.mean, abs=1e-3)


@pytest.mark.parametrize("scheme", ["structural", "negative_positive"])
def test_sources_of_the_input_size_have_the_same_figures_by_both(scheme):
    images = tiles(30, side=32)

    def figures(reference: str) -> list[float]:
        case = make_case(images[:22], [], images[22:], [], CONFIG.with_scheme(scheme), KEY, reference=reference)
        found = attack(case, ["published", "key_known", "small_image"])
        of_attackers = [value for one in found.recoveries for value in (one.ssim.mean, one.psnr.mean, one.gap_closed)]
        return [found.ceiling.mean, found.published.mean, *of_attackers, found.linkages[0].top1.mean]

    assert figures("source") == figures("input")


def test_attackers_de_identify_as_the_owner_does():
    """Public images, candidates and known originals are what the scheme takes, and are beside them as they came."""
    images, case = tiles(44), case_of("source")
    for prepared, image in zip([*case.originals, *(pair[0] for pair in case.pairs), *case.view.public], images, strict=True):
        np.testing.assert_array_equal(prepared, resize(image, 32))
    np.testing.assert_array_equal(case.sources, images[:22])
    np.testing.assert_array_equal(case.view.public_sources, images[24:])
    record = Deidentifier(CONFIG, KEY)(case.view.public[0])
    np.testing.assert_array_equal(record, Deidentifier(CONFIG, KEY)(images[24]))


def test_linkers_see_candidates_as_they_came_in_their_order(monkeypatch):
    case, seen = case_of("source"), []

    def scores(self, view, candidates):
        seen.extend(zip(candidates, view.candidate_sources, strict=True))
        return np.zeros((len(view.records), len(candidates)))

    monkeypatch.setattr(ADVERSARIES["hog"], "__call__", scores)
    attack(case, ["hog"])
    assert len(seen) == 22 and all((resize(source, 32) == candidate).all() for candidate, source in seen)
    assert [source.shape for source in view_to_link(case_of("input"), None).candidate_sources] == [(32, 32, 3)] * 22


def test_networks_are_trained_to_give_back_sources():
    source, paper = case_of("source"), case_of("input")
    pairs = shadow_pairs(source.view, NUM_KEYS)
    np.testing.assert_array_equal(pairs.originals, reduce_all(tiles(44)[24:]))
    others = shadow_pairs(paper.view, NUM_KEYS)
    np.testing.assert_array_equal(others.originals, reduce_all(paper.view.public))
    assert (pairs.originals != others.originals).any()
    for name in ("records", "traced"):
        np.testing.assert_array_equal(getattr(pairs, name), getattr(others, name))


def test_images_of_any_shape_are_reduced():
    tall = np.repeat(np.arange(200, dtype=np.uint8), 30).reshape(200, 30, 1)
    small = reduced(tall, SIZE)
    assert small.shape == (SIZE, SIZE, 1) and (np.ptp(small, axis=1) == 0).all()


def test_a_view_of_other_public_images_has_no_stale_sources():
    view = case_of("source").view
    few = dataclasses.replace(view, public=view.public[:3])
    assert few.public_sources is few.public and len(view.public_sources) == 20


def test_unknown_references():
    with pytest.raises(DeidError, match="unknown reference 'inptu'. Did you mean 'input'"):
        Target("a", "b", reference="inptu")
    with pytest.raises(DeidError, match="unknown reference 'x'"):
        case_of("x")


def test_what_an_attack_says_is_what_a_measure_says():
    found = attack(case_of("source"), ["published"])
    measured = measure(tiles(22), CONFIG, KEY)
    assert (found.ceiling.mean, found.published.mean) == pytest.approx((measured.ssim_vec, measured.ssim_dei))
