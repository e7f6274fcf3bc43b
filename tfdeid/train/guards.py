"""What is asked of data before a run begins, and of its figures while it runs."""

from __future__ import annotations

import math

import keras
from etils import epath

from tfdeid.data.batches import DataConfig, ImageData, check_testable, check_trainable
from tfdeid.data.same_content import check_same_content
from tfdeid.errors import DeidError
from tfdeid.schemes import SCHEMES
from tfdeid.train.config import TrainConfig
from tfdeid.train.methods import METHODS


def check_backend(config: TrainConfig) -> None:
    """Raises DeidError if a way to train does not suit the backend of Keras."""
    backend, known = keras.backend.backend(), METHODS[config.method].backends
    if backend not in known:
        raise DeidError(f"the method {config.method!r} trains on {' or '.join(known)}, KERAS_BACKEND was {backend!r}.")
    if backend == "jax" and config.precision == "mixed_float16":
        raise DeidError("on JAX numbers of half the size are mixed_bfloat16, precision was mixed_float16.")


def check_data(config: DataConfig, train_data: ImageData, test_data: ImageData, batch_size: int, devices: int) -> None:
    """Raises DeidError if data can't be trained on, or what is learned of them can't be tested.

    Args:
      config: how they are read.
      train_data: what is trained on.
      test_data: what is tested on.
      batch_size: images a step, on all devices together.
      devices: devices that share a batch.
    """
    check_same_content(train_data.facts, (train_data.image_size, train_data.channels), train_data.label_names, test_data)
    _check_augmentation(config, train_data)
    if batch_size > train_data.size:
        raise DeidError(f"batch_size must be at most the {train_data.size} examples to train on, it was {batch_size}.")
    if batch_size % devices:
        raise DeidError(f"batch_size must be a multiple of the {devices} devices, it was {batch_size}.")
    check_trainable(train_data)
    check_testable(test_data, "--test_split")


def _check_augmentation(config: DataConfig, data: ImageData) -> None:
    """Raises DeidError if augmentation would destroy what an encryption has left to learn from."""
    switched_on = [f"{name} {getattr(config, name)}" for name in ("rotation", "shift", "flip") if getattr(config, name)]
    scheme = str(data.facts.get("scheme"))
    if scheme in SCHEMES and not SCHEMES[scheme].survives_augmentation and switched_on and not config.augment_encrypted:
        raise DeidError(
            f"data of the scheme {scheme!r} must not be augmented, since what it leaves to learn from must stay in place; "
            f"{data.name} would be, with {', '.join(switched_on)}. Set --rotation 0 --shift 0 --noflip, or --augment_encrypted."
        )


def check_finite(loss: float, epoch: int, step: int, path: epath.Path) -> None:
    """Raises DeidError if a loss is no number.

    Args:
      loss: the loss.
      epoch: the epoch that it was seen in, from 0.
      step: the step of the epoch, from 0.
      path: the run's folder.
    """
    if not math.isfinite(loss):
        raise DeidError(
            f"the loss must be a finite number, it became {loss} by step {step + 1} of epoch {epoch + 1}. The epochs "
            f"before it are kept in {path}. Begin a new run with a lower learning rate, or in float32."
        )
