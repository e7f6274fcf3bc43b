"""`tfdeid compare` from end to end, with parts whose work is made up: what is run, kept, said and written."""

from __future__ import annotations

import json
import stat

import numpy as np
import pytest
from PIL import Image

from tests.attack.made import PUBLISHED, findings, linkage, recovery
from tfdeid import DeidError, Key
from tfdeid.cli import main
from tfdeid.experiments.parts import Attacking, Identifying, Inferring, Reading, Training, attacking
from tfdeid.experiments.pictures import keep_pictures

METHODS = "structural:input_size=32,pixelate:cells=4,pixelate:cells=8,strong"
# What networks get right of each, in percent: structural lies in the middle of both mosaics.
ACCURACY = {"plain": 90.0, "pixelate_4": 50.0, "pixelate_8": 70.0, "structural": 60.0, "strong": 40.0}
REIDENTIFIED = {"plain": 99.0, "pixelate_4": 10.0, "pixelate_8": 30.0, "structural": 80.0, "strong": 2.0}


def kind(deid):
    if deid.scheme == "structural":
        return "strong" if deid.bend else "structural"
    return f"pixelate_{deid.cells}" if deid.scheme == "pixelate" else deid.scheme


@pytest.fixture
def calls(monkeypatch):
    """Returns the parts that were run; their results are made up."""
    ran = []

    def train(part, workshop):
        ran.append(part)
        workshop.reading_options(part.dataset)
        return {
            "accuracy": ACCURACY.get(kind(part.deid), 60.0),
            "f1": 0.5,
            "milliseconds": 1.0,
            "images": 1000,
            "training_seconds": 1.0,
        }

    def attack(part, workshop):
        ran.append(part)
        found = findings(PUBLISHED, recovery("cleaning", 0.6), linkages=(linkage("hog", 0.5),))
        keep_pictures(found, part.pictures_folder(workshop))
        return attacking.figures(found)

    def identify(part, workshop):
        ran.append(part)
        rate = REIDENTIFIED[kind(part.deid)]
        return {"reidentified": rate, "reidentified_low": rate - 1, "reidentified_high": rate + 1, "reidentified_chance": 5.0}

    def fail(part, workshop):
        ran.append(part)
        raise DeidError("nothing reads here")

    for part, work in ((Training, train), (Attacking, attack), (Identifying, identify), (Reading, fail), (Inferring, fail)):
        monkeypatch.setattr(part, "run", work)
    return ran


@pytest.fixture
def folder(tmp_path):
    """Returns a folder of 60 images of two classes, each of one of six people, in class folders."""
    rng = np.random.RandomState(0)
    for number in range(60):
        path = tmp_path / "photographs" / f"class{number % 2}" / f"person{number % 6}_{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.randint(0, 256, (24, 30, 3), np.uint8)).save(path)
    return tmp_path / "photographs"


@pytest.fixture
def compare(folder, tmp_path):
    Key.generate().save(tmp_path / "key")

    def run(*options, methods=METHODS):
        asked = [f"--methods={methods}"] if methods else []
        return main(
            [
                "compare",
                f"--dataset=folder:{folder}",
                f"--key={tmp_path / 'key'}",
                f"--output_dir={tmp_path / 'out'}",
                *asked,
                *options,
            ]
        )

    return run


