"""Linkers find what was planted, and nothing where nothing is."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy import ndimage

from tfdeid.attack.adversaries import ADVERSARIES
from tfdeid.attack.base import Recovery, View
from tfdeid.attack.comparing import cosines, keyless
from tfdeid.attack.engine import attack
from tfdeid.attack.figures import Estimate, LinkageFigures
from tfdeid.attack.linkers import palette_distances
from tfdeid.attack.linkers.palette import Palette
from tfdeid.attack.linkers.palette_distances import PaletteDistances
from tfdeid.deidentifier import DeidConfig, Deidentifier
from tfdeid.key import Key

CONFIG = DeidConfig(input_size=32, output_size=96)
COUNT = 40
UNTRAINED = ("color_histogram", "small_image", "hog", "palette", "palette_distances")
# Turns the colour space about gray; colours that are not far from gray stay within it.
_TURN = np.linalg.qr(np.random.RandomState(3).randn(3, 3))[0]


def pictures(count: int, channels: int = 3, seed: int = 0) -> list[np.ndarray]:
    """Returns smooth blobs in a few muted colours each, uint8[32, 32, C]."""
    random = np.random.RandomState(seed)
    made = []
    for _ in range(count):
        height = ndimage.gaussian_filter(random.randn(32, 32), 4)
        layer = np.digitize(height, np.quantile(height, [0.25, 0.5, 0.75]))
        made.append(random.randint(70, 186, (4, channels)).astype(np.uint8)[layer])
    return made


def view_of(images: list[np.ndarray], **changes) -> View:
    """Returns a view whose records are traced, but not moved."""
    ids = [str(k) for k in range(len(images))]
    return View(records=keyless(CONFIG, images), ids=ids, config=CONFIG, public=[], **changes)


def top1(scores: np.ndarray) -> float:
    return float((scores.argmax(1) == np.arange(len(scores))).mean())


@pytest.mark.parametrize("channels", (3, 1))
@pytest.mark.parametrize("name", UNTRAINED)
def test_what_was_traced_but_not_moved_is_linked(name, channels):
    images = pictures(COUNT, channels)
    scores = ADVERSARIES[name]()(view_of(images), images)
    assert scores.shape == (COUNT, COUNT) and scores.dtype == np.float64
    # Four grays are little to tell images apart by, and how far apart they are is less.
    assert top1(scores) >= (0.3 if channels == 1 and name == "palette_distances" else 0.95)
    if name == "palette" and channels == 3:
        assert top1(scores) == 1


@pytest.mark.parametrize("name", UNTRAINED)
def test_moved_records_are_linked(name):
    case = make_case(pictures(COUNT))
    (found,) = attack(case, [name]).linkages
    assert found.top1.mean > 0.9 and found.top5.mean >= found.top1.mean and not found.trained


@pytest.mark.parametrize("name", UNTRAINED)
def test_originals_that_are_not_among_the_candidates_are_not_found(name):
    scores = ADVERSARIES[name]()(view_of(pictures(200)), pictures(200, seed=1))
    # Of 200 guesses, one in 200 is right by chance.
    assert top1(scores) < 0.04


def test_who_can_not_tell_candidates_apart_has_to_guess():
    case = make_case(pictures(COUNT))
    black = np.zeros_like(case.view.records)  # No original has any.
    (found,) = attack(dataclasses.replace(case, view=dataclasses.replace(case.view, records=black)), ["palette"]).linkages
    assert found.candidates == 36
    assert found.top1.mean == pytest.approx(1 / 36) and found.top5.mean == pytest.approx(5 / 36)


def scoring(monkeypatch, score) -> LinkageFigures:
    """Returns the figures of a linker that makes its scores by `score` of those that are 1 for the right one and else 0."""
    case = make_case(pictures(40))  # 36 records and as many candidates.

    def scores_of(linker, view, candidates):
        right = [[np.array_equal(candidate, one) for candidate in candidates] for one in case.originals]
        return score(np.array(right, np.float64))

    monkeypatch.setattr(ADVERSARIES["hog"], "__call__", scores_of)
    (found,) = attack(case, ["hog"]).linkages
    return found


def others(scores: np.ndarray, count: int, value: float) -> np.ndarray:
    """Gives `count` wrong candidates of each record a score."""
    for row in scores:
        row[np.flatnonzero(row == 0)[:count]] = value
    return scores


@pytest.mark.parametrize(
    ("score", "top1", "top5"),
    [
        (lambda scores: scores, 1, 1),
        (lambda scores: -scores, 0, 0),
        (lambda scores: others(scores, 1, 1), 1 / 2, 1),
        (lambda scores: others(scores, 7, 1), 1 / 8, 5 / 8),
        (lambda scores: others(scores, 1, 2), 0, 1),
        (lambda scores: others(scores, 4, 2), 0, 1),
        (lambda scores: others(scores, 5, 2), 0, 0),
        (lambda scores: others(others(scores, 3, 2), 3, 1), 0, 2 / 4),
        (lambda scores: np.zeros_like(scores), 1 / 36, 5 / 36),
        (lambda scores: np.where(scores == 1, -np.inf, np.inf), 0, 0),
        (lambda scores: np.full_like(scores, np.inf), 1 / 36, 5 / 36),
        (lambda scores: scores.astype(np.int64), 1, 1),
    ],
)
def test_equal_scores_are_put_in_order_by_chance(monkeypatch, score, top1, top5):
    found = scoring(monkeypatch, score)
    assert (found.top1.mean, found.top5.mean) == (pytest.approx(top1), pytest.approx(top5))


def test_the_order_of_candidates_says_nothing(monkeypatch):
    assert scoring(monkeypatch, lambda scores: np.eye(len(scores))).top1.mean < 0.2
    assert scoring(monkeypatch, lambda scores: np.eye(len(scores))[::-1]).top1.mean < 0.2


def test_half_of_the_records_found_for_certain_and_half_by_chance(monkeypatch):
    def score(scores):
        scores[::2] = 0
        return scores

    assert scoring(monkeypatch, score).top1.mean == pytest.approx((1 + 1 / 36) / 2)


def test_the_interval_holds_for_who_guesses():
    """Of many who have to guess among as many candidates, the figure's interval covers what they get on the whole."""
    random = np.random.RandomState(0)
    ties = random.choice([1, 2, 4, 36], size=(400, 100), p=[0.1, 0.3, 0.3, 0.3])
    truth = 0.1 + 0.3 / 2 + 0.3 / 4 + 0.3 / 36
    found = [Estimate.of_share(1 / one) for one in ties]
    assert np.mean([abs(one.mean - truth) <= (one.half_width or 0) for one in found]) >= 0.95
    # Of none, up to the upper end of Agresti and Coull's interval.
    assert Estimate.of_share(np.zeros(100)).half_width == pytest.approx(2 / 104 + 1.96 * np.sqrt(2 / 104 * 102 / 104 / 104))
    assert Estimate.of_share(np.full(100, 0.5)).half_width == pytest.approx(Estimate.of_share([0, 1] * 50).half_width)


