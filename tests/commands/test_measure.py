"""`tfdeid measure`."""

from __future__ import annotations

import argparse
import csv
import json
import os
import shlex
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from tfdeid import Key
from tfdeid.cli import main
from tfdeid.commands.measure import preview_command
from tfdeid.data.sources import SourceConfig
from tfdeid.image import encode_png


@pytest.fixture
def key_path(tmp_path):
    Key.generate().save(tmp_path / "key")
    return tmp_path / "key"


def test_the_command_writes_table_files_and_plot(tmp_path, key_path, capsys):
    options = [f"--key={key_path}", "--num_images=6", "--sizes=24,32,40", "--keys=2", f"--output_dir={tmp_path / 'out'}"]
    assert main(["measure", *options]) == 0
    said = capsys.readouterr().out
    found = json.loads((tmp_path / "out" / "measures.json").read_text())
    assert "values, the same for all images. The count is of possible images, not of keys" in said
    assert f"recommended input size: {found['recommended']}" in said and "over 2 random keys" in said and "next: tfdeid" in said
    assert Key.load(key_path).material.decode() not in said + (tmp_path / "out" / "measures.json").read_text()
    rows = list(csv.DictReader((tmp_path / "out" / "measures.csv").open()))
    assert [int(row["size"]) for row in rows] == [24, 32, 40]
    assert min(rows, key=lambda row: float(row["sdim"]))["size"] == str(found["recommended"])
    assert found["reference"] == "source" and {row["reference"] for row in rows} == {"source"}
    assert "SSIM_Vec, SSIM_Dei and L2 compare with the source image at the output size." in said
    assert [float(row["l2"]) for row in rows] == [row["l2"] for row in found["rows"]]
    assert Image.open(tmp_path / "out" / "measures.png").size[0] > 500


def test_cifar10_stands_beside_the_papers_table(shared_tfds, tmp_path, key_path, capsys):
    options = ["--dataset=cifar10", f"--data_dir={shared_tfds}", "--split=test", "--num_images=4", "--sizes=50"]
    assert main(["measure", *options, "--key=paper", "--reference=input", f"--output_dir={tmp_path}"]) == 0
    said = capsys.readouterr().out
    assert "/ 0.7705" in said and "Table 2 is not" not in said
    assert json.loads((tmp_path / "measures.json").read_text())["rows"][0]["sdim_paper"] == pytest.approx(-0.14175)
    # The paper's figures are of its own key: beside another they would say nothing.
    assert main(["measure", *options, f"--key={key_path}", "--reference=input", f"--output_dir={tmp_path}"]) == 0
    said = capsys.readouterr().out
    assert "0.7705" not in said and "Table 2 is not beside it, which has another setting: here it is another key" in said
    assert "sdim_paper" not in json.loads((tmp_path / "measures.json").read_text())["rows"][0]
    # And of images that were reduced first.
    assert main(["measure", *options, "--key=paper", f"--output_dir={tmp_path}"]) == 0
    said = capsys.readouterr().out
    assert "0.7705" not in said and "here it is another reference than 'input'" in said


def test_only_of_cifar10_it_is_said_that_the_paper_is_not_beside_it(tmp_path, key_path, capsys):
    assert main(["measure", f"--key={key_path}", "--num_images=2", "--sizes=32", f"--output_dir={tmp_path}"]) == 0
    assert "Table 2" not in capsys.readouterr().out


@pytest.mark.slow
def test_the_command_that_is_printed_works_in_another_folder(tmp_path, monkeypatch, capsys):
    """Run by a shell, with names that it would split, expand or take for its own."""
    here, there = tmp_path / "it's $HOME [1]", tmp_path / "elsewhere"
    for number in range(3):
        folder = here / "my scans" / "part 1" / "a & b"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.png").write_bytes(encode_png(np.full((9, 9, 3), 80 * number, np.uint8)))
    there.mkdir()
    monkeypatch.chdir(here)
    Key.generate().save("my key")
    (here / "c d.yaml").write_text("source: {dataset: 'folder:my scans'}\ndeid: {output_size: 75}\n")
    options = ["--config=c d.yaml", "--key=my key", "--split=part 1", "--sizes=32", "--grayscale", "--output_dir=m *"]
    assert main(["measure", *options]) == 0 and (here / "m *" / "measures.json").exists()
    printed = capsys.readouterr().out.splitlines()[-1].removeprefix("next: ")
    shell = f'tfdeid() {{ "{sys.executable}" -m tfdeid.cli "$@"; }}\n{printed}'
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(["bash", "-c", shell], cwd=there, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert Image.open(there / "preview.png").size[0] > 3 * 224


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"source": SourceConfig("made", "tfds data")}, ["--dataset", "made", "--data_dir", "HERE/tfds data"]),
        ({"source": SourceConfig("made", "gs://b/x")}, ["--dataset", "made", "--data_dir", "gs://b/x"]),
        ({"key": "env:K", "num_images": 4}, ["--dataset", "lfw_subset", "--key", "env:K"]),
        ({"config": "configs/quick_deid.yaml"}, ["--config", "configs/quick_deid.yaml", "--dataset", "lfw_subset"]),
    ],
)
def test_what_the_printed_command_names(given, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    named = dict.fromkeys(("config", "split", "key")) | {name: given[name] for name in ("config", "key") if name in given}
    arguments = argparse.Namespace(**named, grayscale=False)
    line = preview_command(arguments, given.get("source", SourceConfig()), 50, given.get("num_images", 9))
    wanted = [word.replace("HERE", str(tmp_path)) for word in words]
    assert shlex.split(line) == ["tfdeid", "preview", *wanted, "--input_size", "50"]


def test_nothing_is_measured_for_a_folder_that_can_not_be_written(tmp_path, key_path, monkeypatch, capsys):
    monkeypatch.setattr("tfdeid.commands.measure.draw_images", lambda *_, **__: pytest.fail("it was measured"))
    for place, said in (
        (__file__, "File exists"),
        (f"{__file__}/x", "Not a directory"),
        ("gs://b/x", "must be on this machine"),
    ):
        assert main(["measure", f"--key={key_path}", f"--output_dir={place}"]) == 2
        assert said in capsys.readouterr().err
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # Root may write everywhere.
    assert main(["measure", f"--key={key_path}", f"--output_dir={tmp_path / 'm'}"]) == 2
    assert "m can't be written: permission denied. Choose another --output_dir." in capsys.readouterr().err


def test_a_full_disk_costs_files_and_not_figures(tmp_path, key_path, monkeypatch, capsys):
    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("etils.epath.gpath.PosixGPath.replace", fail)
    assert main(["measure", f"--key={key_path}", "--num_images=2", "--sizes=32", f"--output_dir={tmp_path / 'm'}"]) == 2
    said = capsys.readouterr()
    assert said.err.count("error:") == 1 and "No space left on device. Choose another --output_dir." in said.err
    assert "recommended input size: 32" in said.out and "wrote" not in said.out and not list((tmp_path / "m").iterdir())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--sizes=32,x"], "sizes must be whole numbers separated by commas, sizes was '32,x'"),
        (["--num_images=0"], "num_images must be in"),
        (["--alpha=3"], "alpha must be in"),
        (["--split=tset"], "'test'"),
        (["--size=3"], "--help"),
        (["--reference=paper"], "unknown reference 'paper'. Known: input, source."),
    ],
)
def test_mistakes(options, message, key_path, tmp_path, capsys):
    assert main(["measure", f"--key={key_path}", f"--output_dir={tmp_path}", *options]) == 2
    assert message in capsys.readouterr().err
