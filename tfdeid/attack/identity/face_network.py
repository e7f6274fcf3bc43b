"""dlib's face recognition network, on TensorFlow: its own code takes thirteen times as long here, for the same vectors.

The network is King's (dlib_face_recognition_resnet_model_v1, 2017; 29 layers, trained on three million faces, 99.38 % on
Labeled Faces in the Wild). Its weights come with the package `face_recognition_models`, and the landmarks that faces are put
upright by with `dlib-bin`: the extra `faces` installs both.
"""

from __future__ import annotations

import functools
import importlib.util
import pathlib
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tfdeid.attack.base import Image
from tfdeid.errors import DeidError
from tfdeid.image import match_channels, resize
from tfdeid.parallel import parallel_map
from tfdeid.terminal import import_tensorflow_for_attackers

SIDE = 150
DIMENSIONS = 128
# Faces are looked for at this size: the detector finds those of 80 pixels and more.
_LOOKED_AT = 300
# Where none is found, as in most records: a square about the centre of this share of the side, as in crops of faces.
_BOX = 0.6
_PADDING = 0.25
_MEAN_COLOR = (122.782, 117.001, 104.298)
# Filters of each block, and whether it halves the side.
_BLOCKS = [(32, 1)] * 3 + [(64, 2)] + [(64, 1)] * 3 + [(128, 2)] + [(128, 1)] * 2 + [(256, 2)] + [(256, 1)] * 2 + [(256, 2)]
_AT_ONCE = 50
# As dlib writes names of layers: their length before them.
_LAYERS = re.compile(rb"\x01\x05con_4|\x01\x07affine_|\x01\x04fc_2")
_MISSING = "the extra faces must be installed, {} is missing. Run `pip install 'tfdeid[faces]'`."

Floats = npt.NDArray[np.float32]


def upright(images: Sequence[Image]) -> Image:
    """Returns uint8[N, 150, 150, 3], faces cut out and turned as the network was trained on them.

    Where the detector finds no face, as in most records, it is taken to lie in the centre, as in crops. Five landmarks are
    found in either case.

    Args:
      images: uint8[H, W, C] each.

    Raises:
      DeidError: the extra `faces` is not installed.
    """
    dlib, landmarks = _finders()
    start = round(_LOOKED_AT * (1 - _BOX) / 2)
    centre = dlib.rectangle(start, start, _LOOKED_AT - start, _LOOKED_AT - start)

    def one(image: Image) -> Image:
        square = np.ascontiguousarray(match_channels(resize(image, _LOOKED_AT), 3))
        box = max(_detector(dlib)(square, 0), key=lambda found: found.area(), default=centre)
        return dlib.get_face_chip(square, landmarks(square, box), SIDE, _PADDING)

    return np.stack(parallel_map(one, images))


def embeddings(chips: Image) -> Floats:
    """Returns float32[N, 128] of uint8[N, 150, 150, 3], as dlib's `compute_face_descriptor` does without jitter.

    Raises:
      DeidError: the extra `faces` is not installed.
    """
    network, count = _network(), len(chips)
    # In parts of one size, so that it is compiled once.
    wide = np.concatenate([chips, np.zeros((-count % _AT_ONCE, *chips.shape[1:]), np.uint8)])
    return np.concatenate([network(wide[k : k + _AT_ONCE]).numpy() for k in range(0, len(wide), _AT_ONCE)])[:count]


def weights_file(name: str = "dlib_face_recognition_resnet_model_v1.dat") -> pathlib.Path:
    """Returns where a file of `face_recognition_models` lies. The package is not imported: it needs one that Python lost.

    Raises:
      DeidError: it is not there.
    """
    found = importlib.util.find_spec("face_recognition_models")
    path = pathlib.Path(found.origin).parent / "models" / name if found and found.origin else None
    if path is None or not path.is_file():
        raise DeidError(_MISSING.format("face_recognition_models"))
    return path


_OWN = threading.local()


def _detector(dlib: Any) -> Any:
    """Returns this thread's own detector of faces: one that two threads use at once ends the process."""
    if not hasattr(_OWN, "detector"):
        _OWN.detector = dlib.get_frontal_face_detector()
    return _OWN.detector


