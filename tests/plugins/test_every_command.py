"""A plug-in of each kind goes through every command: what is written for ours alone shows here."""

from __future__ import annotations

import base64
import dataclasses
import importlib.metadata
import json
import pathlib
import shlex
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

import tfdeid
from tests.conftest import absent
from tfdeid import DeidConfig, Deidentifier, DeidError, Key
from tfdeid.attack.engine import choose
from tfdeid.cli import main
from tfdeid.compare.methods import Method
from tfdeid.data.sources import SourceConfig, open_source
from tfdeid.experiments import scale
from tfdeid.experiments.scale import SCALES, Recipe
from tfdeid.reproduce import frontier
from tfdeid.schemes import SCHEMES

DISTRIBUTION = "tfdeid-rows"
NAME = "shapes_100_deid/row_shift_24_48_rows2"


@pytest.fixture(scope="module", autouse=True)
def installed():
    try:
        importlib.metadata.distribution(DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        absent(f"the package {DISTRIBUTION}: pip install tests/plugins")


def deid(folder: pathlib.Path, *options: str) -> int:
    return main(
        [
            *("deid", "--dataset=shapes:100", "--scheme=row_shift", "--rows=2", "--input_size=24", "--output_size=48"),
            *(f"--output_dir={folder}", f"--key={folder / 'key'}", "--runner=FnApiRunner", *options),
        ]
    )


@pytest.fixture(scope="module")
def folder(installed, tmp_path_factory) -> pathlib.Path:
    """Returns a data directory with what the plug-in's scheme makes of the plug-in's source, and the key beside it."""
    folder = tmp_path_factory.mktemp("plugins")
    # Of what a key draws depends how far rows are shifted, and so what attackers get: always the same here.
    Key(base64.b64encode(bytes(range(32)))).save(folder / "key")
    assert deid(folder) == 0
    return folder


@pytest.fixture(scope="module")
def run_dir(folder) -> pathlib.Path:
    """Returns a training run by the plug-in's method."""
    options = [f"--dataset={NAME}", f"--data_dir={folder}", f"--run_dir={folder / 'run'}", "--model=small", "--batch_size=16"]
    options += ["--schedule=2 x 1e-3", "--method=mixup", "--largest_share=0.2", "--rotation=0", "--shift=0", "--noflip"]
    assert main(["train", *options]) == 0
    return folder / "run"


def facts(folder: pathlib.Path) -> dict:
    return json.loads((folder / NAME / "1.0.0" / "metadata.json").read_text())


def test_deid_says_whose_scheme_and_source_they_are(folder, capsys):
    whose = {"distribution": DISTRIBUTION, "version": "1.0"}
    assert facts(folder)["plugins"] == {"scheme": {"name": "row_shift", **whose}, "source": {"name": "shapes", **whose}}
    assert facts(folder)["deid"]["rows"] == 2 and "preset" not in facts(folder)["deid"]
    assert deid(folder) == 0 and "already complete" in capsys.readouterr().out
    assert main(["deid", "--scheme=row_shift", "--help"]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "--rows int Rows that are shifted together. (default: 1)" in shown and "--preset" not in shown
    assert "(plug-in 'row_shift' of tfdeid-rows 1.0)" in shown and "shapes:COUNT" in shown


def test_another_version_of_a_plugin_makes_another_dataset(folder, capsys, monkeypatch):
    others = SCHEMES._others
    plugin, made = others["row_shift"]
    monkeypatch.setitem(others, "row_shift", (dataclasses.replace(plugin, version="1.1"), made))
    assert deid(folder) == 2 and "--mode=overwrite" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--rows=0"], "rows must be a whole number in [1, 4096], rows was 0."),
        (["--rows=5"], "input_size must be a multiple of rows, 5; input_size was 24."),
        (["--scheme=plain"], "rows is for the scheme row_shift alone, scheme was 'plain'. Leave it out."),
        (["--axes=shared"], "axes is for the scheme structural alone, scheme was 'row_shift'. Leave it out."),
        (
            ["--key_scope=pool:4"],
            "key_scope 'pool:4' is not for the scheme 'row_shift' (but for structural). Use key_scope 'dataset' or 'image'.",
        ),
        (["--dataset=shapes:5"], "shapes:COUNT takes a whole number from 10 to 1,000,000, COUNT was '5'."),
    ],
)
def test_mistakes_are_one_line(folder, options, said, capsys):
    assert deid(folder, *options) == 2
    assert capsys.readouterr().err == f"tfdeid: error: {said}\n"


def test_a_dataset_of_a_plugin_that_is_gone_names_it(folder):
    made = {**facts(folder), "scheme": "gone"}
    made["deid"] = {**made["deid"], "scheme": "gone"}
    with pytest.raises(DeidError, match="made by the scheme 'gone' of tfdeid-rows 1.0, which is not installed. Install it."):
        DeidConfig.of_facts(made)


def test_verify(folder, capsys):
    checked = ["--data_dir", str(folder), "--source", "shapes:100", "--key", str(folder / "key"), "--all"]
    assert main(["verify", "shapes_100_deid", *checked]) == 0
    assert "100 records made again and compared" in capsys.readouterr().out


def test_load(folder):
    train, info = tfdeid.load(NAME, data_dir=folder, split="train", with_info=True)
    record = next(iter(train.as_numpy_iterator()))
    assert record["image"].shape == (48, 48, 3) and info.features["label"].names == ["circle", "square"]


