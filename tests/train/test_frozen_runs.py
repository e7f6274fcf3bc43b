"""What run.json says when a run begins stays what it is, to the byte: a run that was begun must go on under later versions.

`frozen_runs.json` was written in 2026-11, before there was a choice of methods. New options add cases, and change none:
`python -m tests.train.test_frozen_runs` prints the file with those that it lacks.
"""

from __future__ import annotations

import json
import pathlib
import tempfile
from typing import Any
from unittest import mock

import pytest

from tests.data.made import NAME, make_dataset
from tfdeid.data.batches import DataConfig
from tfdeid.train.config import TrainConfig
from tfdeid.train.run_dir import RunDir
from tfdeid.train.trainer import train

FILE = pathlib.Path(__file__).with_name("frozen_runs.json")
Options = dict[str, Any]
CASES: dict[str, tuple[Options, Options]] = {
    "defaults": ({}, {"model": "small"}),
    "quick": ({}, {"model": "small", "batch_size": 2, "schedule": "2 x 1e-3, 1 x 1e-4", "epochs": 1}),
    "optimizer": (
        {},
        {"model": "small", "optimizer": "adam", "weight_decay": "1e-4", "weight_decay_kind": "learning_rate", "seed": 7},
    ),
    "precision": ({}, {"model": "MobileNet", "precision": "mixed_bfloat16", "deterministic": True}),
    "data": (
        {"train_split": "train[:64]", "image_size": 40, "shuffle_buffer": 9, "cache": True, "rotation": 0, "flip": False},
        {"model": "small"},
    ),
    "test_dataset": ({"test_dataset": NAME, "shift": "0.2", "fill": 0, "augment_encrypted": True}, {"model": "small"}),
}


class Begun(Exception):
    """Ends a run at its begin."""


def begun(data_dir: pathlib.Path, data: Options, how: Options) -> Options:
    """Returns the record and the identity that a run begins with, as they are in a file."""
    # Determinism would be that of all tests that follow.
    determinism = mock.patch("tensorflow.config.experimental.enable_op_determinism")
    with determinism, mock.patch.object(RunDir, "begin", side_effect=Begun) as begin, pytest.raises(Begun):
        train(DataConfig(NAME, str(data_dir), **data), TrainConfig(**how), "unused")
    _, record, identity = begin.call_args.args
    written = json.dumps({"record": {**record, "versions": sorted(record["versions"])}, "identity": identity})
    return json.loads(written.replace(str(data_dir), "DATA_DIR"))


def make_data(folder: pathlib.Path) -> pathlib.Path:
    make_dataset(folder, {"train": [k % 3 for k in range(70)], "test": [0, 1, 2, -1]})
    return folder


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    return make_data(tmp_path_factory.mktemp("frozen"))


@pytest.mark.parametrize("case", CASES)
def test_a_run_that_was_begun_goes_on(data_dir, case):
    # As text, since the order of what is in a file counts too.
    assert json.dumps(begun(data_dir, *CASES[case])) == json.dumps(json.loads(FILE.read_text())[case])


if __name__ == "__main__":
    known = json.loads(FILE.read_text()) if FILE.exists() else {}
    with tempfile.TemporaryDirectory() as folder:
        made = make_data(pathlib.Path(folder))
        new = {case: begun(made, *options) for case, options in CASES.items() if case not in known}
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(written)}" for name, written in {**known, **new}.items())
    print(f"{{\n{lines}\n}}")
