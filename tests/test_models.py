from __future__ import annotations

import keras
import numpy as np
import pytest

from tfdeid import DeidError
from tfdeid.models import known_models, make_model


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_small_takes_bytes_and_gives_logits(precision):
    model = make_model("small", 32, 1, 5, precision)
    logits = model(np.full((2, 32, 32, 1), 255, np.uint8))
    assert logits.shape == (2, 5) and logits.dtype == "float32"
    assert {variable.dtype for variable in model.trainable_variables} == {"float32"}
    assert keras.config.dtype_policy().name == "float32"  # Only the model is of mixed precision.


def test_group_normalization_looks_at_each_image_alone():
    model = make_model("small_groupnorm", 32, 3, 5)
    images = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), np.uint8)
    np.testing.assert_allclose(model(images, training=True)[:1], model(images[:1], training=True), atol=1e-5)
    assert model.count_params() == sum(np.prod(weight.shape) for weight in model.trainable_variables)


@pytest.mark.parametrize(("size", "channels"), [(12, 1), (32, 3), (50, 3), (64, 3), (224, 1)])
def test_resnet9_works_at_one_resolution_whatever_the_images(size, channels):
    model = make_model("resnet9", size, channels, 10)
    first = next(layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D))
    assert model(np.zeros((1, size, size, channels), np.uint8)).shape == (1, 10)
    assert first.output.shape[1] == size if size < 48 else 25 <= first.output.shape[1] <= 36
    assert 3e5 < model.count_params() < 5e5


@pytest.mark.slow
def test_the_papers_network():
    model = make_model("InceptionResNetV2", 75, 3, 10)
    theirs = keras.applications.InceptionResNetV2(weights=None, input_shape=(75, 75, 3), classes=10)
    assert model.count_params() == theirs.count_params()
    assert model(np.zeros((1, 75, 75, 3), np.uint8)).shape == (1, 10)


@pytest.mark.parametrize("name", ["EfficientNetB0", "MobileNetV3Small", "MobileNet", "ConvNeXtTiny"])
def test_pixels_are_scaled_once(name):
    """Some networks do it themselves."""
    model = make_model(name, 75, 3, 2)
    kinds = (keras.layers.Rescaling, keras.layers.Normalization)
    scaled = [layer for layer in model._flatten_layers() if isinstance(layer, kinds)]
    assert {type(layer).__name__ for layer in scaled} != set()
    assert ("Rescaling" in [type(layer).__name__ for layer in model.layers]) == (name == "MobileNet")


def test_all_of_keras_applications_are_known():
    assert {"small", "InceptionResNetV2", "ResNet50"} <= set(known_models())


def test_a_size_that_a_network_does_not_take_is_named():
    with pytest.raises(DeidError, match=r"InceptionResNetV2 does not take images of 74x74x3.*at least 75x75"):
        make_model("InceptionResNetV2", 74, 3, 10)
    with pytest.raises(DeidError, match="Did you mean 'ResNet50'"):
        make_model("Resnet50", 75, 3, 10)
