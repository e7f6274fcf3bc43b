"""What `tfdeid attack` is asked beside what it recovers, from end to end, with a reader and networks that take no time."""

from __future__ import annotations

import base64
import json
import pathlib

import numpy as np
import pytest

from beam.deid import run
from tests.security.forms import Secrets
from tfdeid import Key
from tfdeid.attack import inference, perform, questions
from tfdeid.attack.reading import read
from tfdeid.cli import main
from tfdeid.errors import DeidError
from tfdeid.image import encode_png

# Folders' names are what is written in the images, and what is sensitive.
FOLDERS = {"AB12": 60, "CD34": 180}


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> pathlib.Path:
    """Returns a folder with scans, their de-identified dataset and its key."""
    root = tmp_path_factory.mktemp("questions")
    random = np.random.RandomState(0)
    for split, count in (("train", 30), ("test", 20)):
        for name, gray in FOLDERS.items():
            folder = root / "scans" / split / name
            folder.mkdir(parents=True)
            for k in range(count):
                image = np.clip(gray + random.randint(-20, 20, (12, 16, 1)), 0, 255).astype(np.uint8)
                (folder / f"{k}.png").write_bytes(encode_png(image))
    Key(base64.b64encode(bytes(range(1, 33)))).save(root / "key")
    options = [f"--output_dir={root}", f"--key={root / 'key'}", "--num_shards=1", "--input_size=16", "--output_size=16"]
    options += ["--scheme=pixelate", "--cells=4"]
    assert run(["--runner=FnApiRunner", f"--dataset=folder:{root / 'scans'}", *options]) == 0
    return root


@pytest.fixture
def attack(made, tmp_path, monkeypatch):
    """Returns a function that runs the command; networks name what the mean gray says."""

    class Grays:
        def __init__(self, aspect: float = 1.0):
            self.aspect = aspect

        def __call__(self, image):
            return ["-", "ab-12" if image.mean() < 120 else "CD34"]

    def train_judge(images, labels, *_, **__):
        return lambda shown: (shown.reshape(len(shown), -1).mean(1) > 120).astype(np.intp)

    for module in (questions, read):
        monkeypatch.setattr(module, "Reader", Grays)
    for module in (inference, perform):
        monkeypatch.setattr(module, "train_judge", train_judge)

    def call(*options: str) -> int:
        usual = ["--dataset", "scans_deid", "--data_dir", str(made), "--originals", f"folder:{made / 'scans'}"]
        usual += ["--key", str(made / "key"), "--output_dir", str(tmp_path / "out"), "--attackers", "published"]
        return main(["attack", *usual, *options])

    return call


def test_texts_are_read_and_labels_inferred_beside_all_else(attack, made, tmp_path, capsys):
    assert attack("--text", "folder", "--sensitive", "folder", "--num_images", "30") == 0
    said, content = capsys.readouterr(), json.loads((tmp_path / "out" / "attack.json").read_text())
    page = (tmp_path / "out" / "attack.html").read_text()
    reading, inferred = content["reading"], content["inference"]
    assert reading["read"] == reading["plain_read"] == inferred["inferred"] == 100
    assert reading["images"] == inferred["images"] == 30 and inferred["public_images"] == 60
    for title in ("What is read of 30 texts", "What is inferred of"):
        assert title in said.out and title in page
    # What is written stands on the owner's page alone.
    assert "AB12" in page and "AB12" not in said.out and "AB12" not in json.dumps(content)
    assert "--text folder" in page and "reading: records" in said.err
    key = Key.load(made / "key")
    for data in (said.out.encode(), said.err.encode(), page.encode(), json.dumps(content).encode()):
        assert not Secrets(key).found_in(data)


def test_one_that_fails_costs_its_own_figures_alone(attack, tmp_path, monkeypatch, capsys):
    def diverge(*_, **__):
        raise DeidError("it diverged.")

    monkeypatch.setattr(inference, "train_judge", diverge)
    assert attack("--text", "folder", "--sensitive", "folder") == 0
    content = json.loads((tmp_path / "out" / "attack.json").read_text())
    assert content["failed"]["inference"] == "it diverged." and content["reading"]["read"] == 100 and "inference" not in content
    assert "failed: inference (it diverged.)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--text", "plate"], "plate"),
        (["--sensitive", "age"], "age"),
        (["--text", "folder", "--key", "paper"], "Give --key"),
    ],
)
def test_mistakes_are_known_before_the_work(attack, options, message, capsys):
    assert attack(*options) == 2
    said = capsys.readouterr().err
    assert message in said.splitlines()[-1] and " s  " not in said
