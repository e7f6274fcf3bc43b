"""A method of another package: one file that imports the base module alone trains by every way that ours does."""

from __future__ import annotations

import ast
import dataclasses
import json
import pathlib
import pickle

import numpy as np
import pytest
import tensorflow as tf

from tests.data.made import NAME, make_dataset
from tests.train.conftest import ON_TWO_DEVICES
from tests.train.test_interruptions import finish, start
from tfdeid import DeidError
from tfdeid.data.batches import DataConfig
from tfdeid.options import parse
from tfdeid.train.config import TrainConfig
from tfdeid.train.methods import METHODS
from tfdeid.train.methods.base import Plan, count_right
from tfdeid.train.run_dir import RunDir
from tfdeid.train.trainer import train

FILE = pathlib.Path(__file__).with_name("noisy.py")
HOW = {"model": "small", "batch_size": 8, "schedule": "2 x 1e-3", "method": "noisy"}


def install(folder: pathlib.Path, version: str = "1.2") -> pathlib.Path:
    """Installs the method into a folder as pip does it; returns the folder."""
    information = folder / f"noise_for_all-{version}.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: noise-for-all\nVersion: {version}\n")
    (information / "entry_points.txt").write_text("[tfdeid.training_methods]\nnoisy = a_noisy_method:Noisy\n")
    (folder / "a_noisy_method.py").write_text(FILE.read_text())
    return folder


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Returns a function that installs a version in place of the one before."""

    def make(version: str) -> None:
        monkeypatch.syspath_prepend(install(tmp_path / f"site {version}", version))
        METHODS.__dict__.pop("_others", None)

    make("1.2")
    yield make
    METHODS.__dict__.pop("_others", None)


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> DataConfig:
    folder = tmp_path_factory.mktemp("data")
    make_dataset(folder, {"train": [k % 3 for k in range(64)], "test": [0, 1, 2]})
    return DataConfig(NAME, str(folder))


def test_of_ours_it_imports_the_base_module_alone():
    imports = [node for node in ast.walk(ast.parse(FILE.read_text())) if isinstance(node, ast.Import | ast.ImportFrom)]
    named = {node.module if isinstance(node, ast.ImportFrom) else node.names[0].name for node in imports}
    assert {name for name in named if name.startswith(("tfdeid", "beam", "tests"))} == {"tfdeid.train.methods.base"}


@pytest.mark.slow
def test_a_run_by_it_says_so_goes_on_and_keeps_to_it(installed, data, tmp_path):
    path = str(tmp_path / "run")
    train(data, TrainConfig(**HOW, epochs=1), path)
    done, undisturbed = train(data, TrainConfig(**HOW), path), train(data, TrainConfig(**HOW), str(tmp_path / "undisturbed"))
    losses, expected = ([row["loss"] for row in run.history] for run in (done, undisturbed))
    assert losses == pytest.approx(expected, rel=1e-3) and losses[1] < losses[0]
    assert 0 < done.history[0]["accuracy"] <= 1  # Of those that are drawn, however many.
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    plugin = {"name": "noisy", "distribution": "noise-for-all", "version": "1.2"}
    assert record["train"]["method"] == "noisy" and record["train"]["options"] == {"noise": 0.1}
    assert record["method"] == {"share_of_examples_in_a_batch": 0.125}
    assert record["plugins"] == record["identity"]["plugins"] == {"method": plugin}
    assert record["identity"]["options"] == {"noise": 0.1}
    for how, message in (({"noise": 0.2}, "options was"), ({"method": "standard"}, "method was 'noisy', now None")):
        with pytest.raises(DeidError, match=f"another configuration: .*{message}"):
            train(data, TrainConfig(**{**HOW, **how}), path)
    installed("1.3")
    with pytest.raises(DeidError, match=r"plugins was .*'version': '1.2'}}, now .*'version': '1.3'}}"):
        train(data, TrainConfig(**HOW), path)


def test_a_network_that_it_does_not_suit_is_refused_and_may_be_mended_in_place(installed, data, tmp_path):
    for _ in range(2):
        with pytest.raises(DeidError, match="takes no network with dropout, MobileNet has it"):
            train(data, TrainConfig(**{**HOW, "model": "MobileNet"}), str(tmp_path / "run"))
    assert RunDir(tmp_path / "run", json.loads((tmp_path / "run" / "run.json").read_text())).history == []


def test_mistakes(installed):
    with pytest.raises(
        DeidError, match=r"unknown training method 'noise'\. Did you mean 'noisy'\? Known: dp_sgd, noisy, standard\."
    ):
        TrainConfig(method="noise")
    with pytest.raises(DeidError, match=r"noise 2 is for the training method noisy alone, training method was 'standard'"):
        TrainConfig(noise=2)
    with pytest.raises(DeidError, match=r"noise must be in \[0, 1\), noise was 2"):
        TrainConfig(method="noisy", noise=2)


def test_its_options_are_options_of_the_command_and_keys_of_files(installed, data, tmp_path, capsys):
    (tmp_path / "c.yaml").write_text("train: {method: noisy, noise: 0.3}")
    sections = {"data": DataConfig, "train": TrainConfig}

    def train_config(*options: str) -> TrainConfig:
        return parse(options, "x", "", "", EmptyOptions, sections)[2]

    config = train_config(f"--config={tmp_path / 'c.yaml'}", "--batch_size=3")
    assert (config.method, config.noise, config.batch_size, config.model) == ("noisy", 0.3, 3, "InceptionResNetV2")
    assert train_config("--method=noisy", "--noise=0.2") == TrainConfig(method="noisy", noise=0.2)
    assert dataclasses.replace(config, epochs=2) == pickle.loads(pickle.dumps(dataclasses.replace(config, epochs=2)))
    with pytest.raises(DeidError, match="noise is for the training method noisy alone, training method was 'standard'"):
        train_config("--noise=0.2")
    with pytest.raises(SystemExit):
        train_config("--method=noisy", "--help")
    said = capsys.readouterr().out
    assert "standard  minimizes the mean cross-entropy of each batch" in said
    assert "noisy     weighs examples by chance, and draws each on its own (plug-in 'noisy' of noise-for-all 1.2)" in said
    assert "--noise float" in said and "Standard deviation of an example's weight" in said


@dataclasses.dataclass(frozen=True)
class EmptyOptions:
    config: str | None = None


# The steps' numbers on two devices of one machine, from a method whose loss is the number.
MIRRORED = (
    ON_TWO_DEVICES
    + """
