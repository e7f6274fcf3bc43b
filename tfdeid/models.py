"""Networks by name: ours, and everything in keras.applications, always with random weights."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence

import keras
from keras import layers

from tfdeid.errors import DeidError, unknown_name

SMALL, RESNET9, CRYPTONET = "small", "resnet9", "cryptonet"
_NARROW, _WIDE = (8, 16, 48, 128), (64, 128, 256, 512)
_CRYPTONET_FILTERS, _CRYPTONET_HIDDEN = 32, 128
# Pixels a side of what ResNet-9 works on after its first layer.
_FIRST_SIDE = 32
# As Page does: logits are small at first, and the first epoch teaches more.
_LOGITS_SCALED = 0.125


def known_models() -> list[str]:
    applications = vars(keras.applications).items()
    return [*_OURS, *sorted(name for name, value in applications if inspect.isfunction(value) and name[0].isupper())]


def make_model(name: str, image_size: int, channels: int, num_classes: int, precision: str = "float32") -> keras.Model:
    """Returns a network from uint8[B, S, S, C] images to float32[B, num_classes] logits.

    Pixels are scaled inside, to [-1, 1] or as the network itself does it, so that whoever gets the saved network needs to know
    nothing of it.

    Args:
      name: one of `known_models()`.
      image_size: S.
      channels: C, 1 or 3.
      num_classes: classes.
      precision: float32, mixed_bfloat16 or mixed_float16; the mixed ones keep weights and logits in float32.

    Raises:
      DeidError: the name is unknown, or the network does not take images of this size.
    """
    if name not in known_models():
        raise unknown_name("model", name, known_models())
    usual = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        images = keras.Input((image_size, image_size, channels), dtype="uint8", name="image")
        if name in _OURS:
            logits = _OURS[name](_scaled(images), num_classes)
        else:
            logits = _application(name, images, num_classes)
        logits = keras.layers.Activation("linear", dtype="float32", name="logits")(logits)
        return keras.Model(images, logits, name=name)
    finally:
        keras.config.set_dtype_policy(usual)


def _batch_norm() -> layers.Layer:
    return layers.BatchNormalization(momentum=0.9)


def _group_norm() -> layers.Layer:
    """Normalizes each image by itself, as training with differential privacy needs it; 8 groups divide all our filters."""
    return layers.GroupNormalization(groups=8)


Norm = Callable[[], layers.Layer]


def _scaled(images: keras.KerasTensor) -> keras.KerasTensor:
    return layers.Rescaling(1 / 127.5, offset=-1)(images)


def _application(name: str, images: keras.KerasTensor, num_classes: int) -> keras.KerasTensor:
    options = {"weights": None, "classes": num_classes, "classifier_activation": None, "input_shape": tuple(images.shape[1:])}
    try:
        network = getattr(keras.applications, name)(**options)
    except ValueError as error:
        shape = "x".join(map(str, images.shape[1:]))
        raise DeidError(f"{name} does not take images of {shape}: {error}") from error
    # Newer families take pixels as they are: EfficientNet and MobileNetV3 rescale, ConvNeXt normalizes.
    scales_itself = any(isinstance(layer, (layers.Rescaling, layers.Normalization)) for layer in network.layers)
    return network(keras.ops.cast(images, "float32") if scales_itself else _scaled(images))


def _small(images: keras.KerasTensor, num_classes: int, norm: Norm = _batch_norm) -> keras.KerasTensor:
    """A residual network (He et al. 2016, basic blocks) of 0.3 million weights, for trials on a CPU."""
    convolution = functools.partial(_convolution, norm=norm)
    x = layers.ReLU()(convolution(images, 16, 3, 2))
    for filters in (32, 64, 128):
        y = layers.ReLU()(convolution(x, filters, 3, 2))
        y = convolution(y, filters, 3, 1)
        x = layers.ReLU()(layers.add([convolution(x, filters, 1, 2), y]))
    return layers.Dense(num_classes)(layers.GlobalAveragePooling2D()(x))


def _resnet9(images: keras.KerasTensor, num_classes: int, filters: Sequence[int] = _NARROW) -> keras.KerasTensor:
    """ResNet-9 (Page 2018, "How to train your ResNet"); by default for a CPU, of 0.4 million weights.

    That has few filters while images are large, where they cost most. The first residual layers are where images are small,
    and the first layer brings them to about 32 x 32, whatever their size: larger ones cost no more.
    """

    def layer(x: keras.KerasTensor, filters: int, pool: bool = False) -> keras.KerasTensor:
        return layers.ReLU()(_convolution(x, filters, 3, 1, pool))

    def residual(x: keras.KerasTensor, filters: int) -> keras.KerasTensor:
        return layers.add([x, layer(layer(x, filters), filters)])

    strides = max(1, round(images.shape[1] / _FIRST_SIDE))
    x = layers.ReLU()(_convolution(images, filters[0], max(3, strides), strides))
    x = layer(x, filters[1], pool=True)
    for more in filters[2:]:
        x = residual(layer(x, more, pool=True), more)
    logits = layers.Dense(num_classes)(layers.GlobalMaxPooling2D()(x))
    return layers.Rescaling(_LOGITS_SCALED)(logits)


def _cryptonet(images: keras.KerasTensor, num_classes: int) -> keras.KerasTensor:
    """A network of polynomials (after Gilad-Bachrach et al. 2016, "CryptoNets"), which can be computed on encrypted images.

    Squares are all that bends; normalization keeps them from growing, and is part of the weights once trained.
    """
    x = _batch_norm()(layers.Conv2D(_CRYPTONET_FILTERS, 5, 2, padding="same", use_bias=False)(images))
    x = layers.Flatten()(layers.multiply([x, x]))
    x = _batch_norm()(layers.Dense(_CRYPTONET_HIDDEN, use_bias=False)(x))
    return layers.Dense(num_classes)(layers.multiply([x, x]))


def _convolution(
    x: keras.KerasTensor, filters: int, size: int, strides: int, pool: bool = False, norm: Norm = _batch_norm
) -> keras.KerasTensor:
    """A convolution, normalized; pooled before that, which leaves less to normalize."""
    x = layers.Conv2D(filters, size, strides, padding="same", use_bias=False, kernel_initializer="he_normal")(x)
    return norm()(layers.MaxPooling2D()(x) if pool else x)


_OURS: dict[str, Callable[[keras.KerasTensor, int], keras.KerasTensor]] = {
    SMALL: _small,
    "small_groupnorm": functools.partial(_small, norm=_group_norm),
    RESNET9: _resnet9,
    "resnet9_wide": functools.partial(_resnet9, filters=_WIDE),
    CRYPTONET: _cryptonet,
}
