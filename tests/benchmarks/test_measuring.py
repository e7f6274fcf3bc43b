"""A sweep over input sizes beside the same one, written down plainly with cairosvg and scikit-image.

What either lacks is ours in both: tracing and encryption.
"""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from skimage.metrics import structural_similarity

from tests.benchmarks import peers
from tfdeid.deidentifier import DeidConfig
from tfdeid.image import resize
from tfdeid.measure.sweep import sweep
from tfdeid.reference import INPUT
from tfdeid.schemes.structural import PositionOPE, VectorImage, vectorize
from tfdeid.schemes.structural.vector_image import js_number

# As many that building a key's table, once a size, does not count.
IMAGES, SIZES = 40, (32, 50, 100)


@pytest.fixture
def time_sweep(benchmark, setting):
    if setting.name != "CIFAR-10":
        pytest.skip("the sweep is that of the paper's Table 2")
    images = setting.images[: 5 * IMAGES]
    rounds = iter([images[k : k + IMAGES] for k in range(0, len(images), IMAGES)])

    def time_sweep(program, function, count):
        stage = f"measure {IMAGES} images at {len(SIZES)} sizes"
        benchmark.group = f"{setting.name}: {stage}"
        benchmark.extra_info.update(stage=stage, program=program)
        if program == "tfdeid":
            function(next(rounds))  # Compiles.
        benchmark.pedantic(function, setup=lambda: ((next(rounds),), {}), rounds=count)

    return time_sweep


def test_measure(time_sweep, key):
    # By the reference that `test_measure_plainly` takes.
    time_sweep("tfdeid", lambda images: sweep(images, SIZES, DeidConfig(), key, reference=INPUT), 4)


def test_measure_plainly(time_sweep, key):
    try:
        import cairosvg
    except OSError:
        peers.absent("the library cairo")

    def paint(drawing: VectorImage, size: int) -> np.ndarray:
        box = f'<svg viewBox="0 0 {js_number(drawing.width)} {js_number(drawing.height)}" preserveAspectRatio="none" '
        document = drawing.to_svg().replace("<svg ", box, 1).encode()
        png = cairosvg.svg2png(document, background_color="white", output_width=size, output_height=size)
        return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))

    def plainly(images):
        output_size = DeidConfig.output_size
        for size in SIZES:
            ope = PositionOPE(key)
            for image in images:
                small = resize(image, size)
                large, drawing = resize(small, output_size), vectorize(small)
                hidden = paint(ope(drawing), output_size)
                structural_similarity(small, paint(drawing, size), channel_axis=2)
                structural_similarity(large, hidden, channel_axis=2)
                np.sqrt(np.mean((large.astype(float) - hidden) ** 2))

    time_sweep("cairosvg, scikit-image", plainly, 2)
