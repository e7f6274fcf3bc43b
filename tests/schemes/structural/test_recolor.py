"""Keyed colours: what is kept of an image's colours and what is not, beside a slow program that does the same."""

from __future__ import annotations

import collections
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.schemes.structural.draws import draws
from tfdeid import DeidConfig, Deidentifier, Key
from tfdeid.image import resize, to_grayscale
from tfdeid.schemes.structural import vectorize
from tfdeid.schemes.structural.recolor import LEVELS, LIGHTNESS, Recolor
from tfdeid.schemes.structural.scheme import Structural
from tfdeid.schemes.structural.trace_options import PRESETS

KEY = Key("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
RECOLOR = Recolor(KEY)
seeds = st.integers(0, 2**32 - 1)


def gray_image(seed: int, size: int = 24) -> np.ndarray:
    """Returns uint8[N, N, 1] with both flat and busy parts."""
    random = np.random.RandomState(seed)
    coarse = np.kron(random.randint(0, 200, (4, 4)), np.ones((size // 4, size // 4), int))
    return (coarse + random.randint(0, random.randint(1, 56), (size, size)))[..., None].astype(np.uint8)


def slow_palette(key: Key) -> list[list[int]]:
    numbers, colors = draws(key, "structural v1, palette", 12), []
    for level in range(4):
        drawn, gray = numbers[3 * level : 3 * level + 3], 30 + 65 * level
        middle = 0.299 * drawn[0] + 0.587 * drawn[1] + 0.114 * drawn[2]
        hue = [part - middle for part in drawn]
        reach = min((255 - gray if part > 0 else gray) / abs(part) for part in hue)
        colors.append([round(gray + part * min(reach, 160)) for part in hue])
    return colors


def slow_recolor(image: np.ndarray, key: Key, image_id: str) -> np.ndarray:
    size = len(image)
    light = to_grayscale(image)[..., 0].tolist()
    weights = [1 + 0.6 * (2 * share - 1) for share in draws(key, f"structural v1, levels of image {image_id}", 4)]
    ordered = sorted(itertools.chain(*light))
    bounds = [ordered[int(sum(weights[: k + 1]) / sum(weights) * size * size)] for k in range(3)]
    levels = [[sum(value > bound for bound in bounds) for value in row] for row in light]
    side = max(1, round(3 * size / 50))
    reach, colors, out = (side + (side % 2 == 0)) // 2, slow_palette(key), np.empty((size, size, 3), np.uint8)

    def mirrored(place: int) -> int:
        return -1 - place if place < 0 else 2 * size - 1 - place if place >= size else place

    for y, x in itertools.product(range(size), repeat=2):
        steps = range(-reach, reach + 1)
        around = collections.Counter(levels[mirrored(y + j)][mirrored(x + i)] for j in steps for i in steps)
        out[y, x] = colors[min(around, key=lambda level: (-around[level], level))]
    return out


@pytest.mark.parametrize("size", [2, 3, 16, 32, 50, 84])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_slow_program_does_the_same(size, channels):
    random = np.random.RandomState(size)
    for image in (
        random.randint(0, 256, (size, size, channels), np.uint8),
        resize(random.randint(0, 256, (6, 6, channels), np.uint8), size),
        np.full((size, size, channels), 255, np.uint8),
    ):
        np.testing.assert_array_equal(RECOLOR(image, "a"), slow_recolor(image, KEY, "a"))


def test_palettes_rise_in_even_steps_of_lightness_and_differ_in_hue():
    keys = [Key.generate() for _ in range(50)]
    for key in keys:
        palette = Recolor(key).palette
        assert palette.tolist() == slow_palette(key)
        assert (np.abs(palette @ [0.299, 0.587, 0.114] - LIGHTNESS) <= 1).all()
        gray = to_grayscale(palette[None])[0, :, 0].astype(int)
        assert (np.diff(gray) >= 63).all()
    assert len({Recolor(key).palette.tobytes() for key in keys}) == 50


@settings(max_examples=60, deadline=None)
@given(seeds, st.integers(1, 300), st.text(max_size=5))
def test_no_increasing_curve_over_gray_levels_is_seen(seed, curve_seed, image_id):
    image = gray_image(seed)
    values, places = np.unique(image, return_inverse=True)
    curve = np.sort(np.random.RandomState(curve_seed).choice(256, len(values), replace=False)).astype(np.uint8)
    np.testing.assert_array_equal(RECOLOR(curve[places].reshape(image.shape), image_id), RECOLOR(image, image_id))


@settings(max_examples=30, deadline=None)
@given(seeds)
def test_hue_does_not_matter(seed):
    gray, random = gray_image(seed), np.random.RandomState(seed)
    # Colours of the same lightness as the grays they stand for.
    cube = random.randint(0, 256, (40_000, 3), np.uint8)
    of_level = {level: cube[k] for k, level in enumerate(to_grayscale(cube[None])[0, :, 0].tolist())}
    colored = np.array([of_level.get(level, [level] * 3) for level in gray.ravel().tolist()], np.uint8).reshape(24, 24, 3)
    np.testing.assert_array_equal(to_grayscale(colored), gray)
    np.testing.assert_array_equal(RECOLOR(colored, "a"), RECOLOR(gray, "a"))
    np.testing.assert_array_equal(RECOLOR(np.repeat(gray, 3, axis=2), "a"), RECOLOR(gray, "a"))


def test_noise_is_that_of_the_id():
    image = gray_image(0)
    found = {name: RECOLOR(image, name).tobytes() for name in "abcdefgh"}
    assert len(set(found.values())) == 8
    assert all(Recolor(KEY)(image, name).tobytes() == pixels for name, pixels in found.items())


def test_levels_have_their_shares_of_the_pixels():
    image = np.random.RandomState(0).permutation(64 * 64).reshape(64, 64) // 16  # Each of 256 values 16 times.
    found = []
    for k in range(400):
        levels = RECOLOR._levels(image.astype(np.uint8), str(k))
        shares = np.bincount(levels.ravel(), minlength=LEVELS) / image.size
        wanted = 1 + 0.6 * (2 * np.array(draws(KEY, f"structural v1, levels of image {k}", LEVELS)) - 1)
        np.testing.assert_allclose(shares, wanted / wanted.sum(), atol=1 / 128)
        found.append(shares)
    np.testing.assert_allclose(np.mean(found, axis=0), 1 / LEVELS, atol=0.02)
    assert np.std(found, axis=0).min() > 0.05


@pytest.mark.parametrize("preset", PRESETS)
def test_a_trace_has_the_palettes_colours_alone_whatever_the_preset(preset):
    image = resize(np.random.RandomState(1).randint(0, 256, (5, 5, 3), np.uint8), 24)
    scheme = Structural(DeidConfig(input_size=24, output_size=32, preset=preset, colors="keyed"), KEY)
    drawing = scheme.drawing(image, "a")
    assert drawing.num_paths and {tuple(color[:3]) for color in drawing.colors} <= {tuple(c) for c in scheme._recolor.palette}
    assert scheme(image, "a").shape == (32, 32, 3)
    if preset == "default":
        again = vectorize(RECOLOR(image, "a, input size 24"), scheme._options)
        np.testing.assert_array_equal(drawing.points, again.points)


def test_a_gray_image_is_painted_as_its_colour_twin_and_turns_gray():
    """For some keys a gray of the palette's lightness is nearer to another of its colours than to its own."""
    config, image = DeidConfig(input_size=24, output_size=64, colors="keyed"), gray_image(3)
    for k in range(30):
        deidentify = Deidentifier(config, KEY.derive(str(k)))
        gray = deidentify(image, "a")
        np.testing.assert_array_equal(gray, to_grayscale(deidentify(np.repeat(image, 3, axis=2), "a")))
        assert gray.shape == (64, 64, 1) and gray.std() > 30
    twin = DeidConfig(input_size=24, output_size=64, colors="keyed", grayscale=True)
    np.testing.assert_array_equal(
        Deidentifier(twin, KEY)(np.repeat(image, 3, axis=2), "a"), Deidentifier(config, KEY)(image, "a")
    )


def test_records_hold_few_colours_beside_mixtures(cifar10):
    deidentify = Deidentifier(DeidConfig(colors="keyed"), KEY)
    expected = {tuple(color) for color in RECOLOR.palette.tolist()} | {(255, 255, 255)}
    for k, image in enumerate(cifar10[:5]):
        counts = collections.Counter(map(tuple, deidentify(image, str(k)).reshape(-1, 3).tolist()))
        flat = {color for color, count in counts.items() if count > 224 * 224 / 50}
        assert flat <= expected and sum(counts[color] for color in expected) > 0.7 * 224 * 224


@pytest.mark.parametrize("size", [2, 3, 7])
@pytest.mark.parametrize("bend", [False, True])
def test_tiny_and_flat_images(size, bend):
    deidentify = Deidentifier(DeidConfig(input_size=size, output_size=8, colors="keyed", bend=bend), KEY)
    for image in (np.full((9, 9, 3), 77, np.uint8), np.zeros((2, 2), np.uint8), gray_image(0)):
        out = deidentify(image, "a")
        assert out.shape[:2] == (8, 8)
        np.testing.assert_array_equal(out, deidentify(image, "a"))
