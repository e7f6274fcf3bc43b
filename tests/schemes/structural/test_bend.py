"""Bends: a slow program that does the same, and what is true of all of them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.schemes.structural.draws import draws
from tfdeid import DeidConfig, Deidentifier, DeidError, Key
from tfdeid.image import resize
from tfdeid.schemes.keystream import KeyStream
from tfdeid.schemes.structural import vectorize
from tfdeid.schemes.structural.bend import NUMBERS, Bend, largest_size
from tfdeid.schemes.structural.scheme import Structural
from tfdeid.schemes.structural.vector_image import VectorImage

KEY = Key("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
BEND = Bend(KEY)
SIDE = 50
IMAGE = resize(np.random.RandomState(1).randint(0, 256, (6, 6, 3), np.uint8), SIDE)


def dots(points: np.ndarray, side: float = SIDE) -> VectorImage:
    """Returns an image of points without paths."""
    empty, starts = np.empty(0, np.uint8), np.zeros(1, np.int32)
    return VectorImage(side, side, empty, np.asarray(points, np.float64), starts, starts, np.empty((0, 4), np.uint8))


def grid(count: int = 41) -> np.ndarray:
    places = np.linspace(0, SIDE, count)
    return np.stack(np.meshgrid(places, places), axis=-1).reshape(-1, 2)


def fixed(monkeypatch, numbers: np.ndarray) -> None:
    """Makes all streams give these numbers in [-1, 1): 4 for turn, shifts and mirror, then those of the grid."""
    remaining = (np.asarray(numbers, np.float64) + 1) / 2

    def shares(self, count):
        start = getattr(self, "at", 0)
        self.at = start + count
        return remaining[start : self.at]

    monkeypatch.setattr(KeyStream, "shares", shares)


def slow_bend(points: list[list[float]], width: float, height: float, numbers: list[float]) -> list[list[float]]:
    turn, shift_x, shift_y, mirror, *rest = [2 * number - 1 for number in numbers]
    knots = [[[0.12 * rest[2 * (4 * row + column) + axis] for axis in (0, 1)] for column in range(4)] for row in range(4)]
    half = turn * 0.1317
    cosine, sine = (1 - half * half) / (1 + half * half), 2 * half / (1 + half * half)

    def cell(share: float) -> tuple[int, float]:
        place = min(max(share, 0), 1) * 3
        first = min(math.floor(place), 2)
        part = place - first
        return first, part * part * (3 - 2 * part)

    found = []
    for point in points:
        share = [point[0] / width, point[1] / height]
        (column, right), (row, low) = cell(share[0]), cell(share[1])
        moved = []
        for axis in (0, 1):
            upper = (1 - right) * knots[row][column][axis] + right * knots[row][column + 1][axis]
            under = (1 - right) * knots[row + 1][column][axis] + right * knots[row + 1][column + 1][axis]
            moved.append(share[axis] + ((1 - low) * upper + low * under) - 0.5)
        x, y = -moved[0] if mirror < 0 else moved[0], moved[1]
        new = (cosine * x - sine * y + 0.1 * shift_x + 0.5, sine * x + cosine * y + 0.1 * shift_y + 0.5)
        found.append([np.rint(value * side * 1000) / 1000 for value, side in zip(new, (width, height), strict=True)])
    return found


def test_a_slow_program_gives_the_same_bits():
    points = np.random.RandomState(0).uniform(-3, SIDE + 3, (300, 2)).round(1)
    for image_id in ("a", "b", "Zürich"):
        numbers = draws(KEY, f"structural v1, bend of image {image_id}", NUMBERS)
        found = BEND(dots(points).replace(height=30.0), image_id)
        assert (found.width, found.height) == (SIDE, 30.0)
        assert found.points.tolist() == slow_bend(points.tolist(), SIDE, 30.0, numbers)


def test_only_points_change():
    drawing = vectorize(IMAGE, "default")
    bent = BEND(drawing, "a")
    for name in ("width", "height", "stroke_width", "channels", "commands", "command_starts", "point_starts", "colors"):
        np.testing.assert_array_equal(getattr(bent, name), getattr(drawing, name))
    assert (bent.points != drawing.points).any()
    assert BEND(dots(np.empty((0, 2))), "a").points.shape == (0, 2)


def test_ids_have_bends_of_their_own():
    drawing = dots(grid(5))
    found = {name: BEND(drawing, name).points.tobytes() for name in "abcdefgh"}
    assert len(set(found.values())) == 8
    assert all(Bend(Key(KEY.material))(drawing, name).points.tobytes() == points for name, points in found.items())
    assert Bend(Key.generate())(drawing, "a").points.tobytes() != found["a"]


@pytest.mark.parametrize("preset", ["default", "detailed"])
def test_where_nothing_is_drawn_nothing_moves(monkeypatch, preset):
    fixed(monkeypatch, np.zeros(NUMBERS))
    drawing = vectorize(IMAGE, preset)
    np.testing.assert_array_equal(BEND(drawing, "a").points, drawing.points)


@pytest.mark.parametrize("numbers", [[1, 1, 1, 0.5], [-1, -1, 0.5, -1], [0.3, -0.2, 0.9, -0.1], [-1, 0, 0, 0.1]])
def test_without_the_grid_it_is_a_mirror_a_turn_and_a_shift_within_the_range_of_augmentation(monkeypatch, numbers):
    fixed(monkeypatch, np.concatenate([numbers, np.zeros(NUMBERS - 4)]))
    before, after = grid(9) - SIDE / 2, BEND(dots(grid(9)), "a").points - SIDE / 2
    if numbers[3] < 0:
        before[:, 0] *= -1
    design = np.column_stack([before, np.ones(len(before))])
    matrix, *_ = np.linalg.lstsq(design, after, rcond=None)
    np.testing.assert_allclose(design @ matrix, after, atol=1e-3)
    np.testing.assert_allclose(matrix[:2] @ matrix[:2].T, np.eye(2), atol=1e-4)
    assert np.linalg.det(matrix[:2]) > 0
    angle = math.degrees(math.atan2(matrix[0, 1], matrix[0, 0]))
    assert abs(angle) <= 15.01 and abs(angle - 15 * numbers[0]) < 0.1
    np.testing.assert_allclose(matrix[2] / SIDE, 0.1 * np.array(numbers[1:3]), atol=1e-4)


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=8))
def test_neighbours_stay_neighbours(image_id):
    """A knot's move fades over a third of the side, no faster than 1.5 / (1/3); two knots differ by 0.24 at most."""
    fine = grid(101)
    moved = BEND(dots(fine), image_id).points.reshape(101, 101, 2)
    for steps in (np.diff(moved, axis=0), np.diff(moved, axis=1)):
        assert np.linalg.norm(steps, axis=-1).max() <= SIDE / 100 * (1 + 4.5 * 0.24 * math.sqrt(2)) + 0.002


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from([-1.0, -0.999, 0.0, 0.999, 1.0]), min_size=NUMBERS, max_size=NUMBERS), st.integers(2, 731))
def test_no_point_is_farther_than_what_the_encryption_takes(numbers, side):
    with pytest.MonkeyPatch.context() as patch:
        fixed(patch, np.array(numbers))
        corners = dots([(x, y) for x in (-4, side + 4) for y in (-4, side + 4)], side)
        assert np.abs(BEND(corners, "a").points).max() <= 999.9


