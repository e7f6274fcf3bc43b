"""The Python API: what it takes, what it gives, and that it gives the same each time."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from tfdeid import DeidConfig, Deidentifier, DeidError, Key

RANDOM = np.random.RandomState(0)
COLOR = RANDOM.randint(0, 256, (40, 30, 3), np.uint8)
GRAY = RANDOM.randint(0, 256, (25, 25), np.uint8)
SMALL = {"input_size": 16, "output_size": 32}


@pytest.fixture(scope="module")
def key() -> Key:
    return Key.generate()


@pytest.fixture(scope="module")
def deidentify(key) -> Deidentifier:
    return Deidentifier(DeidConfig(**SMALL), key)


def test_shapes(deidentify):
    for image, channels in ((COLOR, 3), (GRAY, 1), (GRAY[:, :, None], 1), (COLOR.astype(np.float32) / 255, 3)):
        out = deidentify(image)
        assert out.shape == (32, 32, channels) and out.dtype == np.uint8


def test_defaults_are_the_papers(key):
    out = Deidentifier(key=key)(COLOR)
    assert out.shape == (224, 224, 3)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floats_become_the_nearest_level(deidentify, dtype):
    image = (COLOR / 255).astype(dtype)
    levels = np.floor(255 * image.astype(np.float64) + 0.5).astype(np.uint8)
    np.testing.assert_array_equal(deidentify(image), deidentify(levels))


@pytest.mark.parametrize(
    "image",
    [
        COLOR.astype(np.int32),
        COLOR.astype(np.float32),
        COLOR / 255 - 0.1,
        np.full((5, 5, 3), np.nan),
        COLOR[:, :, :2],
        COLOR[None],
        COLOR[:0],
        np.zeros(5, np.uint8),
        COLOR.tolist(),
        None,
    ],
)
def test_anything_else_is_an_error(deidentify, image):
    with pytest.raises(DeidError) as caught:
        deidentify(image)
    assert len(str(caught.value)) < 300 and "\n" not in str(caught.value)


def test_grayscale_option(key):
    out = Deidentifier(DeidConfig(**SMALL, grayscale=True), key)(COLOR)
    assert out.shape == (32, 32, 1)


def test_map_equals_single_calls_in_order(deidentify):
    images = [RANDOM.randint(0, 256, (20 + i, 30, 3), np.uint8) for i in range(30)]
    for expected, found in zip([deidentify(image) for image in images], deidentify.map(iter(images), 3), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_map_raises_what_a_call_raises(deidentify):
    with pytest.raises(DeidError):
        list(deidentify.map([COLOR, None, COLOR]))


@pytest.mark.parametrize(
    ("scheme", "scope"),
    [("negative_positive", "image"), ("block_shuffle", "image"), ("structural", "image"), ("structural", "pool:4096")],
)
def test_masks_of_images_need_their_ids(key, scheme, scope):
    deidentify = Deidentifier(DeidConfig(scheme, **SMALL, key_scope=scope), key)
    assert deidentify.config.needs_ids
    assert (deidentify(COLOR, "a") != deidentify(COLOR, "b")).any() or (deidentify(COLOR, "a") != deidentify(COLOR, "c")).any()
    np.testing.assert_array_equal(deidentify(COLOR, "a"), deidentify(COLOR, "a"))
    for call in (lambda: deidentify(COLOR), lambda: list(deidentify.map([COLOR]))):
        with pytest.raises(DeidError, match="needs the id of each image, none was given"):
            call()


@pytest.mark.parametrize(
    ("options", "given", "usual"),
    [
        ({"colors": "keyed"}, "colors 'keyed'", "colors 'own'"),
        ({"bend": True}, "bend True", "bend False"),
        ({"key_scope": "image", "bend": True}, "key_scope 'image' and bend True", "key_scope 'dataset' and bend False"),
    ],
)
def test_messages_name_the_options_that_need_ids(key, options, given, usual):
    deidentify = Deidentifier(DeidConfig(**SMALL, **options), key)
    assert deidentify.config.needs_ids and deidentify.config.per_image() == options
    for call in (lambda: deidentify(COLOR), lambda: list(deidentify.map([COLOR]))):
        with pytest.raises(DeidError, match=f"with {given} needs the id of each image, none was given.* or use {usual}"):
            call()


@pytest.mark.parametrize("scheme", ["structural", "vectorized", "plain", "negative_positive", "block_shuffle"])
def test_with_one_mask_ids_are_of_no_account(key, scheme):
    deidentify = Deidentifier(DeidConfig(scheme, **SMALL), key)
    np.testing.assert_array_equal(deidentify(COLOR, "a"), deidentify(COLOR))
    np.testing.assert_array_equal(next(deidentify.map([COLOR])), deidentify(COLOR))


@pytest.mark.parametrize("size", [32, 50])
def test_same_key_same_pixels_other_key_other_pixels(key, cifar10, size):
    config = DeidConfig(input_size=size, output_size=64)
    first = Deidentifier(config, key)(cifar10[0])
    np.testing.assert_array_equal(Deidentifier(config, Key(key.material))(cifar10[0]), first)
    assert (Deidentifier(config, Key.generate())(cifar10[0]) != first).mean() > 0.01


def test_schemes_without_encryption_need_no_key(key):
    for scheme in ("plain", "vectorized"):
        config = DeidConfig(scheme=scheme, **SMALL)
        np.testing.assert_array_equal(Deidentifier(config)(COLOR), Deidentifier(config, key)(COLOR))
    with pytest.raises(DeidError, match="needs a key"):
        Deidentifier(DeidConfig())


def test_plain_is_bicubic_twice():
    from PIL import Image

    out = Deidentifier(DeidConfig(scheme="plain", **SMALL))(COLOR)
    expected = Image.fromarray(COLOR).resize((16, 16), Image.Resampling.BICUBIC).resize((32, 32), Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(out, np.asarray(expected))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"scheme": "structurl"}, "Did you mean 'structural'"),
        ({"preset": "detaild"}, "Did you mean 'detailed'"),
        ({"backend": "cario"}, "Did you mean 'cairo'"),
        ({"input_size": 1}, r"input_size must be a whole number in \[2, 4096\], input_size was 1"),
        ({"input_size": 50.0}, "input_size was 50.0"),
        ({"output_size": 10000}, r"output_size must be .* \[2, 8192\]"),
        ({"coordinate_decimals": 4}, "coordinate_decimals was 4"),
        ({"seed": -1}, "seed was -1"),
        ({"grayscale": "yes"}, "grayscale must be true or false"),
        ({"key_scope": "images"}, "Did you mean 'image'"),
        (
            {"scheme": "plain", "key_scope": "image"},
            "'image' is not for the scheme 'plain' .but for structural, negative_positive, block_shuffle",
        ),
        ({"key_scope": "pool:1"}, r"pool:K takes a whole number K in \[2, 4096\], key_scope was 'pool:1'"),
        ({"key_scope": "pool:99999"}, "in .2, 4096., key_scope was 'pool:99999'"),
        ({"key_scope": "pool:" + "9" * 5000}, "in .2, 4096., key_scope was 'pool:9"),
        ({"key_scope": "pool:x"}, "key_scope was 'pool:x'"),
        ({"key_scope": "pool:064"}, "key_scope was 'pool:064'"),
        ({"key_scope": "pool"}, "key_scope was 'pool'"),
        ({"key_scope": "pool:K"}, "key_scope was 'pool:K'"),
        ({"key_scope": ["image"]}, "unknown key_scope"),
        ({"scheme": "negative_positive", "key_scope": "pool:8"}, "'pool:8' is not for .*Use key_scope 'dataset' or 'image'"),
        (
            {"scheme": "plain", "key_scope": "pool:8"},
            "'pool:8' is not for the scheme 'plain' .but for structural.. Use key_scope 'dataset'.$",
        ),
        (
            {"scheme": "plain", "axes": "independent"},
            "axes 'independent' is for the scheme structural alone, scheme was 'plain'",
        ),
        ({"axes": "independant"}, "Did you mean 'independent'"),
        ({"colors": "keys"}, "Did you mean 'keyed'"),
        ({"colors": ["keyed"]}, "unknown colors"),
        ({"bend": 1}, "bend must be true or false, bend was 1"),
        ({"scheme": "negative_positive", "colors": "keyed"}, "colors 'keyed' is for the scheme structural alone"),
        ({"scheme": "vectorized", "bend": True}, "bend True is for the scheme structural alone, .*Leave it out"),
        ({"scheme": "block_shuffle"}, "multiple of 4"),
        ({"input_size": 996}, "at most 995 at coordinate_decimals 1"),
        ({"input_size": 100, "coordinate_decimals": 2}, "at most 95 at coordinate_decimals 2"),
    ],
)
def test_config_states_rule_and_value(values, message):
    with pytest.raises(DeidError, match=message):
        DeidConfig(**values)


def test_config_names():
    assert DeidConfig().name == "structural_50_224"
    assert DeidConfig("vectorized", 32, 64, grayscale=True, seed=3).name == "vectorized_32_64_grayscale1_seed3"
    assert DeidConfig("block_shuffle", 28, 28, key_scope="image").name == "block_shuffle_28_28_key_scopeimage"
    assert DeidConfig(coordinate_decimals=0).name == "structural_50_224_coordinate_decimals0"
    assert DeidConfig(key_scope="pool:64").name == "structural_50_224_key_scopepool64"
    assert DeidConfig(colors="keyed", bend=True).name == "structural_50_224_colorskeyed_bend1"
    both = DeidConfig(key_scope="image", axes="independent")
    assert both.name == "structural_50_224_key_scopeimage_axesindependent"
    assert hash(both) == hash(DeidConfig(axes="independent", key_scope="image")) != hash(DeidConfig())
    assert DeidConfig(seed=3).essentials() == {"scheme": "structural", "input_size": 50, "output_size": 224, "seed": 3}


def test_another_scheme_takes_of_a_configuration_what_it_has():
    strong = DeidConfig(key_scope="pool:8", axes="independent", colors="keyed", bend=True, input_size=48)
    assert strong.with_scheme("structural") == strong
    for scheme in ("plain", "vectorized", "block_shuffle"):
        assert strong.with_scheme(scheme) == DeidConfig(scheme, 48)
    image = DeidConfig(key_scope="image", input_size=48)
    assert image.with_scheme("block_shuffle", output_size=32) == DeidConfig("block_shuffle", 48, 32, key_scope="image")
    assert image.with_scheme("vectorized") == DeidConfig("vectorized", 48)


def test_is_never_pickled_and_shows_no_key(deidentify, key):
    assert key.material.decode() not in repr(deidentify)
    with pytest.raises(TypeError, match="key reference"):
        pickle.dumps(deidentify)
