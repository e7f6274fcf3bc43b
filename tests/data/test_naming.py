"""Names that TFDS could not read have others in the dataset, all distinct; names that it can are kept."""

from __future__ import annotations

import os
import re
import shlex
import subprocess

import numpy as np
import pytest
import tensorflow_datasets as tfds

import tfdeid
from beam.deid import run
from tfdeid import DeidError, Key
from tfdeid.attack.case import Target, open_case
from tfdeid.data.naming import class_names, making_command, split_names
from tfdeid.image import encode_png
from tfdeid.verify import Owner, verify


def test_splits():
    assert split_names(["train", "Train-1", "Größe", "_x", "-"]) == {
        name: name for name in ("train", "Train-1", "Größe", "_x", "-")
    }
    odd = ["val.2", "train set", "train_set", "train  set", "all", " all", "...", "a/b", "x\udcff", "Gro\u0308n 1", ""]
    mapped = ["val_2", "train_set_2", "train_set", "train_set_3", "all_", "all__2", "split", "a_b", "x", "Grön_1", "split_2"]
    assert split_names(odd) == dict(zip(odd, mapped, strict=True))
    for name in split_names(odd).values():
        assert tfds.core.splits.AbstractSplit.from_spec(f"{name}[:50%]")


def test_classes(tmp_path):
    good = ["cat", "a/b", "Größe", "日本", "it's", 'so "called"', "two words", "x,y", "-", "👩\u200d🚀", "a\\b"]
    assert class_names(good) == good
    odd = ["two\nlines", "two\\nlines", "cr\r", "", "  ", " cat", "cat", "tab\there", "x\udcff", "line\u2028end"]
    mapped = ["two\\nlines_2", "two\\nlines", "cr", "unnamed", "unnamed_2", "cat_2", "cat", "tab\\there", "x\\udcff"]
    assert class_names(odd) == [*mapped, "line\\u2028end"]
    for names in (good, class_names(odd)):
        label = tfds.features.ClassLabel(names=names)
        label.save_metadata(tmp_path, "label")
        label.load_metadata(tmp_path, "label")
        assert label.names == names


@pytest.mark.slow
def test_a_dataset_of_odd_splits_and_classes(tmp_path, capsys):
    odd = tmp_path / 'it\'s "my" [data]'
    for split in ("train set", "val.2", "all"):
        for k, label in enumerate(("two\nlines", "a'b", "c\udcff")):
            folder = os.path.join(odd, "scans", split, label)
            os.makedirs(folder)
            for i in range(2):
                with open(os.path.join(folder, f"{i}.png"), "wb") as file:
                    file.write(encode_png(np.full((9, 9, 3), 40 * k + i, np.uint8)))
    Key.generate().save(tmp_path / "key")
    options = ["--runner=FnApiRunner", f"--key={tmp_path / 'key'}", f"--dataset=folder:{odd / 'scans'}", "--output_size=32"]
    assert run([*options, f"--output_dir={odd}"]) == 0
    said = capsys.readouterr().out
    for line in (
        "splits have names in the dataset that TFDS can read: 'all' is all_, 'train set' is train_set, 'val.2' is val_2",
        r"classes have names in the dataset that TFDS can read: 'c\udcff' is c\udcff, 'two\nlines' is two\nlines",
    ):
        assert said.count(line) == 2, "before the work and after it"
    outcome = verify("scans_deid", str(odd), Owner(Key.load(tmp_path / "key"), f"folder:{odd / 'scans'}"))
    assert outcome.problems == [] and outcome.compared == 18
    splits, info = tfdeid.load("scans_deid", data_dir=odd, with_info=True)
    assert set(splits) == {"all_", "train_set", "val_2"} and info.features["label"].names == ["a'b", "c\\udcff", "two\\nlines"]
    assert run([*options, f"--output_dir={odd}"]) == 0 and "already complete" in capsys.readouterr().out
    # The command that was printed, pasted elsewhere.
    (command,) = re.findall("^next: (.+)", said, re.MULTILINE)
    (tmp_path / "elsewhere").mkdir()
    result = subprocess.run(["bash", "-c", command], cwd=tmp_path / "elsewhere", capture_output=True, text=True)
    assert result.returncode == 0 and "train_set" in result.stdout, result.stderr[-2000:]


def test_splits_with_other_names_are_attacked_and_verified(tmp_path):
    Key.generate().save(tmp_path / "key")
    (tmp_path / "c.yaml").write_text('source: {splits: [train], split_sizes: {train: 90, "the rest=train": 70}}')
    options = ["--runner=FnApiRunner", f"--key={tmp_path / 'key'}", f"--config={tmp_path / 'c.yaml'}", "--output_size=32"]
    assert run([*options, f"--output_dir={tmp_path}"]) == 0
    target = Target("lfw_subset_deid", "lfw_subset", str(tmp_path), split="the_rest", num_images=20)
    case = open_case(target, Key.load(tmp_path / "key"))
    assert len(case.view.ids) == 20 and len(case.view.public) == 130
    outcome = verify("lfw_subset_deid", str(tmp_path), Owner(Key.load(tmp_path / "key"), "lfw_subset"))
    assert outcome.problems == [] and outcome.compared == 160


def test_commands_mean_the_same_elsewhere(tmp_path, monkeypatch, capsys):
    odd = tmp_path / 'it\'s "my" $HOME [data]'
    (odd / "elsewhere").mkdir(parents=True)
    monkeypatch.chdir(odd)
    with pytest.raises(DeidError) as caught:
        tfdeid.load("lfw_subset_deid/structural_24_32", data_dir="out put")
    command = str(caught.value).partition("This makes it: ")[2]
    assert command == making_command("lfw_subset_deid/structural_24_32", odd / "out put")
    printed = subprocess.run(["bash", "-c", f"printf '%s\\0' {command}"], capture_output=True, text=True).stdout.split("\0")[
        :-1
    ]
    assert printed == shlex.split(command) and printed[:3] == ["python", "-m", "beam.deid"]
    monkeypatch.chdir(odd / "elsewhere")
    Key.generate().save(tmp_path / "key")
    assert run([*printed[3:], f"--key={tmp_path / 'key'}", "--limit=2", "--runner=FnApiRunner"]) == 0
    assert len(tfdeid.load("lfw_subset_deid/structural_24_32", split="train", data_dir=odd / "out put")) == 2
    monkeypatch.setenv("TFDS_DATA_DIR", str(odd / "own"))
    assert run([f"--key={tmp_path / 'key'}", "--limit=2", "--runner=FnApiRunner", "--output_size=32"]) == 0
    assert "data_dir=" in re.findall("^next: (.+)", capsys.readouterr().out, re.MULTILINE)[-1], "another shell may not have it"


def test_the_command_that_makes_a_dataset_names_the_source_that_is_known(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = making_command("data_deid", tmp_path / "out", ("folder:my scans", None))
    assert made == f"python -m beam.deid --dataset 'folder:{tmp_path}/my scans' --output_dir {tmp_path}/out"
    made = making_command("dup_deid/plain_32_64", tmp_path / "out", ("dup", "tfds"))
    assert made.startswith("python -m beam.deid --dataset dup --scheme plain --input_size 32 --output_size 64 --output_dir")
    assert made.endswith(f"--data_dir {tmp_path}/tfds")
