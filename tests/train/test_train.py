"""`python -m tfdeid.train`: what a run leaves, and what is refused."""

from __future__ import annotations

import csv
import dataclasses
import json
import resource
import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from beam.deid import run as deid
from tests.train.conftest import QUICK
from tfdeid import DeidError
from tfdeid.data.batches import DataConfig, ImageData
from tfdeid.evaluate import run as evaluate
from tfdeid.terminal import run_command
from tfdeid.train.__main__ import run
from tfdeid.train.config import TrainConfig
from tfdeid.train.run_dir import RunDir
from tfdeid.train.trainer import train


def test_a_run_learns_and_leaves_its_results(finished):
    record = json.loads((finished.path / "run.json").read_text())
    assert record["history"][-1]["loss"] < 0.7 * record["history"][0]["loss"]
    assert record["results"]["test_accuracy"] == record["history"][-1]["test_accuracy"] > 0.7
    assert [row["learning_rate"] for row in record["history"]] == pytest.approx([1e-3, 1e-3, 1e-4])
    assert record["train"]["model"] == "small" and record["versions"]["keras"] == keras.__version__
    assert len(record["dataset"]["facts"]["key_fingerprint"]) == 16
    rows = list(csv.DictReader((finished.path / "log.csv").open()))
    assert [int(row["epoch"]) for row in rows] == [1, 2, 3]
    assert [float(row["test_loss"]) for row in rows] == [row["test_loss"] for row in record["history"]]
    assert list((finished.path / "tensorboard").glob("events*"))


def test_checkpoints_are_the_last_and_the_best(finished):
    best = max(finished.history, key=lambda row: row["test_accuracy"])["epoch"]
    assert finished.record["checkpoints"] == {"last": 3, "best": best}
    kept = {path.name.partition(".")[0] for path in (finished.path / "checkpoints").iterdir()}
    assert kept == {"epoch-0003", f"epoch-{best:04d}"}


@pytest.mark.slow
def test_the_exported_network_needs_keras_alone(finished, faces):
    """In a process without this package, on the images as TFDS gives them."""
    program = """
import sys
sys.modules["tfdeid"] = sys.modules["beam"] = None
import keras, numpy as np, tensorflow_datasets as tfds
examples = tfds.load("lfw_subset_deid", split="test", data_dir=sys.argv[2], batch_size=-1, as_supervised=True)
images, labels = tfds.as_numpy(examples)
print(np.mean(keras.saving.load_model(sys.argv[1])(images).numpy().argmax(-1) == labels))
"""
    done = subprocess.run(
        [sys.executable, "-c", program, finished.path / "last.keras", faces], capture_output=True, text=True, cwd=finished.path
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert float(done.stdout) == pytest.approx(finished.record["results"]["test_accuracy"])


def test_a_finished_run_is_complete(finished, faces_config, capsys):
    before = finished.history
    assert train(faces_config, TrainConfig(**QUICK), str(finished.path)).history == before
    assert "already complete: 3 epochs" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("data", "how", "message"),
    [
        ({}, {"seed": 3}, "another configuration: seed was 0, now 3"),
        ({"rotation": 3.0}, {}, r"rotation was 15\.0, now 3\.0"),
        ({"image_size": 40}, {}, "image_size was None, now 40; train_data was .*'image_size': 32"),
        ({"cache": True}, {}, "cache was False, now True"),
        ({"train_split": "train[:50%]"}, {"schedule": "1 x 1e-3"}, "schedule was .*train_split was 'train', now"),
    ],
)
def test_a_folder_of_another_configuration_is_refused(finished, faces_config, data, how, message):
    with pytest.raises(DeidError, match=message):
        train(dataclasses.replace(faces_config, **data), TrainConfig(**{**QUICK, **how}), str(finished.path))


def test_a_folder_of_other_things_is_refused(faces_config, tmp_path):
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(DeidError, match="not of a training run"):
        train(faces_config, TrainConfig(**QUICK), str(tmp_path))


