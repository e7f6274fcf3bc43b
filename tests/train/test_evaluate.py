"""`python -m tfdeid.evaluate` and `tfdeid classify`."""

from __future__ import annotations

import io
import json
import shutil

import keras
import numpy as np
import pytest
import sklearn.metrics
import tensorflow_datasets as tfds
from PIL import Image

from tfdeid import DeidConfig, Deidentifier, DeidError, Key
from tfdeid.cli import main
from tfdeid.data.draw import read_images
from tfdeid.evaluate import run
from tfdeid.train.classify import classify
from tfdeid.train.confusion import draw_confusion, table
from tfdeid.train.evaluation import Evaluation


@pytest.fixture(scope="module")
def evaluated(finished, tmp_path_factory):
    folder = tmp_path_factory.mktemp("evaluation")
    assert run([str(finished.path), "--split=train", f"--output_dir={folder}"]) == 0
    return folder


def test_figures_are_scikit_learns(evaluated, finished, faces):
    found = json.loads((evaluated / "evaluation.json").read_text())
    examples = list(tfds.as_numpy(tfds.load("lfw_subset_deid", split="train", data_dir=faces)))
    labels = [example["label"] for example in examples]
    network = keras.saving.load_model(finished.path / "last.keras")
    predicted = network(np.stack([example["image"] for example in examples])).numpy().argmax(-1)
    assert found["confusion"] == sklearn.metrics.confusion_matrix(labels, predicted).tolist()
    assert found["accuracy"] == pytest.approx(sklearn.metrics.accuracy_score(labels, predicted))
    theirs = sklearn.metrics.precision_recall_fscore_support(labels, predicted)
    for k, row in enumerate(found["classes"]):
        assert [row["precision"], row["recall"], row["f1"], row["examples"]] == pytest.approx([figure[k] for figure in theirs])
    assert found["macro_f1"] == pytest.approx(sklearn.metrics.f1_score(labels, predicted, average="macro"))
    assert set(found["milliseconds_per_image"]) == {"1", "64"} and min(found["milliseconds_per_image"].values()) > 0
    assert found["epoch"] == 3 and found["examples"] == 160


def test_a_class_without_examples_or_predictions_counts_as_zero():
    confusion = np.array([[3, 1, 0], [2, 4, 0], [0, 0, 0]])
    found = Evaluation("d", "test", 1, ["a", "b", "c"], confusion, {1: 1.0})
    true, predicted = np.repeat([0, 0, 1, 1], [3, 1, 2, 4]), np.repeat([0, 1, 0, 1], [3, 1, 2, 4])
    theirs = sklearn.metrics.precision_recall_fscore_support(true, predicted, labels=[0, 1, 2], zero_division=0)
    np.testing.assert_allclose([found.precision, found.recall, found.f1], theirs[:3])


def test_the_picture_and_the_table():
    confusion = np.random.default_rng(0).integers(0, 9, (60, 60))
    for count in (2, 60):
        found = Evaluation("d", "test$_{", 1, [f"class {k} $_{{" for k in range(count)], confusion[:count, :count], {1: 1.0})
        assert min(Image.open(io.BytesIO(draw_confusion(found))).size) > 300
        assert table(found).count("class ") == min(count, 20) + 1


def test_other_data_is_refused(finished, faces_of_another_key, tmp_path):
    with pytest.raises(DeidError, match="same key"):
        run([str(finished.path), f"--data_dir={faces_of_another_key}", f"--output_dir={tmp_path}"])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("options", "message"),
    [(["nowhere"], "must be the folder of a training run"), (["x", "--checkpoint=first"], "unknown checkpoint 'first'")],
)
def test_mistakes(options, message):
    with pytest.raises(DeidError, match=message):
        run(options)


def test_a_damaged_checkpoint_is_one_clear_error(finished, tmp_path):
    shutil.copytree(finished.path, tmp_path / "run")
    for path in (tmp_path / "run" / "checkpoints").glob("*.data*"):
        path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(DeidError, match="checkpoint .* can't be read"):
        run([str(tmp_path / "run")])


@pytest.fixture
def private_images(tmp_path) -> list[str]:
    """Returns four files of faces and four of other things, that the network was trained on after de-identification."""
    import skimage.data

    faces = np.floor(255 * skimage.data.lfw_subset() + 0.5).astype(np.uint8)
    paths = [tmp_path / f"{k}.png" for k in (0, 1, 2, 3, 100, 101, 102, 103)]
    for path in paths:
        Image.fromarray(faces[int(path.stem)]).save(path)
    return list(map(str, paths))


def test_private_images_are_de_identified_and_classified(private_images, finished, faces, capsys):
    assert main(["classify", *private_images, f"--run={finished.path}", f"--key={faces / 'key'}", "--top=1"]) == 0
    named = [line.rpartition(": ")[2].split()[0] for line in capsys.readouterr().out.splitlines()]
    right = np.array(named) == np.repeat(["face", "nonface"], 4)
    assert right.mean() >= 0.75


def test_a_private_image_is_classified_as_its_record_in_the_dataset(private_images, finished, faces):
    key = Key.load(faces / "key")
    records = {record["id"]: record["image"] for split in ("train", "test") for record in stored(faces, split)}
    images = read_images(private_images)
    deidentified = np.stack([Deidentifier(DeidConfig(output_size=32), key)(image) for image in images])
    known = {image.tobytes() for image in records.values()}
    assert all(image.tobytes() in known for image in deidentified)
    logits = keras.saving.load_model(finished.path / "last.keras")(deidentified)
    np.testing.assert_allclose(classify(images, finished, key), keras.ops.softmax(logits), atol=1e-5)


def stored(faces, split):
    return tfds.as_numpy(tfds.load("lfw_subset_deid", split=split, data_dir=faces))


def test_another_key_is_refused(private_images, finished, tmp_path, capsys):
    Key.generate().save(tmp_path / "key")
    assert main(["classify", private_images[0], f"--run={finished.path}", f"--key={tmp_path / 'key'}"]) == 2
    assert "key must be the one" in capsys.readouterr().err