def test_all_is_run_once_and_kept(compare, calls, tmp_path, capfd):
    assert compare() == 0
    said = capfd.readouterr()
    assert "5 methods on folder:" in said.out and "48 images to train on (and for attackers), 12 to test on" in said.out
    assert "5 networks to train and 5 attacks, 0 of them kept from earlier; about" in said.out
    assert "[10/10, 0 min] attack" in said.out and len(calls) == 10
    found = json.loads((tmp_path / "out" / "compare.json").read_text())
    assert [method["name"] for method in found["methods"]] == ["plain", *METHODS.split(",")]
    assert found["key_fingerprint"] == Key.load(tmp_path / "key").fingerprint and found["recommendation"] is None
    for name in ("compare.json", "compare.png", "compare.html"):
        assert (tmp_path / "out" / name).stat().st_size
    for path in [tmp_path / "out" / "compare.html", *(tmp_path / "out" / "pictures").rglob("*.png")]:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    secret = Key.load(tmp_path / "key").material.decode()
    everything = [path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert secret not in said.out + said.err and not [content for content in everything if secret.encode() in content]
    assert compare() == 0 and len(calls) == 10
    assert "10 of them kept from earlier; nothing to run" in capfd.readouterr().out
    assert json.loads((tmp_path / "out" / "compare.json").read_text()) == found


def test_sizes_and_training(compare, calls):
    compare()
    trained = {kind(part.deid): part for part in calls if isinstance(part, Training)}
    attacked = {kind(part.deid): part for part in calls if isinstance(part, Attacking)}
    # The shorter side has 24 pixels.
    assert {name: (part.deid.input_size, part.deid.output_size) for name, part in trained.items()} == {
        "plain": (24, 24),
        "pixelate_4": (24, 24),
        "pixelate_8": (24, 24),
        "structural": (32, 64),
        "strong": (32, 64),
    }
    assert {part.deid.output_size for part in attacked.values()} == {224}
    assert {part.reference for part in attacked.values()} == {"source"} and all(part.pictures for part in attacked.values())


def test_the_mosaic_of_equal_accuracy_and_the_words(compare, calls, tmp_path, capfd):
    assert compare("--identity=folder", "--label_feature=none") == 2  # Folders have no features.
    capfd.readouterr()
    monkey = compare("--max_reidentified=31", "--max_linked=100", "--identity=folder")
    said = capfd.readouterr().out
    # Folders are classes here, so who it is and what is trained for are the same.
    assert monkey == 0 and "no networks are trained, and no accuracy is shown, the risks alone: the labels of folder:" in said
    assert not [part for part in calls if isinstance(part, Training)]
    found = json.loads((tmp_path / "out" / "compare.json").read_text())
    assert found["risks"] == ["reidentified", "linked", "recovered"]
    # Structural and the mosaics are linked as often: the coarsest stands beside.
    structural = next(method for method in found["methods"] if method["name"].startswith("structural"))
    assert structural["accuracy"] is None and structural["beside"]["cells"] == 4
    assert structural["beside"]["verdict"] == "worse than a mosaic of equal linkage (re-identified)"
    assert "without accuracies, the mosaic beside each method" in said
    assert found["recommended"] == "strong" and "take strong: it keeps to all limits (re-identified 2.0 %" in said


def test_a_part_that_fails_does_not_lose_the_others(compare, calls, tmp_path, capfd, monkeypatch):
    assert compare("--text=folder") == 1
    said = capfd.readouterr().out
    assert "failed: plain, reading: nothing reads here" in said and "FAILED: 5 of 15 parts" in said
    found = json.loads((tmp_path / "out" / "compare.json").read_text())
    assert all(method["failed"] == {"reading": "nothing reads here"} for method in found["methods"])
    assert all(method["accuracy"] for method in found["methods"])
    calls.clear()
    monkeypatch.setattr(Reading, "run", lambda part, workshop: {"read": 5.0, "read_low": 1.0, "read_high": 9.0})
    assert compare("--text=folder") == 0 and not calls
    found = json.loads((tmp_path / "out" / "compare.json").read_text())
    assert found["methods"][0]["risks"]["read"] == {"value": 5.0, "low": 1.0, "high": 9.0}


def test_it_goes_on_after_an_interruption(compare, calls, capfd, monkeypatch):
    whole = Attacking.run

    def interrupted(part, workshop):
        if kind(part.deid) == "structural":
            raise KeyboardInterrupt
        return whole(part, workshop)

    monkeypatch.setattr(Attacking, "run", interrupted)
    assert compare() == 130
    assert "interrupted. What is finished is kept" in capfd.readouterr().err and len(calls) == 3
    monkeypatch.setattr(Attacking, "run", whole)
    assert compare() == 0 and len(calls) == 10
    assert "3 of them kept from earlier; about" in capfd.readouterr().out


def test_a_damaged_part_is_said_in_its_row(compare, calls, tmp_path, capfd):
    assert compare() == 0
    (path,) = (tmp_path / "out" / "parts").glob("train_seed0_photographs_plain_*")
    path.write_text("{")
    assert compare() == 1
    assert f"failed: plain, training: {path} can't be read" in capfd.readouterr().out
    path.unlink()
    assert compare() == 0 and len(calls) == 11


def test_what_is_kept_is_shown_alone(compare, calls, tmp_path, capfd):
    assert compare("--kept") == 2
    assert "has none of the parts that these methods and this key make" in capfd.readouterr().err
    compare(methods="pixelate:cells=4")
    capfd.readouterr()
    ran = len(calls)
    assert compare("--kept") == 0 and len(calls) == ran == 4
    said = capfd.readouterr().out
    assert "4 of 10 parts are kept, and shown; nothing is run" in said and "6 of 10 parts are missing" in said


def test_several_seeds(compare, calls, tmp_path):
    assert compare("--seeds=2", methods="pixelate:cells=4") == 0
    assert sorted(part.seed for part in calls if isinstance(part, Training)) == [0, 0, 1, 1]
    found = json.loads((tmp_path / "out" / "compare.json").read_text())
    assert found["seeds"] == "0, 1" and found["methods"][0]["accuracy"]["value"] == 90
    # Of another method one is trained; what is there of more counts.
    assert compare(methods="pixelate:cells=4,strong") == 0
    found = json.loads((tmp_path / "out" / "compare.json").read_text())
    assert [method["details"]["training"]["networks"] for method in found["methods"]] == [2, 2, 1]


def test_the_usual_methods_that_do_not_suit_are_left_out(compare, calls, folder, tmp_path, capfd):
    for path in folder.rglob("*.png"):
        Image.open(path).resize((18, 18)).save(path)
    assert compare(methods=None) == 0
    assert "left out: method pixelate:cells=20" in capfd.readouterr().out
    found = json.loads((tmp_path / "out" / "compare.json").read_text())
    assert [method["name"] for method in found["methods"]][-2:] == ["blur", "strong"]


@pytest.mark.parametrize(
    ("options", "methods", "message"),
    [
        ((), "structurl", "unknown method 'structurl'. Did you mean 'structural'"),
        ((), "pixelate:cells=40", "method pixelate:cells=40: "),
        (("--scale=quik",), METHODS, "unknown scale 'quik'. Did you mean 'quick'"),
        (("--scale=paper",), METHODS, "unknown scale 'paper'"),
        (("--seeds=0",), METHODS, "seeds must be at least 1, seeds was 0"),
        (("--max_reidentified=5",), METHODS, "max_reidentified needs --identity"),
        (("--max_linked=500",), METHODS, "max_linked must be in [0, 100] percent, max_linked was 500.0"),
        (("--identity=name",), METHODS, "'name'"),
        (("--identity=folder", "--min_accuracy=5"), METHODS, "min_accuracy needs labels to train for"),
    ],
)
def test_mistakes(compare, calls, options, methods, message, capsys):
    assert compare(*options, methods=methods) == 2
    assert message in capsys.readouterr().err and not calls
