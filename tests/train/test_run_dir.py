"""The folder of a run: its name, what it says, and what the system refuses."""

from __future__ import annotations

import base64
import dataclasses
import json
import os
import resource
import shlex
import shutil

import numpy as np
import pytest

from tests.data.made import NAME, make_dataset
from tests.train.conftest import QUICK
from tfdeid import DeidError, Key
from tfdeid.evaluate import run as evaluate
from tfdeid.train.__main__ import run
from tfdeid.train.classify import classify
from tfdeid.train.config import TrainConfig
from tfdeid.train.run_dir import RunDir
from tfdeid.train.trainer import train

ODD = "a [1]*? {b,c} 'd' \"é\" \\e $f"


@pytest.mark.slow
def test_any_name_will_do_fromanywhere(tmp_path, monkeypatch, capsys):
    """Two calls, evaluation by the command that is printed, pasted in another folder; all paths were given relative to one."""
    make_dataset(tmp_path / ODD / "data", {"train": [k % 3 for k in range(12)], "test": [0, 1, 2]})
    monkeypatch.chdir(tmp_path / ODD)
    options = [f"--dataset={NAME}", "--data_dir=data", f"--run_dir={ODD}", "--model=small", "--batch_size=4"]
    assert run([*options, "--schedule=2 x 1e-3", "--epochs=1"]) == 0
    assert run([*options, "--schedule=2 x 1e-3"]) == 0
    said = capsys.readouterr().out
    assert "going on after epoch 1 of 2" in said
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    python, m, module, *argv = shlex.split(said.splitlines()[-1].removeprefix("next: "))
    assert [python, m, module] == ["python", "-m", "tfdeid.evaluate"]
    assert evaluate(argv) == 0 and evaluate([*argv, "--checkpoint=best"]) == 0
    record = json.loads((tmp_path / ODD / ODD / "run.json").read_text())
    assert record["data"]["data_dir"] == str(tmp_path / ODD / "data")
    assert (tmp_path / ODD / ODD / "evaluation.json").exists() and not list((tmp_path / "elsewhere").iterdir())


def test_a_run_that_was_begun_with_a_relative_path_goes_on(finished, faces_config, tmp_path):
    shutil.copytree(finished.path, tmp_path / "run")
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    record["data"]["data_dir"] = "relative"
    (tmp_path / "run" / "run.json").write_text(json.dumps(record))
    assert train(faces_config, TrainConfig(**QUICK), str(tmp_path / "run")).history == finished.history
    assert RunDir.open(tmp_path / "run").record["data"]["data_dir"] == faces_config.data_dir


def test_a_name_that_is_no_text(faces_config, tmp_path):
    for path in (os.fsdecode(os.fsencode(tmp_path) + b"/\xff"), f"{tmp_path}/\0", f"{tmp_path}/{'x' * 300}"):
        with pytest.raises(DeidError, match="UTF-8|must be a path|File name too long") as error:
            train(faces_config, TrainConfig(**QUICK), path)
        assert str(error.value).encode().count(b"\n") == 0
        with pytest.raises(DeidError, match="UTF-8|must be a path|File name too long"):
            RunDir.open(path)


def test_a_folder_that_cannot_be_made_or_locked(tmp_path, monkeypatch):
    (tmp_path / "file").touch()

    def begin(path):
        with RunDir.begin(path, {}, {}):
            pytest.fail("began")

    with pytest.raises(DeidError, match="file must be a folder, it is a file"):
        begin(tmp_path / "file")
    with pytest.raises(DeidError, match="file/run can't be written: Not a directory"):
        begin(tmp_path / "file" / "run")

    def refuse(path, *arguments):
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr("tfdeid.files.fcntl.flock", refuse)
    with pytest.raises(DeidError, match="run can't be written: Permission denied"):
        begin(tmp_path / "run")


def test_a_folder_of_other_things_stays_as_it_is(tmp_path):
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(DeidError, match="not of a training run"), RunDir.begin(tmp_path, {}, {}):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_worker_that_does_not_write_takes_no_lock(tmp_path):
    with RunDir.begin(tmp_path / "run", {}, {}, writes=False), RunDir.begin(tmp_path / "run", {}, {}, writes=False):
        assert not (tmp_path / "run").exists()