def test_distances_of_colors_survive_a_turn_of_the_color_space():
    images = pictures(COUNT)
    view = view_of(images)
    turned = dataclasses.replace(view, records=np.stack([_turned(record) for record in view.records]))
    assert top1(PaletteDistances()(turned, images)) >= 0.9
    assert top1(Palette()(turned, images)) < 0.2
    assert top1(ADVERSARIES["color_histogram"]()(turned, images)) < 0.2
    assert top1(ADVERSARIES["hog"]()(turned, images)) > 0.5


def bands(*colors: tuple[tuple[int, int, int], int]) -> np.ndarray:
    """Returns uint8[32, 32, 3], a band of so many rows of each colour."""
    return np.concatenate([np.full((rows, 32, 3), color, np.uint8) for color, rows in colors])


def test_rare_colours_say_more():
    white, red = (255, 255, 255), (200, 0, 0)
    candidates = [bands((white, 16), ((k, k, k), 16)) for k in range(0, 200, 10)] + [bands((red, 16), ((0, 90, 0), 16))]
    # More of it is white, which nearly all have.
    view = dataclasses.replace(view_of(candidates[:1]), records=bands((white, 20), (red, 12))[None])
    assert Palette()(view, candidates).argmax() == len(candidates) - 1


def test_distances_may_be_off_by_rounding_and_specks_hardly_count():
    (rows, areas), (moved, _) = (palette_distances._distances(bands(((0, 0, 0), 20), ((red, 0, 0), 12))) for red in (100, 101))
    assert list(areas[:3]) == [np.float32(20 / 32), np.float32(12 / 32), 0]
    assert rows[0] @ moved[0] > 0.7
    plain = bands(((0, 0, 0), 16), ((120, 0, 0), 16))
    specked = plain.copy()
    specked[np.arange(8), 3 * np.arange(8)] = np.random.RandomState(0).randint(0, 256, (8, 3))
    views = [dataclasses.replace(view_of([plain]), records=image[None]) for image in (plain, specked)]
    one, other = (float(PaletteDistances()(view, [plain])[0, 0]) for view in views)
    assert one == pytest.approx(2 * 0.5**0.5, abs=0.05) and other == pytest.approx(one, abs=0.1)