done = trainers[0]

class Numbers:
    plan = done._plan
    def build(self, model, optimizer):
        return lambda images, labels, number: (tf.cast(number, tf.float32), tf.reduce_max(labels))

done._engine.build(None, None, Numbers(), lambda images, seed: images)
loss, right, examples = done._engine.step(tf.zeros([4, 2, 2, 1]), tf.constant([0, -1, 2, -1], tf.int64), 3)
assert (float(loss), int(right), int(examples)) == (6 + 7, 4, 4), (loss, right, examples)
"""
)


@pytest.mark.slow
def test_two_devices_of_one_machine(data, tmp_path):
    options = {
        **HOW,
        "epochs": 2,
        "data_dir": data.data_dir,
        "dataset": NAME,
        "run_dir": tmp_path / "run",
        "strategy": "mirrored",
    }
    arguments = [f"--{name}={value}" for name, value in options.items()]
    path = f"{install(tmp_path / 'site')}:{pathlib.Path.cwd()}"
    assert "devices: 2; XLA: off" in finish(start(*arguments, program=MIRRORED, PYTHONPATH=path))
    history = json.loads((tmp_path / "run" / "run.json").read_text())["history"]
    assert history[1]["loss"] < history[0]["loss"]


def test_standard_batches_are_all_examples_of_the_epoch(data):
    plan = Plan(examples=64, batch_size=8, steps_per_epoch=8, epochs=1, devices=1, seed=3)
    method = METHODS["standard"](METHODS["standard"].Options(), plan)

    class Data:
        def train_batches(self, *arguments):
            return arguments

    assert method.batches(Data(), 8, 5, (1, 2)) == (8, 3, 5, (1, 2))
    assert method.record() == {} and METHODS.plugin("standard") is None


def test_right_answers_are_counted_and_missing_labels_are_none():
    logits = np.array([[0, 1], [1, 0], [1, 0]], np.float32)
    assert int(count_right(tf.constant([1, 1, -1], tf.int64), tf.constant(logits))) == 1
