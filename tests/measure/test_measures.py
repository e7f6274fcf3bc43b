"""The measures against scikit-image and a plain reading of the formulas."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import skimage.data
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image
from skimage.metrics import structural_similarity

from tests.conftest import resized, tiles
from tfdeid import DeidConfig, DeidError, Key
from tfdeid.measure import measure
from tfdeid.schemes.structural import PositionOPE, rasterize, vectorize
from tfdeid.ssim import ssim

SHAPES = st.tuples(st.integers(7, 20), st.integers(7, 20), st.sampled_from([1, 3]))
PAIRS = SHAPES.flatmap(lambda shape: st.tuples(hnp.arrays(np.uint8, shape), hnp.arrays(np.uint8, shape)))


@settings(deadline=None)  # The first call compiles.
@given(PAIRS)
def test_ssim_is_scikit_images(pair):
    a, b = pair
    assert ssim(a, b) == pytest.approx(structural_similarity(a, b, channel_axis=2, data_range=255), abs=1e-9)


@settings(deadline=None)  # The first call compiles.
@given(PAIRS)
def test_ssim_is_symmetric_and_1_for_equal_images(pair):
    a, b = pair
    assert ssim(a, a) == pytest.approx(1) and ssim(a, b) == pytest.approx(ssim(b, a))


@pytest.fixture(scope="module")
def images() -> list[np.ndarray]:
    names = ("astronaut", "chelsea", "coffee", "rocket")
    return resized([getattr(skimage.data, name)() for name in names], 40)


@pytest.fixture(scope="module")
def key() -> Key:
    return Key.generate()


@pytest.mark.parametrize("reference", ["source", "input"])
@pytest.mark.parametrize("gray", [False, True])
def test_the_formulas(images, key, gray, reference):
    images = [np.asarray(Image.fromarray(image).convert("L")) if gray else image for image in images]
    found = measure(images, DeidConfig(input_size=32, output_size=64), key, alpha=0.3, reference=reference)
    for k, image in enumerate(images):
        a = np.asarray(Image.fromarray(image).resize((32, 32), Image.Resampling.BICUBIC))
        compared = image if reference == "source" else a
        large = np.asarray(Image.fromarray(compared).resize((64, 64), Image.Resampling.BICUBIC))
        drawing = vectorize(a.reshape(32, 32, -1))
        drawn, hidden = rasterize(drawing, 64).squeeze(), rasterize(PositionOPE(key)(drawing), 64).squeeze()
        drawn = drawn if reference == "source" else rasterize(drawing, 32).squeeze()
        channels = {} if gray else {"channel_axis": 2}
        vec = structural_similarity(large if reference == "source" else a, drawn, data_range=255, **channels)
        dei = structural_similarity(large, hidden, data_range=255, **channels)
        l2 = np.sqrt(np.mean((large.astype(float) - hidden) ** 2)) / 255
        expected = {"ssim_vec": vec, "ssim_dei": dei, "ssim_pos": dei - vec, "l2": l2, "di": 0.3 * dei + 0.7 * l2}
        expected["sdim"] = expected["ssim_pos"] + expected["di"]
        assert {name: found.each(name)[k] for name in expected} == pytest.approx(expected, abs=1e-9)
    assert found.sdim == pytest.approx(found.each("sdim").mean())
    assert found.error("l2") == pytest.approx(found.each("l2").std(ddof=1) / 2)


def test_any_number_of_threads_gives_the_same(images, key):
    one, many = (measure(images, DeidConfig(input_size=32, output_size=48), key, num_threads=n) for n in (1, 3))
    np.testing.assert_array_equal(one.each("sdim"), many.each("sdim"))


def test_schemes_without_a_vector_form(images):
    config = DeidConfig(scheme="plain", input_size=32, output_size=64)
    found = measure(images, config, reference="input")
    assert found.ssim_dei == pytest.approx(1) and found.l2 == 0 and np.isnan(found.ssim_vec) and np.isnan(found.sdim)
    # The images are 40 x 40: what they lose is no similarity, though nothing else is done to them.
    found = measure(images, config)
    assert 0.7 < found.ssim_dei < 0.99 and found.l2 > 0.01 and np.isnan(found.ssim_vec)
    vectorized = measure(images, DeidConfig(scheme="vectorized", input_size=40, output_size=40))
    np.testing.assert_array_equal(vectorized.each("ssim_vec"), vectorized.each("ssim_dei"))


def test_images_are_measured_in_every_mode(images, key):
    one_warp = measure(images[:3], DeidConfig(input_size=16, output_size=32), key)
    for options in ({"key_scope": "image"}, {"key_scope": "pool:2", "axes": "independent"}, {"colors": "keyed", "bend": True}):
        config = DeidConfig(input_size=16, output_size=32, **options)
        found = measure(images[:3], config, key)
        assert found.ssim_vec == one_warp.ssim_vec and found.l2 != one_warp.l2
        assert found.l2 == measure(images[:3], config, key, num_threads=2).l2


def test_with_the_papers_reference_figures_are_what_they_were():
    """Those of before there was another reference, worked out then."""
    found = measure(tiles(6), DeidConfig(input_size=32, output_size=96), Key("k" * 44), reference="input")
    expected = {"ssim_vec": 0.715764, "ssim_dei": 0.279401, "l2": 0.251569, "sdim": -0.170879}
    assert {name: found.mean(name) for name in expected} == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("scheme", "size"), [("plain", 40), ("structural", 40), ("structural", 64)])
def test_sources_of_the_input_size_are_measured_alike_by_both(images, key, scheme, size):
    source, paper = (
        measure(images, DeidConfig(scheme=scheme, input_size=40, output_size=size), key, reference=reference)
        for reference in ("source", "input")
    )
    for name in ("ssim_dei", "l2"):
        np.testing.assert_array_equal(source.each(name), paper.each(name))
    # Where the output is as large too, the vector form is painted alike.
    assert (size == 40) == np.array_equal(source.vec, paper.vec, equal_nan=True)


def test_the_less_is_left_of_an_image_the_less_it_is_like_its_source():
    photographs = tiles(40, side=120)
    sizes = (8, 12, 16, 24, 32, 48, 64, 96, 120)
    found = [measure(photographs, DeidConfig(scheme="plain", input_size=size, output_size=120)) for size in sizes]
    for smaller, larger in itertools.pairwise(found):
        assert smaller.ssim_dei < larger.ssim_dei and smaller.l2 > larger.l2
        # One that is nearly flat loses nothing to speak of, and may seem to gain as little.
        assert (smaller.dei <= larger.dei + 1e-3).all() and (smaller.distance >= larger.distance).all()
    assert found[-1].ssim_dei == pytest.approx(1) and found[-1].l2 == 0
    # By the paper's reference, all sizes would be as good.
    paper = measure(photographs[:2], DeidConfig(scheme="plain", input_size=8, output_size=120), reference="input")
    assert paper.ssim_dei == pytest.approx(1)


def test_one_image_has_no_standard_error(images, key):
    assert np.isnan(measure(images[:1], DeidConfig(input_size=32, output_size=48), key).error("l2"))


def test_bad_values(images, key):
    with pytest.raises(DeidError, match="at least one image"):
        measure([], key=key)
    with pytest.raises(DeidError, match=r"alpha must be in \[0, 1\], alpha was 2"):
        measure(images, key=key, alpha=2)
    with pytest.raises(DeidError, match="unknown reference 'paper'"):
        measure(images, key=key, reference="paper")
    with pytest.raises(DeidError, match="at least 7 x 7"):
        measure(images, DeidConfig(input_size=6, output_size=20), key, reference="input")
