"""What the tests of training share: short runs on the de-identified faces."""

from __future__ import annotations

import pathlib

import pytest

from tfdeid.data.batches import DataConfig
from tfdeid.train.config import TrainConfig
from tfdeid.train.run_dir import RunDir
from tfdeid.train.trainer import train

QUICK = {"model": "small", "batch_size": 16, "schedule": "2 x 1e-3, 1 x 1e-4"}


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
