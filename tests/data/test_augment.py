"""The warp against scipy's and Keras's geometry, and what is drawn."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import scipy.ndimage
import scipy.stats
import skimage.data
import tensorflow as tf

from tests.conftest import resized
from tfdeid import DeidError
from tfdeid.data import RandomAffine
from tfdeid.data.affine import uniform, warp


@pytest.fixture(scope="module")
def photographs() -> np.ndarray:
    """Returns uint8[4, 61, 61, 3], an odd and an uneven number of everything."""
    names = ("astronaut", "chelsea", "coffee", "rocket")
    return np.stack(resized([getattr(skimage.data, name)() for name in names], 61))


def by_scipy(image: np.ndarray, matrix: np.ndarray, fill: float) -> np.ndarray:
    """Returns what scipy makes of float64[H, W] and a matrix that gives (x, y)."""
    (xx, xy, x1), (yx, yy, y1) = matrix
    to_row_column = np.array([[yy, yx], [xy, xx]])
    return scipy.ndimage.affine_transform(image, to_row_column, (y1, x1), order=1, mode="grid-constant", cval=fill)


@pytest.mark.parametrize("fill", [255, 0])
def test_pixels_are_scipys(photographs, fill):
    augment = RandomAffine(rotation=40, shift=0.3, fill=fill)
    matrices = augment.matrices(photographs.shape, [3, 4]).numpy()
    warped = augment(photographs, seed=[3, 4]).numpy()
    exact = warp(keras.ops, tf.constant(photographs, tf.float32), tf.constant(matrices), fill, False).numpy()
    for k, image in enumerate(photographs):
        for channel in range(3):
            expected = by_scipy(image[..., channel].astype(np.float64), matrices[k].astype(np.float64), fill)
            # float32 places are off by up to 1e-5 of a pixel, and levels differ by up to 255 between neighbours.
            np.testing.assert_allclose(exact[k, ..., channel], expected, atol=0.02)
            assert np.abs(warped[k, ..., channel] - expected).max() <= 0.52


def test_pixels_are_kerass(photographs):
    augment = RandomAffine(rotation=25, shift=0.2)
    matrices = augment.matrices(photographs.shape, [5, 6]).numpy()
    transforms = np.concatenate([matrices.reshape(-1, 6), np.zeros((len(matrices), 2))], 1)
    images = photographs.astype(np.float32)
    theirs = keras.ops.image.affine_transform(images, transforms, "bilinear", fill_mode="constant", fill_value=255.0)
    np.testing.assert_allclose(
        warp(keras.ops, tf.constant(images), tf.constant(matrices), 255, False).numpy(), theirs, atol=0.02
    )


@pytest.mark.parametrize(
    ("ranges", "expected"),
    [
        ({"rotation": 0, "shift": 0, "flip": False}, lambda image: [image]),
        ({"rotation": 0, "shift": 0, "flip": True}, lambda image: [image, image[:, ::-1]]),
    ],
)
def test_what_is_switched_off_does_nothing(photographs, ranges, expected):
    batch = np.repeat(photographs, 8, 0)
    warped = RandomAffine(**ranges)(batch, seed=[0, 1]).numpy()
    kinds = [[np.array_equal(result, kind) for kind in expected(image)] for image, result in zip(batch, warped, strict=True)]
    assert np.all(np.sum(kinds, 1) == 1)
    assert np.all(np.any(kinds, 0))  # Each kind occurs.


@pytest.mark.parametrize("side", [32, 61])
def test_without_turns_shifts_are_of_whole_pixels(photographs, side):
    batch = np.repeat(photographs[:, :side, :side], 16, 0)
    warped = RandomAffine(rotation=0, shift=0.1, fill=255)(batch, seed=[2, 3]).numpy()
    reach = round(0.1 * side)
    seen = set()
    for image, result in zip(batch, warped, strict=True):
        places = [
            (mirrored, down, right)
            for mirrored in (False, True)
            for down in range(-reach, reach + 1)
            for right in range(-reach, reach + 1)
            if np.array_equal(result, _moved(image[:, ::-1] if mirrored else image, down, right))
        ]
        assert len(places) == 1
        seen.update(places)
    assert len(seen) > 30
    assert all({place[axis] for place in seen} == set(range(-reach, reach + 1)) for axis in (1, 2))


def _moved(image: np.ndarray, down: int, right: int) -> np.ndarray:
    """Returns an image shifted by whole pixels, white where it was not."""
    height, width = image.shape[:2]
    reach = max(height, width)
    padded = np.pad(image, ((reach, reach), (reach, reach), (0, 0)), constant_values=255)
    return padded[reach - down : reach - down + height, reach - right : reach - right + width]


@pytest.mark.parametrize(("dtype", "channels"), [(tf.uint8, 1), (tf.uint8, 3), (tf.float32, 3), (tf.float16, 1)])
def test_shape_and_dtype_stay(photographs, dtype, channels):
    images = tf.cast(photographs[:, :40, :, :channels], dtype)
    warped = RandomAffine()(images, seed=[0, 0])
    assert warped.shape == images.shape and warped.dtype == dtype


def test_a_step_compiled_by_xla_gives_the_same_pixels(photographs):
    augment = RandomAffine()
    compiled = tf.function(lambda images, seed: augment(images, seed=seed), jit_compile=True)
    for seed in ([1, 2], [1, 3]):
        apart = compiled(photographs, tf.constant(seed)).numpy().astype(int) - augment(photographs, seed).numpy()
        # Halves may be rounded either way, by another order of additions.
        assert np.abs(apart).max() <= 1 and (apart != 0).mean() < 1e-3


def test_the_seed_decides(photographs):
    augment = RandomAffine()
    same, again, other = (augment(photographs, seed=seed).numpy() for seed in ([7, 1], [7, 1], [7, 2]))
    np.testing.assert_array_equal(same, again)
    assert not np.array_equal(same, other)


def test_what_is_drawn_is_uniform_within_its_ranges():
    matrices = RandomAffine(rotation=30, shift=0.2).matrices((4000, 101, 51, 3), [0, 0]).numpy().astype(np.float64)
    turns, moves = matrices[..., :2], matrices[..., 2]
    mirrored = np.linalg.det(turns) < 0
    assert 0.45 < mirrored.mean() < 0.55
    angles = np.degrees(np.arctan2(turns[:, 1, 0], turns[:, 1, 1]))
    assert -30.001 <= angles.min() < -29.5 and 29.5 < angles.max() <= 30.001 and abs(angles.mean()) < 1
    center = np.array([25.0, 50.0])
    shown = np.einsum("bij,j->bi", turns, center) + moves - center  # Where the middle of the output comes from.
    back = np.linalg.norm(shown, axis=1)
    assert back.max() <= np.hypot(0.2 * 51, 0.2 * 101) + 1e-3 and back.max() > 18


@pytest.mark.parametrize("bad", [{"rotation": -1}, {"rotation": 181}, {"shift": 1.5}, {"fill": 256}, {"shift": float("nan")}])
def test_ranges_are_checked(bad):
    (name,) = bad
    with pytest.raises(DeidError, match=rf"{name} must be in \[0, .*{name} was"):
        RandomAffine(**bad)


def test_numbers_are_uniform_and_independent():
    numbers = np.stack([uniform(keras.ops, 5000, [3, step]).numpy() for step in range(20)])  # Steps, lanes, images.
    assert numbers.min() >= -1 and numbers.max() < 1
    for lane in range(4):
        assert scipy.stats.kstest(numbers[:, lane].ravel(), "uniform", (-1, 2)).pvalue > 1e-3
    series = [numbers[0, 0], numbers[0, 1], numbers[1, 0], numbers[2, 0], np.roll(numbers[0, 0], 1)]
    correlations = np.corrcoef(series)
    assert np.abs(correlations - np.eye(len(series))).max() < 5 / np.sqrt(5000)


def test_a_layer_is_saved_with_what_it_draws_from(photographs, tmp_path):
    images = keras.Input((None, None, 3), dtype="uint8")
    model = keras.Model(images, RandomAffine(20, 0.2, False, 7, seed=5)(images))
    assert model.output.dtype == "uint8"
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.layers[1].get_config() == model.layers[1].get_config()
    np.testing.assert_array_equal(loaded.layers[1](photographs, seed=(1, 2)), model.layers[1](photographs, seed=(1, 2)))
    np.testing.assert_array_equal(model(photographs, training=False), photographs)


def test_without_a_seed_each_call_is_another_and_the_layer_s_seed_decides(photographs):
    first, second = RandomAffine(seed=3), RandomAffine(seed=3)
    ones, others = [first(photographs).numpy() for _ in range(2)], [second(photographs).numpy() for _ in range(2)]
    np.testing.assert_array_equal(ones, others)
    assert not np.array_equal(ones[0], ones[1])


def test_in_a_pipeline_and_in_fit(photographs):
    augment = RandomAffine(seed=0)
    data = tf.data.Dataset.from_tensor_slices(photographs).repeat(2)
    one = list(data.enumerate().map(lambda number, image: augment(image, seed=(0, number))))
    np.testing.assert_array_equal(one[1], augment(photographs[1:2], seed=(0, 1))[0])
    assert not np.array_equal(one[0], one[4])
    assert len(list(data.batch(4).map(augment))) == 2
    model = keras.Sequential([RandomAffine(), keras.layers.Flatten(), keras.layers.Dense(2)])
    model.compile("sgd", "mse")
    history = model.fit(photographs.astype("float32") / 255, np.zeros((4, 2)), epochs=1, verbose=0)
    assert np.isfinite(history.history["loss"][0])