WHOLE = {
    "history": [{"epoch": 1, "test_accuracy": 0.5}],
    "checkpoints": {"last": 1, "best": 1},
    "data": {},
    "dataset": {"facts": {}, "label_names": [], "resizing": []},
    "network": {"model": "small", "image_size": 32, "channels": 1, "precision": "float32"},
}


@pytest.mark.parametrize(
    "changes",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b"[" * 100_000,
        {"history": None},
        {"history": "x"},
        {"history": []},
        {"history": [{"epoch": 1}]},
        {"checkpoints": [1]},
        {"checkpoints": {"last": 1}},
        {"checkpoints": {"last": "x", "best": 1}},
        {"data": None},
        {"dataset": {}},
        {"network": {"model": "small"}},
    ],
    ids=range(15),
)
def test_a_run_json_that_is_none(tmp_path, changes):
    whole = json.dumps(WHOLE).encode()
    (tmp_path / "run.json").write_bytes(whole)
    RunDir.open(tmp_path)
    (tmp_path / "run.json").write_bytes(changes if isinstance(changes, bytes) else json.dumps({**WHOLE, **changes}).encode())
    with pytest.raises(DeidError, match=r"run\.json (can't be read|is not that of a training run)") as error:
        RunDir.open(tmp_path)
    assert "\n" not in str(error.value)


def test_a_run_json_that_cannot_be_opened(tmp_path):
    (tmp_path / "run.json").mkdir()
    with pytest.raises(DeidError, match=r"run\.json can't be read: Is a directory"):
        RunDir.open(tmp_path)


def test_a_run_of_a_later_version_is_one_clear_error(finished, tmp_path):
    shutil.copytree(finished.path, tmp_path / "run")
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    record["data"]["saturation"] = 1
    (tmp_path / "run" / "run.json").write_text(json.dumps(record))
    with pytest.raises(DeidError, match="another version of the program: this one does not know saturation"):
        evaluate([str(tmp_path / "run")])
    record["dataset"]["facts"]["deid"]["twist"] = 1
    key = Key(base64.b64encode(bytes(32)))
    record["dataset"]["facts"]["key_fingerprint"] = key.fingerprint
    with pytest.raises(
        DeidError, match="options that this program does not know: twist. Use the version of the program that made"
    ):
        classify([np.zeros((9, 9, 1), np.uint8)], RunDir(tmp_path / "run", record), key)


@pytest.mark.slow
def test_a_full_disk_leaves_no_half_network_and_no_half_figures(finished, faces_config, tmp_path, capsys):
    # capsys, since output would go to a file that the limit is for too.
    path = tmp_path / "run"
    shutil.copytree(finished.path, path)
    assert evaluate([str(path), f"--data_dir={faces_config.data_dir}"]) == 0
    before = {file.name: file.read_bytes() for file in path.iterdir() if file.is_file()}
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500, usual[1]))
    try:
        with pytest.raises(DeidError, match=r"network can't be written to .*: File too large\. Make room"):
            train(faces_config, TrainConfig(**QUICK), str(path))
        with pytest.raises(DeidError, match=r"can't be written: File too large\. Choose another --output_dir"):
            evaluate([str(path), f"--data_dir={faces_config.data_dir}"])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)
    assert {file.name: file.read_bytes() for file in path.iterdir() if file.is_file()} == before


@pytest.mark.slow
def test_what_is_in_the_way_of_tensorboard_is_named_and_the_epoch_is_kept(faces_config, tmp_path):
    config = TrainConfig(**{**QUICK, "schedule": "2 x 1e-3", "epochs": 1})
    path = train(dataclasses.replace(faces_config, train_split="train[:32]"), config, str(tmp_path / "run")).path
    shutil.rmtree(path / "tensorboard")
    (path / "tensorboard").touch()
    with pytest.raises(DeidError, match=r"run/tensorboard can't be written: Not a directory\. Make room") as error:
        train(dataclasses.replace(faces_config, train_split="train[:32]"), dataclasses.replace(config, epochs=2), str(path))
    assert "\n" not in str(error.value) and len(RunDir.open(path).history) == 2