def test_data_of_another_key_is_refused(faces_config, faces, faces_of_another_key, tmp_path):
    shutil.copytree(faces / "lfw_subset_deid", tmp_path / "lfw_subset_deid")
    shutil.copytree(faces_of_another_key / "lfw_subset_deid", tmp_path / "other_deid")
    config = DataConfig("lfw_subset_deid", str(tmp_path), test_dataset="other_deid")
    with pytest.raises(DeidError, match="same key"):
        train(config, TrainConfig(**QUICK), str(tmp_path / "run"))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"model": "InceptionResNetV2"}, "at least 75x75"),
        ({"batch_size": 161}, "batch_size must be at most the 160 examples"),
    ],
)
def test_what_cannot_be_trained_is_refused_and_may_be_mended_in_place(faces_config, tmp_path, how, message):
    for _ in range(2):
        with pytest.raises(DeidError, match=message):
            train(faces_config, TrainConfig(**{**QUICK, **how}), str(tmp_path / "run"))


@pytest.mark.slow
def test_array_record_gives_the_same_weights(finished, faces, tmp_path):
    """The same records in the same order, in files of the other format."""
    options = ["--file_format=array_record", f"--key={faces / 'key'}", "--num_shards=3", "--output_size=32"]
    assert deid(["--runner=FnApiRunner", f"--output_dir={tmp_path}", *options]) == 0
    done = train(DataConfig("lfw_subset_deid", str(tmp_path)), TrainConfig(**QUICK), str(tmp_path / "run"))
    one, other = (tf.train.load_checkpoint(run.checkpoint()) for run in (finished, done))
    names = [name for name in one.get_variable_to_shape_map() if name.startswith("network")]
    assert len(names) > 20
    for name in names:
        np.testing.assert_array_equal(one.get_tensor(name), other.get_tensor(name), err_msg=name)
    assert evaluate([str(done.path)]) == 0
    # Tested on each other's data, too.
    assert evaluate([str(finished.path), f"--data_dir={tmp_path}", f"--output_dir={tmp_path}"]) == 0
    assert json.loads((tmp_path / "evaluation.json").read_text())["accuracy"] == done.history[-1]["test_accuracy"]


def test_a_loss_that_is_no_number_is_one_clear_error(faces_config, tmp_path):
    with pytest.raises(DeidError, match=r"loss must be a finite number.*epoch [12]\b.*lower learning rate"):
        train(faces_config, TrainConfig(**{**QUICK, "schedule": "2 x 1e30"}), str(tmp_path / "run"))


def test_weights_that_are_broken_by_the_last_step_are_not_kept(faces_config, tmp_path):
    """One step an epoch: its loss is that of the weights before it."""
    data = dataclasses.replace(faces_config, train_split="train[:16]")
    with pytest.raises(DeidError, match="loss must be a finite number.*epoch 1"):
        train(data, TrainConfig(**{**QUICK, "schedule": "2 x 1e38"}), str(tmp_path / "run"))
    assert not (tmp_path / "run" / "checkpoints").exists()


def test_a_folder_that_cannot_be_one_line(faces_config, tmp_path):
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(DeidError, match="folder|written|read"):
            train(faces_config, TrainConfig(**QUICK), str(path))


def test_what_is_left_of_the_very_first_write_is_no_hindrance(tmp_path):
    (tmp_path / ".run.json.incomplete-1").touch()
    (tmp_path / ".lock").touch()
    with RunDir.begin(tmp_path, {}, {}) as run_dir:
        assert run_dir.history == []


def test_two_processes_at_once_are_refused(faces_config, tmp_path):
    with RunDir.begin(tmp_path / "run", {"first": "run"}, {}):
        before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in (tmp_path / "run").iterdir()}
        with pytest.raises(DeidError, match="another process is training"):
            train(faces_config, TrainConfig(**QUICK), str(tmp_path / "run"))
        assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in (tmp_path / "run").iterdir()} == before


