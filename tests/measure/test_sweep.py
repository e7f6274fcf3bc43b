"""Sweeps over input sizes, and `tfdeid measure`."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from PIL import Image

from tests.conftest import SHARED, absent
from tfdeid import DeidConfig, DeidError, Key, paper
from tfdeid.cli import main
from tfdeid.measure import Measures, measure
from tfdeid.measure.sweep import Sweep, sweep


def test_the_papers_table_is_transcribed():
    path = SHARED / "oracle" / "paper_tables.json"
    if not path.exists():
        absent("the paper's figures in ../shared")
    table = json.loads(path.read_text())["table2"]
    assert list(paper.SIZES) == [row[0] for row in table["rows"]]
    for row in table["rows"]:
        printed = dict(zip(table["columns"], row, strict=True))
        assert paper.table_2(printed.pop("size")) == pytest.approx(printed, abs=6e-5)
    assert paper.table_2(33) == {}


def made_up(offset: float, noise: float) -> Measures:
    """Returns measures of 400 images whose SDIM is `offset`, with noise of its own on top of noise that all sizes share."""
    shared = np.random.RandomState(0).normal(0, 0.1, 400)
    own = np.random.RandomState(int(10_000 * offset)).normal(0, noise, 400)
    own -= own.mean()
    return Measures(np.zeros(400), (shared + own + offset) / 1.5, np.zeros(400))


def test_sizes_that_chance_could_swap_are_named():
    found = Sweep(DeidConfig(), {32: made_up(0.1, 0.01), 50: made_up(0.0, 0.01), 58: made_up(0.0005, 0.01)})
    assert found.best in (50, 58) and found.as_good == [50, 58]
    assert "can't tell it from" in found.recommendation()
    # The images' own noise is ten times the difference, but the same at each size.
    assert Sweep(DeidConfig(), {32: made_up(0.01, 0.001), 50: made_up(0.0, 0.001)}).as_good == [50]


def test_a_sweep_is_a_measure_at_each_size_and_key(cifar10):
    images, key, config = cifar10[:3], Key.generate(), DeidConfig(output_size=64)
    calls = []
    found = sweep(images, [32, 24], config, key, num_keys=2, seed=5, on_image=lambda: calls.append(1))
    assert len(calls) == 3 * 2 * 3
    alone = measure(images, DeidConfig(input_size=24, output_size=64), key)
    np.testing.assert_array_equal(found.measures[24].each("sdim"), alone.each("sdim"))
    again = sweep(images, [32], config, key, num_keys=2, seed=5)
    assert again.other_keys[32] == found.other_keys[32]
    first, second = found.other_keys[32]
    assert first["ssim_dei"] != second["ssim_dei"] and first["ssim_vec"] == second["ssim_vec"] == found.measures[32].ssim_vec


def test_bad_values(cifar10):
    with pytest.raises(DeidError, match="at least one input size"):
        sweep(cifar10[:1], [], DeidConfig(), Key.generate())
    with pytest.raises(DeidError, match="structural or vectorized, it was plain"):
        sweep(cifar10[:1], [32], DeidConfig(scheme="plain"), None)


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
    assert [float(row["l2"]) for row in rows] == [row["l2"] for row in found["rows"]]
    assert Image.open(tmp_path / "out" / "measures.png").size[0] > 500


def test_cifar10_stands_beside_the_papers_table(shared_tfds, tmp_path, key_path, capsys):
    options = ["--dataset=cifar10", f"--data_dir={shared_tfds}", "--split=test", "--num_images=4", "--sizes=50"]
    assert main(["measure", *options, f"--key={key_path}", f"--output_dir={tmp_path}"]) == 0
    assert "/ 0.7705" in capsys.readouterr().out
    assert json.loads((tmp_path / "measures.json").read_text())["rows"][0]["sdim_paper"] == pytest.approx(-0.14175)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--sizes=32,x"], "sizes must be whole numbers separated by commas, sizes was '32,x'"),
        (["--num_images=0"], "num_images must be in"),
        (["--alpha=3"], "alpha must be in"),
        (["--split=tset"], "'test'"),
        (["--size=3"], "--help"),
    ],
)
def test_mistakes(options, message, key_path, tmp_path, capsys):
    assert main(["measure", f"--key={key_path}", f"--output_dir={tmp_path}", *options]) == 2
    assert message in capsys.readouterr().err
