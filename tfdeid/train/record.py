"""What a run says of itself when it begins: its record, and the part of it that must stay the same while it goes on."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import os
from typing import Any

import keras

import tfdeid
from tfdeid.commandline import absolute
from tfdeid.data.batches import DataConfig, ImageData
from tfdeid.data.sources import absolute_dataset
from tfdeid.train.config import TrainConfig
from tfdeid.train.methods.base import Method


def make_record(data_config: DataConfig, config: TrainConfig, data: ImageData, method: Method) -> dict[str, Any]:
    """Returns what `run.json` says at first. The standard method, which earlier versions had alone, adds nothing."""
    backend = keras.backend.backend()
    versions = {name: importlib.metadata.version(name) for name in (backend, "keras", "tensorflow-datasets", "numpy")}
    added = {"plugins": config.plugins(), "method": method.record(), "backend": _other_backend()}
    return {
        "train": config.to_dict(),
        **{name: values for name, values in added.items() if values},
        "data": anywhere(data_config),
        "dataset": {"name": data.name, "facts": data.facts, "label_names": data.label_names, "resizing": data.resizing},
        "network": {
            "model": config.model,
            "image_size": data.image_size,
            "channels": data.channels,
            "precision": config.precision,
        },
        "versions": {"tfdeid": tfdeid.__version__, **versions},
    }


def make_identity(
    data_config: DataConfig, config: TrainConfig, train_data: ImageData, test_data: ImageData, method: Method
) -> dict[str, Any]:
    """Returns all that the weights depend on."""
    data = dataclasses.asdict(data_config)
    # A dataset may have moved; what is in it counts.
    for name in ("data_dir", "dataset", "test_dataset", "augment_encrypted"):
        del data[name]
    contents = {
        name: {**split.facts, "examples": split.size, "image_size": split.image_size, "resizing": split.resizing}
        for name, split in (("train_data", train_data), ("test_data", test_data))
    }
    other = _other_backend()
    return {**config.identity(), **method.identity(), **data, **contents, **({"backend": other} if other else {})}


def _other_backend() -> str:
    """Returns the backend of Keras; "" for TensorFlow, which earlier versions had alone."""
    backend = keras.backend.backend()
    return "" if backend == "tensorflow" else backend


def anywhere(config: DataConfig) -> dict[str, Any]:
    """Returns the config as it means the same in every folder and under every default of TFDS's."""
    data_dir = absolute(config.data_dir or os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets")
    return {
        **dataclasses.asdict(config),
        "data_dir": data_dir,
        "dataset": absolute_dataset(config.dataset, data_dir),
        "test_dataset": config.test_dataset and absolute_dataset(config.test_dataset, data_dir),
    }