@pytest.mark.slow
def test_a_full_disk_leaves_the_last_checkpoint(faces_config, tmp_path, monkeypatch):
    config = TrainConfig(**{**QUICK, "epochs": 1})
    first = train(faces_config, config, str(tmp_path / "run"))
    files = {path.name: path.read_bytes() for path in (first.path / "checkpoints").iterdir()}
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, usual[1]))  # A checkpoint has 2 MB.
    try:
        with pytest.raises(DeidError, match=r"checkpoint of epoch 2 can't be written.*Nothing half-written is left"):
            train(faces_config, dataclasses.replace(config, epochs=2), str(tmp_path / "run"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)
    found = RunDir.open(tmp_path / "run")
    assert [row["epoch"] for row in found.history] == [1]
    assert {path.name: path.read_bytes() for path in (found.path / "checkpoints").iterdir()} == files


def test_float16_learns_too(faces_config, tmp_path):
    done = train(faces_config, TrainConfig(**{**QUICK, "precision": "mixed_float16"}), str(tmp_path / "run"))
    assert done.history[-1]["loss"] < 0.8 * done.history[0]["loss"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--epocs=3"], "unknown option '--epocs'. Did you mean '--epochs'?"),
        ([], "--run_dir"),
        (["--run_dir=x", "--config=configs/quick_dead.yaml"], "Did you mean 'quick_deid.yaml'"),
        (["--run_dir=x", "--dataset=imagenet_deid", "--data_dir=nowhere"], "This makes it: python -m beam.deid"),
        (["--batch_size=many"], "invalid int value"),
    ],
)
def test_mistakes_on_the_command_line_are_one_line(options, message, capsys):
    assert run_command("tfdeid.train", lambda: run(options)) == 2
    said = capsys.readouterr().err
    assert message in said and said.startswith("tfdeid.train: error:") and said.count("\n") == 1


@pytest.mark.parametrize("command", [run, evaluate])
def test_help_reads_well(command, capsys):
    with pytest.raises(SystemExit) as end:
        command(["--help"])
    said = capsys.readouterr().out
    assert end.value.code == 0 and "examples:" in said and "None" not in said
    assert max(map(len, said.partition("examples:")[0].splitlines())) <= 130


def test_a_damaged_dataset_is_one_clear_error(faces, tmp_path):
    shutil.copytree(faces / "lfw_subset_deid", tmp_path / "lfw_subset_deid")
    shard = next(tmp_path.rglob("*train.tfrecord-00001*"))
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 255
    shard.write_bytes(content)
    with pytest.raises(DeidError, match=r"lfw_subset_deid/structural_50_32/1\.0\.0 can't be read: .*Copy or make the dataset"):
        train(DataConfig("lfw_subset_deid", str(tmp_path)), TrainConfig(**QUICK), str(tmp_path / "run"))


@pytest.mark.slow
def test_what_a_killed_run_left_half_written_is_dropped(faces_config, tmp_path):
    config = TrainConfig(**{**QUICK, "epochs": 1})
    path = train(faces_config, config, str(tmp_path / "run")).path
    for name in ("epoch-0002.index", "epoch-0002.data-00000-of-00001_temp", "epoch-0003.data-00000-of-00001"):
        (path / "checkpoints" / name).write_bytes(b"half")
    done = train(faces_config, dataclasses.replace(config, epochs=2), str(path))
    assert [row["epoch"] for row in done.history] == [1, 2]
    kept = {file.name.partition(".")[0] for file in (path / "checkpoints").iterdir()}
    assert kept == {f"epoch-{epoch:04d}" for epoch in done.record["checkpoints"].values()}


def test_help_needs_no_tensorflow_and_beam_is_never_loaded():
    program = (
        "import sys, tfdeid.train.__main__ as m; assert 'tensorflow' not in sys.modules; import tfdeid.train.trainer; "
        "assert not {'apache_beam', 'numba'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_summary_names_the_next_command(arguments, finished, capsys, faces_config):
    arguments = [argument for argument in arguments if not argument.startswith("--run_dir")]
    assert run([*arguments, f"--run_dir={finished.path}"]) == 0
    assert f"next: python -m tfdeid.evaluate {finished.path}" in capsys.readouterr().out


def test_batches_are_bytes_of_the_size_that_the_data_have(faces_config):
    data = ImageData(faces_config, "train")
    images, labels = next(iter(data.train_batches(16, 0, 0)))
    assert images.shape == (16, 32, 32, 1) and images.dtype == np.uint8 and labels.dtype == np.int64
