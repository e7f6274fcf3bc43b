"""`Deidentify`, the step for other people's pipelines."""

from __future__ import annotations

import io
import pickle

import apache_beam
import numpy as np
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.testing.util import assert_that
from PIL import Image

from beam.transforms import Deidentify, DeidentifyFn  # isort: skip
from tfdeid import DeidConfig, Deidentifier, DeidError, Key

CONFIG = DeidConfig(input_size=16, output_size=32)
IMAGE = np.random.RandomState(2).randint(0, 256, (20, 20, 3), np.uint8)


def png(image: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


def equals(expected: np.ndarray):
    def check(found):
        images = [element["picture"] if isinstance(element, dict) else element for element in found]
        assert len(images) == 1 and np.array_equal(images[0], expected)
        assert not isinstance(found[0], dict) or found[0]["label"] == 7

    return check


def is_the_one_that_failed(found):
    ((element, (kind, message, _)),) = found
    assert element == b"no image" and "ImageError" in str(kind) and "known kind" in message


ELEMENTS = [IMAGE, IMAGE / 255, png(IMAGE), {"picture": IMAGE, "label": 7}, {"picture": png(IMAGE), "label": 7}]


@pytest.mark.parametrize("element", ELEMENTS)
def test_arrays_files_and_dictionaries(element, key_path):
    expected = Deidentifier(CONFIG, Key.load(key_path))(IMAGE)
    with apache_beam.Pipeline(runner=FnApiRunner()) as pipeline:
        images = pipeline | apache_beam.Create([element]) | Deidentify(CONFIG, str(key_path), image_key="picture")
        assert_that(images, equals(expected))


def test_keys_are_refused_and_references_travel(key_path):
    with pytest.raises(DeidError, match=r"key reference.*Key\.save"):
        Deidentify(CONFIG, Key.generate())
    sent = pickle.dumps(DeidentifyFn(CONFIG, str(key_path)))
    assert key_path.read_bytes().strip() not in sent


@pytest.mark.parametrize("config", [DeidConfig("negative_positive", key_scope="image"), DeidConfig(key_scope="pool:8")])
def test_masks_of_images_are_refused(key_path, config):
    with pytest.raises(DeidError, match=r"knows no ids of images.*Use key_scope 'dataset'"):
        Deidentify(config, str(key_path))


def test_options_that_need_ids_are_named(key_path):
    with pytest.raises(DeidError, match="which colors 'keyed' and bend True needs. Use colors 'own' and bend False, or call"):
        Deidentify(DeidConfig(colors="keyed", bend=True), str(key_path))
    with pytest.raises(DeidError, match="which bend True needs. Use bend False, or call"):
        Deidentify(DeidConfig(bend=True), str(key_path))


def test_failures_can_be_routed_elsewhere(key_path):
    with apache_beam.Pipeline(runner=FnApiRunner()) as pipeline:
        step = apache_beam.ParDo(DeidentifyFn(CONFIG, str(key_path))).with_exception_handling()
        good, bad = pipeline | apache_beam.Create([IMAGE, b"no image"]) | step
        assert_that(good, equals(Deidentifier(CONFIG, Key.load(key_path))(IMAGE)), label="good")
        assert_that(bad, is_the_one_that_failed, label="bad")