def test_the_bound_is_tight(monkeypatch):
    def farthest(side: int) -> float:
        fixed(monkeypatch, np.array([-1, 1, 1, 1] + [1] * 32))  # All to the right, then turned.
        corners = dots([(x, y) for x in (-4, side + 4) for y in (-4, side + 4)], side)
        return np.abs(BEND(corners, "a").points).max()

    assert largest_size(999.9, 4) == 731
    assert 995 < farthest(731) <= 999.9 < farthest(733)
    assert [largest_size(9999 / 10**decimals, 4) for decimals in (0, 2, 3)] == [7351, 69, 3]


@pytest.mark.parametrize(("size", "decimals", "largest"), [(732, 1, 731), (995, 1, 731), (70, 2, 69), (4, 3, 3)])
def test_too_large_an_input_is_refused(size, decimals, largest):
    config = {"coordinate_decimals": decimals, "bend": True}
    message = f"at most {largest} at coordinate_decimals {decimals} with bend, .* input_size was {size}"
    with pytest.raises(DeidError, match=message):
        DeidConfig(input_size=size, **config)
    assert DeidConfig(input_size=largest, **config).bend


@pytest.mark.parametrize(("size", "decimals"), [(69, 2), (3, 3), (2, 1), (50, 0)])
@pytest.mark.parametrize("scope", ["dataset", "image"])
def test_bent_images_are_encrypted_up_to_the_largest_size(size, decimals, scope):
    config = DeidConfig(input_size=size, output_size=8, coordinate_decimals=decimals, bend=True, key_scope=scope)
    deidentify, random = Deidentifier(config, KEY), np.random.RandomState(0)
    for k in range(3 if scope == "image" else 10):  # Each image's table takes seconds where it has many numbers.
        image = random.randint(0, 256, (size, size, 3), np.uint8)
        np.testing.assert_array_equal(deidentify(image, str(k)), deidentify(image, str(k)))
    # Of 2 or 3 pixels a side the preset traces nothing.
    assert size < 8 or (deidentify(image, "a") != deidentify(image, "b")).any()


@pytest.mark.parametrize("options", [{}, {"axes": "independent"}, {"key_scope": "image"}, {"colors": "keyed"}])
def test_a_scheme_bends_what_it_traces_and_encrypts_what_is_bent(options):
    config = DeidConfig(input_size=SIDE, output_size=64, bend=True, **options)
    scheme, flat = Structural(config, KEY), Structural(DeidConfig(input_size=SIDE, output_size=64, **options), KEY)
    drawing = scheme.drawing(IMAGE, "a")
    np.testing.assert_array_equal(drawing.points, BEND(flat.drawing(IMAGE, "a"), f"a, input size {SIDE}").points)
    moved = scheme.position_ope("a")(drawing)
    np.testing.assert_array_equal(moved.points[:, 0], flat.position_ope("a").encrypt_x(drawing.points[:, 0]))
    assert drawing.points.min() < 0  # Some have left the canvas.
