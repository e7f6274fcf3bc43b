"""The campaign for an accelerator, everything small and on a CPU, without TensorFlow and Beam."""

from __future__ import annotations

import io
import json
import pathlib
import struct
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from tests.conftest import ROOT

# As on the machine that it is made for, these are not found.
PROGRAM = """
import importlib.machinery, sys
find = importlib.machinery.PathFinder.find_spec
absent = {"tensorflow", "apache_beam", "tensorflow_datasets"}
importlib.machinery.PathFinder.find_spec = lambda name, *more: None if name in absent else find(name, *more)
from tests.device.campaign import main
sys.exit(main(sys.argv[1:]))
"""
COUNT = 48


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> pathlib.Path:
    """Returns images in one file; two classes, told apart by their brightness. The header that they share is empty."""
    random, images = np.random.default_rng(0), b""
    for split in (0, 1):
        for k in range(COUNT):
            label = k % 2
            pixels = random.integers(0, 128, (32, 32, 3), np.uint8) + np.uint8(127 * label)
            file = io.BytesIO()
            Image.fromarray(pixels).save(file, "jpeg")
            images += struct.pack("<BBH", split, label, len(file.getvalue())) + file.getvalue()
    path = tmp_path_factory.mktemp("data") / "images.bin"
    path.write_bytes(b"CIFJ" + struct.pack("<II", 2 * COUNT, 0) + images)
    return path


def campaign(data: pathlib.Path, folder: pathlib.Path, *more: str) -> tuple[dict, str]:
    arguments = [f"--data={data}", f"--output={folder / 'out.json'}", f"--work={folder / 'work'}", "--toy", *more]
    done = subprocess.run([sys.executable, "-c", PROGRAM, *arguments], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads((folder / "out.json").read_text()), done.stdout


@pytest.mark.slow
def test_parts_are_run_once_within_their_time(data, tmp_path):
    found, _ = campaign(data, tmp_path, "--only=ResNet-9, p", "--seconds=400")
    made = [name for name in found["de-identify"] if name.endswith("images a second of a process")]
    assert len(made) == 5 and all(found["de-identify"][name] > 0 for name in made)
    plain = found["ResNet-9, plain"]
    assert plain["finished"] and plain["epochs"] == 2 and plain["device"] == "cpu"
    assert plain["losses"][1] < plain["losses"][0] and 0 <= plain["test_accuracy"] <= 1
    mosaics = [name for name in found if name.startswith("ResNet-9, pixelate")]
    assert len(mosaics) == 4 and all(found[name]["finished"] for name in mosaics)
    again, said = campaign(data, tmp_path, "--only=ResNet-9, p", "--seconds=400")
    assert {name: again[name] for name in mosaics} == {name: found[name] for name in mosaics} and "ResNet" not in said


@pytest.mark.slow
@pytest.mark.parametrize("part", ["augment", "DP-SGD"])
def test_each_kind_of_part_runs(data, tmp_path, part):
    found, _ = campaign(data, tmp_path, f"--only={part}", "--seconds=400")
    (name,) = (name for name in found if name.startswith(part))
    assert found[name]["finished"], found[name]
    assert found[name]["ratio"] > 1 if part == "augment" else 7.9 < found[name]["epsilon"] <= 8


@pytest.mark.slow
def test_out_of_time_it_says_so_and_loses_nothing(data, tmp_path):
    (tmp_path / "out.json").write_text(json.dumps({"DP-SGD": {"finished": True}}))
    found, said = campaign(data, tmp_path, "--seconds=15")
    assert "out of time before augment; the same command goes on" in said
    assert found == {"DP-SGD": {"finished": True}}
