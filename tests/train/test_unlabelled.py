"""Examples that have no label: never trained on, never tested on, always counted."""

from __future__ import annotations

import json

import keras
import numpy as np
import pytest
import tensorflow_datasets as tfds

from tests.data.made import NAME, make_dataset
from tests.train.conftest import QUICK
from tfdeid import DeidError
from tfdeid.data.batches import DataConfig
from tfdeid.evaluate import run as evaluate
from tfdeid.train.config import TrainConfig
from tfdeid.train.trainer import train

TEST = [0, -1, 1, 2, -1, 0, 2, 1, 1]
HOW = TrainConfig(**{**QUICK, "batch_size": 4, "schedule": "2 x 1e-3"})


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("unlabelled")
    make_dataset(folder, {"train": [k % 3 for k in range(24)] + [-1] * 3, "test": TEST, "unknown": [-1] * 5})
    return folder


@pytest.fixture(scope="module")
def trained(data_dir, tmp_path_factory):
    """Returns a run on the part that has labels, tested on a split of which two examples have none; and what was printed."""
    data = DataConfig(NAME, str(data_dir), train_split="train[:24]")
    return train(data, HOW, str(tmp_path_factory.mktemp("runs") / "run"))


def expected(trained, data_dir) -> tuple[np.ndarray, np.ndarray]:
    """Returns true and predicted labels of the examples that have one, by the exported network on what TFDS reads."""
    examples = [one for one in tfds.as_numpy(tfds.load(NAME, split="test", data_dir=data_dir)) if one["label"] >= 0]
    logits = keras.saving.load_model(trained.path / "last.keras")(np.stack([one["image"] for one in examples])).numpy()
    return np.array([one["label"] for one in examples]), logits


def test_they_are_not_tested_on(trained, data_dir, capsys):
    labels, logits = expected(trained, data_dir)
    assert len(labels) == 7
    last = trained.history[-1]
    assert last["test_accuracy"] == pytest.approx((logits.argmax(-1) == labels).mean())
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(labels, logits)
    assert last["test_loss"] == pytest.approx(float(loss), rel=1e-4)
    train(DataConfig(NAME, str(data_dir), train_split="train[:24]"), HOW, str(trained.path))  # It says so again.
    assert "24 images to train on, 7 to test on (2 without a label left out), 32 x 32" in capsys.readouterr().out


def test_evaluation_leaves_them_out_and_counts_them(trained, data_dir, tmp_path, capsys):
    assert evaluate([str(trained.path), f"--output_dir={tmp_path}"]) == 0
    assert "split test: 7 images, after epoch 2 (2 without a label left out)\n" in capsys.readouterr().out
    found = json.loads((tmp_path / "evaluation.json").read_text())
    labels, logits = expected(trained, data_dir)
    confusion = np.zeros((3, 3), int)
    np.add.at(confusion, (labels, logits.argmax(-1)), 1)
    assert found["confusion"] == confusion.tolist() and found["accuracy"] == pytest.approx(np.trace(confusion) / 7)
    assert (found["examples"], found["unlabelled"]) == (7, 2) and [row["examples"] for row in found["classes"]] == [2, 3, 2]
    assert min(found["milliseconds_per_image"].values()) > 0


def test_a_split_that_has_no_labels_is_not_evaluated(trained, tmp_path):
    with pytest.raises(DeidError, match=r"all 5 in split 'unknown' of made_deid\S* have none \(-1\)\. Choose another --split"):
        evaluate([str(trained.path), "--split=unknown", f"--output_dir={tmp_path / 'out'}"])
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("splits", "message"),
    [
        ({}, r"3 of the 27 in split 'train' of made_deid\S* have none \(-1\)\. Choose another --train_split"),
        ({"train_split": "train[23:25]", "test_split": "unknown"}, r"1 of the 2 in split 'train\[23:25\]'"),
        ({"train_split": "train[:24]", "test_split": "unknown"}, r"all 5 in split 'unknown' .*Choose another --test_split"),
    ],
)
def test_a_run_is_refused_before_it_begins(data_dir, splits, message, tmp_path):
    how = TrainConfig(**{**QUICK, "batch_size": 2})
    with pytest.raises(DeidError, match=message):
        train(DataConfig(NAME, str(data_dir), **splits), how, str(tmp_path / "run"))
    assert not (tmp_path / "run").exists()
