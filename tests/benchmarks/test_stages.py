"""Every stage beside its peers. `python -m tests.benchmarks` runs this and prints the table.

Each round takes the next image, since one image again and again would teach the processor its branches.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from tests.benchmarks import peers
from tests.conftest import resized
from tfdeid.deidentifier import DeidConfig, Deidentifier
from tfdeid.image import encode_png, resize
from tfdeid.schemes.structural import PositionOPE, rasterize, vectorize

FEW = 8
SOME = 200  # pyope takes a millisecond a number, and an image of ImageNet has 20,000.


def some_coordinates(traced):
    return [image.points.ravel()[:SOME] for image in traced]


@pytest.fixture(scope="session")
def traced(setting):
    return [vectorize(image) for image in resized(setting.images, setting.input_size)]


@pytest.fixture(scope="session")
def encrypted(traced, key):
    ope = PositionOPE(key)
    return [ope(image) for image in traced]


@pytest.fixture(scope="session")
def painted(encrypted):
    return [rasterize(image, peers.OUTPUT_SIZE) for image in encrypted]


@pytest.fixture
def measure(benchmark, setting):
    """Returns a function that times a program on each of some inputs; `most` bounds how many, for slow programs."""

    def measure(stage: str, program: str, function: Callable[[Any], Any], inputs: Sequence[Any], most: int = 200) -> None:
        benchmark.group = f"{setting.name}: {stage}"
        benchmark.extra_info.update(stage=stage, program=program)
        if most > FEW:
            function(inputs[0])  # Compiles, loads, fills memories. Programs of which few rounds are timed start anew each time.
        chosen = itertools.cycle(inputs)
        benchmark.pedantic(function, setup=lambda: ((next(chosen),), {}), rounds=min(most, len(inputs)))

    return measure


def test_resize(measure, setting):
    measure("resize", "tfdeid", lambda image: resize(image, setting.input_size), setting.images)


def test_trace(measure, setting):
    measure("trace", "tfdeid", vectorize, resized(setting.images, setting.input_size))


def test_trace_imagetracerjs(measure, setting):
    tracer = peers.ImageTracer()
    measure("trace", "imagetracerjs", tracer.svg, resized(setting.images, setting.input_size))
    tracer.close()


def test_trace_imagetracerjs_without_document(measure, setting):
    tracer = peers.ImageTracer()
    measure("trace", "imagetracerjs, no SVG", tracer.trace, resized(setting.images, setting.input_size))
    tracer.close()


def test_encrypt(measure, traced, key):
    measure("encrypt", "tfdeid", PositionOPE(key), traced)


def test_encrypt_pyope(measure, traced, key):
    measure("encrypt", "pyope, memoised", peers.Pyope(key, remembers=True).points, traced)


def test_encrypt_some(measure, traced, key):
    measure(f"encrypt {SOME} numbers", "tfdeid", PositionOPE(key).encrypt, some_coordinates(traced))


def test_encrypt_some_pyope(measure, traced, key):
    measure(f"encrypt {SOME} numbers", "pyope", peers.Pyope(key, remembers=False).numbers, some_coordinates(traced), most=20)


def test_paint(measure, encrypted):
    measure("paint", "tfdeid", lambda image: rasterize(image, peers.OUTPUT_SIZE, "fast"), encrypted)


def test_paint_cairo(measure, encrypted):
    pytest.importorskip("cairocffi", exc_type=OSError)
    measure("paint", "tfdeid, backend cairo", lambda image: rasterize(image, peers.OUTPUT_SIZE, "cairo"), encrypted)


def test_paint_cairosvg(measure, encrypted):
    pairs = [(image, image.to_svg()) for image in encrypted]
    measure("paint", "cairosvg", peers.Cairosvg().png, pairs, most=50)


def test_paint_cairosvg_without_png(measure, encrypted):
    pairs = [(image, image.to_svg()) for image in encrypted]
    measure("paint", "cairosvg, no PNG", peers.Cairosvg().paint, pairs, most=50)


def test_paint_imagemagick(measure, encrypted, tmp_path):
    measure("paint", "ImageMagick 6", peers.ImageMagick(tmp_path).paint, [image.to_svg() for image in encrypted], FEW)


def test_png(measure, painted):
    measure("PNG", "tfdeid", encode_png, painted)


def test_png_tensorflow(measure, painted):
    import tensorflow as tf

    measure("PNG", "tf.io.encode_png", lambda image: tf.io.encode_png(image).numpy(), painted)


def test_whole(measure, setting, key):
    deidentify = Deidentifier(DeidConfig(input_size=setting.input_size), key)
    measure("resize to PNG", "tfdeid", lambda image: encode_png(deidentify(image)), setting.images)


def test_whole_paper_chain(measure, setting, key, tmp_path):
    chain = peers.PaperChain(key, tmp_path, setting.input_size)
    for image in setting.images[:FEW]:
        chain.remember(image)
    measure("resize to PNG", "the paper's chain", chain.deidentify, setting.images, FEW)
    chain.close()
