"""Attackers on the warp find the one that was planted: none, a linear one, a random table, a real key's."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from tfdeid.attack.adversaries import ADVERSARIES, attackers
from tfdeid.attack.attackers import known_plaintext, lattice, quantile
from tfdeid.attack.base import Attacker, Knowledge
from tfdeid.attack.case import make_case
from tfdeid.attack.edges import Profiles, expected, profiles
from tfdeid.attack.engine import attack, grant
from tfdeid.attack.path import likeliest_curve
from tfdeid.attack.shadow_keys import shadow_key
from tfdeid.attack.warp import Warp, true_warps
from tfdeid.data.draw import read_images
from tfdeid.deidentifier import DeidConfig, Deidentifier
from tfdeid.image import resize
from tfdeid.parallel import parallel_map
from tfdeid.schemes.structural import rasterize, trace_options, vectorize

CONFIG = DeidConfig(input_size=32, output_size=160)


def pictures(count: int, seed: int = 0) -> list[np.ndarray]:
    """Returns rectangles and discs of many places and colours, uint8[32, 32, 3]."""
    random = np.random.RandomState(seed)
    row, column = np.mgrid[:32, :32]
    made = []
    for _ in range(count):
        image = np.full((32, 32, 3), random.randint(60, 200, 3), np.uint8)
        for _ in range(6):
            (y, x), (high, wide) = random.randint(0, 28, 2), random.randint(4, 14, 2)
            disc = ((row - y) / high) ** 2 + ((column - x) / wide) ** 2 < 1
            box = (abs(row - y) < high) & (abs(column - x) < wide)
            image[disc if random.rand() < 0.5 else box] = random.randint(30, 220, 3)
        made.append(image)
    return made


def photograph_tiles() -> list[np.ndarray]:
    """Returns uint8[32, 32, 3], parts of the photographs that come inside scikit-image."""
    tiles = []
    for image in read_images([]):
        for top in range(0, image.shape[0] - 47, 32):
            tiles += [resize(image[top : top + 48, left : left + 48], 32) for left in range(0, image.shape[1] - 47, 32)]
    return tiles[::3]


def planted(curve_x: np.ndarray, curve_y: np.ndarray, images: list[np.ndarray]) -> np.ndarray:
    """Returns records of a warp given by where whole pixels go, as shares of the side."""
    options, places = trace_options("default"), np.arange(33)

    def one(image: np.ndarray) -> np.ndarray:
        drawing = vectorize(image, options)
        columns = (curve_x, curve_y)
        points = [1000 * np.interp(drawing.points[:, k], places, columns[k]) for k in range(2)]
        return rasterize(drawing.replace(points=np.stack(points, 1), width=1000, height=1000, stroke_width=3), 160)

    return np.stack(parallel_map(one, images))


def random_table(seed: int) -> np.ndarray:
    gaps = np.random.RandomState(seed).gamma(10, size=32)
    return np.concatenate([[0], np.cumsum(gaps)]) / gaps.sum()


STRAIGHT = np.linspace(0, 1, 33)
WARPS = {
    "none": STRAIGHT,
    "linear in two parts": np.interp(STRAIGHT, [0, 0.5, 1], [0, 0.42, 1]),
    "random table": random_table(1),
    "another": random_table(5),
}


@pytest.fixture(scope="module")
def public() -> list[np.ndarray]:
    return pictures(400, seed=9)


@pytest.fixture(scope="module")
def before(public):
    return expected(CONFIG, public, 0)


@pytest.mark.parametrize("name", WARPS)
def test_the_lattice_finds_a_planted_warp_and_quantiles_come_near(name, before):
    curve = WARPS[name]
    found, true = profiles(planted(curve, curve, pictures(300))), Warp(curve, curve)
    by_lattice = lattice.read_lattice(found, before, CONFIG).error(true, CONFIG)
    by_quantiles = quantile.match_quantiles(found, before, CONFIG).error(true, CONFIG)
    none = Warp.identity().error(true, CONFIG)
    # An input pixel is 5 pixels of the record.
    assert by_lattice < 0.8
    assert by_quantiles < max(2.5, 0.7 * none)


def test_independent_axes_are_told_apart(public):
    config = DeidConfig(input_size=32, output_size=160, axes="independent")
    x, y = random_table(2), random_table(3)
    records = planted(x, y, pictures(300))
    found = lattice.read_lattice(profiles(records), expected(config, public, 0), config)
    assert found.error(Warp(x, y), config) < 0.8 < found.error(Warp(y, x), config)


@pytest.mark.parametrize("pairs", (1, 3))
def test_known_pairs_give_a_planted_warp(pairs):
    curve = random_table(4)
    originals = photograph_tiles()[30:200:50][:pairs]
    found = known_plaintext.align(list(zip(originals, planted(curve, curve, originals), strict=True)), CONFIG)
    assert found.error(Warp(curve, curve), CONFIG) < (2.5 if pairs == 1 else 1.2)


def test_a_known_pair_tells_the_table_of_its_group(public):
    config = DeidConfig(input_size=32, output_size=160, key_scope="pool:2", algorithm_version=1)  # What is drawn counts.
    case = make_case(photograph_tiles()[::2], [], public[:60], [], config, shadow_key(3, 0))
    published, known = attack(case, ["published", "known_plaintext_10"]).recoveries
    assert known.note == "2 of 2 groups of records have a known one"
    assert known.table_error < 0.75 * published.table_error


def test_records_of_one_table_are_brought_together():
    config, key = DeidConfig(input_size=32, output_size=160, key_scope="pool:4"), shadow_key(3, 0)
    images, deidentify = photograph_tiles(), Deidentifier(config, key)
    ids = [f"{number:032x}" for number in range(len(images))]
    records, warps = np.stack(parallel_map(deidentify, images, ids)), true_warps(config, key, ids)
    table = np.array([list(dict.fromkeys(warps)).index(warp) for warp in warps])
    groups = lattice.group_by_table(profiles(records), config)
    commonest = sum(np.bincount(table[numbers]).max() for numbers in groups)
    assert sorted(np.concatenate(groups)) == list(range(len(images)))
    assert len(set(table)) == 4 and commonest / len(images) > 0.95


def test_keyed_colours_do_not_hide_the_table_from_pairs_or_chosen_images(public):
    config = DeidConfig(input_size=32, output_size=160, colors="keyed", algorithm_version=1)
    case = make_case(photograph_tiles()[:30], [], public[:5], [], config, shadow_key(1, 0))
    found = attack(case, ["published", "known_plaintext_1", "chosen_plaintext", "key_known"]).recoveries
    errors = {one.attacker: one.table_error for one in found}
    assert errors["known_plaintext_1"] < 0.85 * errors["published"]
    assert errors["chosen_plaintext"] < 0.5 and errors["key_known"] == 0


def test_the_key_undoes_bends(public):
    def ssim(**changes: bool) -> list[float]:
        config = DeidConfig(input_size=32, output_size=160, **changes)
        case = make_case(pictures(20), [], public[:5], [], config, shadow_key(1, 0))
        return [one.ssim.mean for one in attack(case, ["cleaning", "key_known"]).recoveries]

    _, straight = ssim()
    cleaned, undone = ssim(bend=True)
    # What a bend moves beyond the border is lost.
    assert undone > cleaned + 0.5 * (straight - cleaned)


def test_all_attackers_on_a_real_key_and_who_knows_more_errs_less(public):
    case = make_case(pictures(150), [], public, [], CONFIG, shadow_key(1, 0))
    names = ["published", "quantile", "lattice", "known_plaintext_3", "chosen_plaintext", "key_known"]
    found = {one.attacker: one for one in attack(case, names).recoveries}
    errors = {name: one.table_error for name, one in found.items()}
    assert errors["key_known"] == 0 and errors["chosen_plaintext"] < 0.6
    assert errors["lattice"] < 0.8 < errors["published"] and errors["known_plaintext_3"] < errors["published"]
    assert found["published"].ssim.mean < found["lattice"].ssim.mean
    assert found["lattice"].ssim.mean == pytest.approx(found["key_known"].ssim.mean, abs=0.05)
    assert found["published"].gap_closed == 0 < found["lattice"].gap_closed
    assert "31 chosen images" in found["chosen_plaintext"].note and found["chosen_plaintext"].used == 31


@pytest.mark.parametrize("name", attackers())
def test_nobody_gets_what_they_are_not_said_to_know(name):
    """The key, the oracle and the originals reach only those that say so."""
    case = make_case(pictures(30), [], pictures(20, seed=5), [], CONFIG, shadow_key(1, 0))
    attacker = ADVERSARIES[name]()
    assert isinstance(attacker, Attacker)
    view = grant(attacker, case)
    assert (view.key is not None) == (attacker.knows is Knowledge.KEY)
    assert (view.oracle is not None) == (attacker.knows is Knowledge.ORACLE)
    is_told = attacker.knows is Knowledge.PAIRS
    assert len(view.pairs) == (min(attacker.num_pairs, len(case.pairs)) if is_told else 0)
    hidden = {original.tobytes() for original in [*case.originals, *case.sources]}
    given = [*view.public, *view.public_sources, *(original for original, _ in view.pairs)]
    assert not view.candidate_sources and not hidden & {image.tobytes() for image in given}


def test_true_warps_are_those_of_the_scheme():
    config = DeidConfig(input_size=32, output_size=160, axes="independent", key_scope="image")
    key = shadow_key(2, 0)
    (warp,) = true_warps(config, key, ["some id"])
    image = np.full((32, 32, 3), 40, np.uint8)
    image[:, 11:] = 200
    record = Deidentifier(config, key)(image, "some id")
    edge = (record[80, :, 0] < 120).sum() / 160
    assert edge == pytest.approx(np.interp(11 / 32, np.linspace(0, 1, len(warp.x)), warp.x), abs=1 / 160)
    assert np.all(np.diff(warp.x) > 0) and not np.allclose(warp.x, warp.y, atol=1e-3)


def test_undoing_is_the_inverse_of_warping():
    ramp = ndimage.zoom(np.random.RandomState(0).rand(6, 6), 160 / 6, order=3)
    image = np.clip(255 * ramp, 0, 255).astype(np.uint8)[..., None]
    warp = Warp(random_table(6), random_table(7))
    places = [160 * line - 0.5 for line in warp.at((np.arange(160) + 0.5) / 160)]
    expected_image = ndimage.map_coordinates(image[..., 0].astype(float), np.meshgrid(*places[::-1], indexing="ij"), order=1)
    inner = slice(4, -4)
    assert np.abs(warp.undo(image)[inner, inner, 0] - expected_image[inner, inner]).max() <= 0.51
    assert np.array_equal(Warp.identity().undo(image), image)


def test_the_likeliest_curve_follows_a_clear_score():
    curve = random_table(8)
    positions = np.rint(curve * 400).astype(int)
    score = np.full((33, 401), -50.0)
    score[np.arange(33), positions] = 0
    found = likeliest_curve(score, CONFIG)
    assert np.array_equal(np.rint(found * 400).astype(int), positions)


def test_noise_tells_nothing(before):
    """Records without edges at lattice places leave no more than the prior: no warp is made up."""
    random = np.random.RandomState(0)
    records = random.randint(0, 255, (50, 160, 160, 3)).astype(np.uint8)
    found = lattice.read_lattice(profiles(records), before, CONFIG)
    assert np.all(np.diff(found.x) > 0)
    flat = Profiles(np.full((50, 159), 1 / 159), np.full((50, 159), 1 / 159))
    assert lattice.read_lattice(flat, (np.linspace(0, 1, 501),) * 2, CONFIG).error(Warp.identity(), CONFIG) < 1
