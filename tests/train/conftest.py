"""What the tests of training share: short runs on the de-identified faces."""

from __future__ import annotations

import pathlib

import pytest

from tfdeid.data.batches import DataConfig
from tfdeid.train.config import TrainConfig
from tfdeid.train.run_dir import RunDir
from tfdeid.train.trainer import train

QUICK = {"model": "small", "batch_size": 16, "schedule": "2 x 1e-3, 1 x 1e-4"}

# A program that trains on two devices, which it makes of this machine's processor; `trainers[0]` is what has trained.
ON_TWO_DEVICES = """
import sys
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from tfdeid.train import trainer
from tfdeid.train.__main__ import run

trainers = []
original = trainer.Trainer.run
trainer.Trainer.run = lambda self: (trainers.append(self), original(self))[1]
run(sys.argv[1:])
"""


@pytest.fixture(scope="session")
def faces_config(faces) -> DataConfig:
    return DataConfig("lfw_subset_deid", str(faces))


@pytest.fixture(scope="session")
def finished(faces_config, tmp_path_factory) -> RunDir:
    """Returns a finished run of three epochs. Tests must not change it."""
    return train(faces_config, TrainConfig(**QUICK), str(tmp_path_factory.mktemp("runs") / "run"))


@pytest.fixture
def arguments(faces, tmp_path) -> list[str]:
    """Returns the command line of such a run, into `tmp_path / "run"`."""
    options = {"dataset": "lfw_subset_deid", "data_dir": faces, "run_dir": pathlib.Path(tmp_path) / "run", **QUICK}
    return [f"--{name}={value}" for name, value in options.items()]