@functools.cache
def _finders() -> tuple[Any, Any]:
    """Returns dlib, and what finds five landmarks of a face in a box."""
    path = weights_file("shape_predictor_5_face_landmarks.dat")
    try:
        import dlib  # Late: of an extra.
    except ImportError:
        raise DeidError(_MISSING.format("dlib-bin")) from None
    return dlib, dlib.shape_predictor(str(path))


@functools.cache
def _network() -> Callable[[Image], Any]:
    """Returns the network, from uint8[B, 150, 150, 3] to float32[B, 128]."""
    import_tensorflow_for_attackers()
    import tensorflow as tf  # Late: takes seconds to load.

    convolutions, affines, last = read_weights(weights_file().read_bytes())

    @tf.function
    def network(images: Any) -> Any:
        layers = zip(convolutions, affines, strict=True)
        x = (tf.cast(images, tf.float32) - np.array(_MEAN_COLOR, np.float32)) / 256
        x = tf.nn.max_pool2d(tf.nn.relu(_convolution(x, layers, 32, 7, 2)), 3, 2, "VALID")
        for filters, strides in _BLOCKS:
            x = _block(x, layers, filters, strides)
        return tf.matmul(tf.reduce_mean(x, (1, 2)), last)

    return network


def _convolution(x: Any, layers: Iterator[tuple[Floats, Floats]], filters: int, size: int, strides: int) -> Any:
    """A convolution, padded where it does not halve, and a scale and an offset a filter."""
    import tensorflow as tf  # Late: takes seconds to load.

    weights, affine = next(layers)
    kernel = weights[:-filters].reshape(filters, x.shape[-1], size, size).transpose(2, 3, 1, 0)
    x = tf.nn.conv2d(x, kernel, strides, "SAME" if strides == 1 else "VALID") + weights[-filters:]
    return x * affine[:filters] + affine[filters:]


def _block(x: Any, layers: Iterator[tuple[Floats, Floats]], filters: int, strides: int) -> Any:
    """A residual block (He et al. 2016). Where sides or filters differ, dlib adds zeros at the ends."""
    import tensorflow as tf  # Late: takes seconds to load.

    y = tf.nn.relu(_convolution(x, layers, filters, 3, strides))
    y = _convolution(y, layers, filters, 3, 1)
    if strides > 1:
        x = tf.nn.avg_pool2d(x, 2, 2, "VALID")
    side = max(x.shape[1], y.shape[1])

    def padded(part: Any) -> Any:
        missing = side - part.shape[1]
        return tf.pad(part, ((0, 0), (0, missing), (0, missing), (0, filters - part.shape[3])))

    return tf.nn.relu(padded(x) + padded(y))


def read_weights(data: bytes) -> tuple[list[Floats], list[Floats], Floats]:
    """Returns the parameters in a file that dlib wrote: of convolutions (filters, then biases), of affine layers, of the last.

    Raises:
      DeidError: it is no such file.
    """
    convolutions: list[Floats] = []
    affines: list[Floats] = []
    last = np.zeros((0, 0), np.float32)
    for found in _LAYERS.finditer(data):
        if found.group().endswith(b"con_4"):
            convolutions.append(_tensor(data, found.end()))
        elif found.group().endswith(b"affine_"):
            affines.append(_tensor(data, found.end()))
        else:
            outputs, place = _whole(data, found.end())
            inputs, place = _whole(data, place)
            last = _tensor(data, place).reshape(inputs, outputs)
    if len(convolutions) != 1 + 2 * len(_BLOCKS) or len(affines) != len(convolutions) or last.shape[1] != DIMENSIONS:
        raise DeidError("face_recognition_models must have dlib's network of 29 layers, it has another. Install it again.")
    return convolutions, affines, last


def _whole(data: bytes, place: int) -> tuple[int, int]:
    """Returns a whole number as dlib writes it, a count of bytes and these from the lowest, and the place behind it."""
    end = place + 1 + data[place]
    return int.from_bytes(data[place + 1 : end], "little"), end


def _tensor(data: bytes, place: int) -> Floats:
    """Returns the numbers of a tensor: a version, four sides, and float32 from the lowest byte."""
    numbers = []
    for _ in range(5):
        number, place = _whole(data, place)
        numbers.append(number)
    return np.frombuffer(data, "<f4", int(np.prod(numbers[1:])), place)
