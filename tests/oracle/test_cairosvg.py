"""Both painters against cairosvg on real images: cairo bit for bit, fast within stated bounds."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from tests.conftest import absent, resized
from tfdeid.key import Key
from tfdeid.schemes.structural import PositionOPE, VectorImage, rasterize, trace_options, vectorize
from tfdeid.schemes.structural.vector_image import js_number

OUTPUT_SIZE = 224


@pytest.fixture(scope="module")
def cairosvg():
    try:
        import cairosvg
    except OSError:
        absent("the library cairo")
    return cairosvg


def reference(cairosvg, image: VectorImage, size: int) -> np.ndarray:
    """Returns what cairosvg makes of the SVG document."""
    box = f'<svg viewBox="0 0 {js_number(image.width)} {js_number(image.height)}" preserveAspectRatio="none" '
    document = image.to_svg().replace("<svg ", box, 1)
    png = cairosvg.svg2png(document.encode(), background_color="white", output_width=size, output_height=size)
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


@pytest.fixture(scope="module")
def key() -> Key:
    with pytest.warns(UserWarning, match="published"):
        return Key.load("paper")


@pytest.mark.parametrize("preset", ["default", "smoothed", "artistic1", "artistic2"])
def test_cairo_is_bit_equal(cairosvg, cifar10, imagenet, key, preset):
    """The presets have stroke widths 0, 1 and 2, and blurred ones paths of opacity below 1."""
    ope = PositionOPE(key)
    for image in resized(cifar10[:12], 50) + resized(imagenet[:2], 224):
        traced = vectorize(image, trace_options(preset, seed=3))
        for drawn in (traced, ope(traced)):
            np.testing.assert_array_equal(rasterize(drawn, OUTPUT_SIZE, "cairo"), reference(cairosvg, drawn, OUTPUT_SIZE))


def test_cairo_is_bit_equal_on_uneven_canvases(cairosvg, cifar10):
    traced = vectorize(np.ascontiguousarray(cifar10[0][:20, :27]))
    np.testing.assert_array_equal(rasterize(traced, 75, "cairo"), reference(cairosvg, traced, 75))


def difference(images, ope, backend_reference) -> tuple[float, float]:
    """Returns the mean absolute difference in levels, and the share of samples that are off by more than 32."""
    means, far, samples = [], 0, 0
    for image in images:
        drawn = ope(vectorize(image))
        apart = np.abs(rasterize(drawn, OUTPUT_SIZE, "fast").astype(int) - backend_reference(drawn))
        means.append(apart.mean())
        far += (apart > 32).sum()
        samples += apart.size
    return float(np.mean(means)), far / samples


@pytest.mark.parametrize("decimals", [0, 1, None], ids=["whole pixels", "tenths", "not encrypted"])
def test_fast_is_near_cairosvg_on_cifar10(cairosvg, cifar10, key, decimals):
    ope = (lambda image: image) if decimals is None else PositionOPE(key, decimals)
    # The cairo backend is bit-equal to cairosvg and much faster.
    mean, far = difference(resized(cifar10, 50), ope, lambda drawn: rasterize(drawn, OUTPUT_SIZE, "cairo"))
    assert mean <= 0.3
    assert far <= 3e-5


@pytest.mark.parametrize("decimals", [0, 1, None], ids=["whole pixels", "tenths", "not encrypted"])
def test_fast_is_near_cairosvg_on_imagenet(cairosvg, imagenet, key, decimals):
    ope = (lambda image: image) if decimals is None else PositionOPE(key, decimals)
    mean, far = difference(resized(imagenet, 224), ope, lambda drawn: rasterize(drawn, OUTPUT_SIZE, "cairo"))
    assert mean <= 0.6
    assert far <= 3e-5