def test_likeness_is_a_cosine():
    rows = np.array([[3, 4], [0, 0]], np.float32)
    found = cosines(rows, np.array([[30, 40], [4, -3], [0, 1]], np.float32))
    np.testing.assert_allclose(found, [[1, 0, 0.8], [0, 0, 0]], atol=1e-6)


@pytest.mark.parametrize("scheme", ["structural", "negative_positive"])
def test_candidates_go_through_all_that_needs_no_key(scheme):
    config = dataclasses.replace(CONFIG, scheme=scheme)
    same = Deidentifier(config.with_scheme("vectorized" if scheme == "structural" else "plain"))
    images = pictures(2)
    np.testing.assert_array_equal(keyless(config, images), [same(image) for image in images])


def test_what_an_attacker_recovered_helps_linkers_of_shapes():
    images = pictures(COUNT)
    view = view_of(images)
    noise = np.random.RandomState(0).randint(0, 256, view.records.shape, np.uint8)
    blind = dataclasses.replace(view, records=noise)
    for name in ("small_image", "hog"):
        assert top1(ADVERSARIES[name]()(blind, images)) < 0.2
        assert top1(ADVERSARIES[name]()(dataclasses.replace(blind, recovered=view.records), images)) > 0.9


def test_linkers_get_what_the_best_informed_attacker_made_and_not_a_network(monkeypatch):
    hog = ADVERSARIES["hog"]
    link = hog.__call__

    def spy(linker, view, candidates):
        given.append(view.recovered)
        return link(linker, view, candidates)

    given: list[np.ndarray] = []
    network = ADVERSARIES["learned_inversion"]
    monkeypatch.setattr(network, "__call__", lambda self, view: Recovery(np.zeros_like(view.records)))
    monkeypatch.setattr(hog, "__call__", spy)
    case = make_case(pictures(20), dataclasses.replace(CONFIG, scheme="negative_positive", output_size=32))
    monkeypatch.setattr("tfdeid.attack.linking._CANDIDATES", 7)
    found = attack(case, ["published", "learned_inversion", "key_known", "hog"])
    # Nor what the key gives; and as many records and candidates as are enough.
    assert np.array_equal(given[0], case.view.records[:7]) and found.linkages[0].candidates == 7


def test_linkers_suit_what_they_make_sense_against():
    suited = {
        scheme: {name for name in UNTRAINED if ADVERSARIES[name]().suits(DeidConfig(scheme=scheme, input_size=48))}
        for scheme in ("structural", "negative_positive", "block_shuffle")
    }
    assert suited["structural"] == set(UNTRAINED)
    assert suited["negative_positive"] == {"color_histogram", "small_image", "hog"}
    assert suited["block_shuffle"] == {"small_image", "hog"}


def test_negatives_and_exchanged_channels_leave_a_histogram():
    case = make_case(pictures(COUNT), dataclasses.replace(CONFIG, scheme="negative_positive", output_size=32))
    (found,) = attack(case, ["color_histogram"]).linkages
    # Muted colours lie close together once both ends of a scale are one.
    assert found.top1.mean > 0.3 and found.top5.mean > 0.9


def make_case(images: list[np.ndarray], config: DeidConfig = CONFIG):
    from tfdeid.attack.case import make_case

    # The last tenth become known pairs.
    return make_case(images, [], pictures(8, seed=1), [], config, Key("k" * 44))


def _turned(image: np.ndarray) -> np.ndarray:
    turned = (image.astype(np.float64) - 127.5) @ _TURN + 127.5
    return np.clip(np.rint(turned), 0, 255).astype(np.uint8)