def test_what_is_encrypted_can_be_decrypted(folder):
    config = DeidConfig("row_shift", 24, 24, rows=3, key_scope="image")
    image = next(iter(open_source(SourceConfig("shapes:100")).read("train", 3, 4))).image
    deidentify = Deidentifier(config, Key.load(folder / "key"))
    hidden = deidentify(image, "an id")
    scheme = config.scheme_class(config, Key.load(folder / "key"))
    np.testing.assert_array_equal(scheme.decrypt(hidden, "an id"), deidentify.prepare(image))
    assert (deidentify(image, "another") != hidden).any()
    with pytest.raises(DeidError, match="needs the id of each image"):
        deidentify(image)


def test_train_and_evaluate(run_dir, capsys):
    record = json.loads((run_dir / "run.json").read_text())
    assert "mixup" in json.dumps(record) and DISTRIBUTION in json.dumps(record) and len(record["history"]) == 2
    assert main(["evaluate", str(run_dir)]) == 0
    assert "accuracy" in capsys.readouterr().out


def test_train_refuses_what_would_destroy_the_images(folder, capsys):
    assert main(["train", f"--dataset={NAME}", f"--data_dir={folder}", f"--run_dir={folder / 'x'}", "--model=small"]) == 2
    assert "data of the scheme 'row_shift' must not be augmented" in capsys.readouterr().err


def test_classify(folder, run_dir, capsys):
    image = next(iter(open_source(SourceConfig("shapes:100")).read("test", 0, 1))).image
    Image.fromarray(image).save(folder / "a.png")
    assert main(["classify", str(folder / "a.png"), "--run", str(run_dir), "--key", str(folder / "key")]) == 0
    said = capsys.readouterr().out
    assert "circle" in said and "square" in said


def test_preview(folder, capsys):
    output = folder / "preview.png"
    options = ["--dataset", "shapes:100", "--scheme", "row_shift,plain", "--key", str(folder / "key"), "--output", str(output)]
    assert main(["preview", *options]) == 0
    assert Image.open(output).size[0] > 500 and "wrote" in capsys.readouterr().out


def test_measure(folder, capsys):
    (folder / "c.yaml").write_text("deid: {scheme: row_shift, rows: 4}\n")
    options = ["--dataset", "shapes:100", "--num_images", "10", "--sizes", "24,32", "--key", str(folder / "key")]
    options += ["--config", str(folder / "c.yaml"), "--output_dir", str(folder / "measured")]
    assert main(["measure", *options]) == 0
    said = capsys.readouterr().out
    assert "recommended input size" in said and "nan" not in said
    rows = json.loads((folder / "measured" / "measures.json").read_text())["rows"]
    assert [row["ssim_vec"] for row in rows] == [None, None] and all(0 < row["ssim_dei"] < 1 for row in rows)


def test_attack(folder, capsys):
    options = ["--dataset", NAME, "--data_dir", str(folder), "--originals", "shapes:100", "--key", str(folder / "key")]
    options += [
        "--output_dir",
        str(folder / "attacked"),
        "--attackers",
        "published,row_alignment,key_known,small_image,row_means",
        "--reference=input",  # What the key gives back is all that there was at the input size.
    ]
    assert main(["attack", *options]) == 0
    said = capsys.readouterr().out
    assert "Every row has the colours that it had, in their order." in said
    found = json.loads((folder / "attacked" / "attack.json").read_text())
    ssim = {one["attacker"]: one["ssim"]["mean"] for one in found["recoveries"]}
    assert ssim["published"] < ssim["row_alignment"] < ssim["key_known"] and ssim["key_known"] > 0.99
    linked = {one["linker"]: one["top1"]["mean"] for one in found["linkages"]}
    assert linked["row_means"] > 0.9


def test_attackers_are_run_unasked_where_they_suit(folder, capsys):
    chosen, skipped = choose(None, DeidConfig("row_shift", 24))
    assert {"row_alignment", "row_means", "key_known", "hog"} <= set(chosen)
    assert skipped["quantile"] == "makes no sense against row_shift"
    assert not {"row_alignment", "row_means"} & set(choose(None, DeidConfig())[0])
    options = ["--dataset", NAME, "--data_dir", str(folder), "--originals", "shapes:100", "--key", str(folder / "key")]
    assert main(["attack", *options, "--attackers", "row_alignment,quantile", "--output_dir", str(folder / "no")]) == 2
    assert "the attacker 'quantile' makes no sense against the scheme row_shift" in capsys.readouterr().err


def test_schemes_of_others_are_compared(folder, monkeypatch, capsys):
    assert Method("row_shift") in frontier.methods()
    tiny = Recipe(("--model=small",), epochs=1, rate=1e-3, batch_size=16)
    monkeypatch.setitem(SCALES, "quick", dataclasses.replace(SCALES["quick"], attacked=20, public=40, recipe=tiny))
    monkeypatch.setattr(scale, "_LEAST_STEPS", 1)
    options = ["--dataset=shapes:100", "--methods=row_shift", f"--key={folder / 'key'}"]
    assert main(["compare", *options, f"--output_dir={folder / 'compared'}"]) == 0
    methods = json.loads((folder / "compared" / "compare.json").read_text())["methods"]
    assert [method["name"] for method in methods] == ["plain", "row_shift"] and methods[1]["accuracy"]
    assert {"ssim_row_alignment", "linked_row_means"} <= set(methods[1]["details"]["attacking"])
    assert "row_shift" in capsys.readouterr().out


def test_commands_that_are_shown_work_when_they_are_pasted(folder, capsys):
    assert deid(folder) == 0
    shown = shlex.split(capsys.readouterr().out.splitlines()[-1].removeprefix("read it with: "))
    assert shown[:2] == ["python", "-c"]
    done = subprocess.run([sys.executable, *shown[1:]], capture_output=True, text=True)
    assert done.returncode == 0 and "48, 48, 3" in done.stdout, done.stderr
