"""`tfdeid attack --identity` from end to end, on a folder of people made up."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from beam.deid import run
from tests.attack.identity.made import pool
from tfdeid import Key
from tfdeid.attack.identity import engine
from tfdeid.commands import attack as command
from tfdeid.errors import DeidError

PEOPLE, EACH = 22, 5


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Returns a folder with people, a dataset that was made of them, and its key."""
    folder = tmp_path_factory.mktemp("people")
    people = pool(PEOPLE, EACH, planted=True)
    for number, (image, name) in enumerate(zip(people.images, people.values)):
        (folder / "people" / name).mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.asarray(image)).save(folder / "people" / name / f"{number}.png")
    Key.generate().save(folder / "key")
    options = [f"--dataset=folder:{folder / 'people'}", f"--output_dir={folder}", f"--key={folder / 'key'}"]
    assert run([*options, "--runner=FnApiRunner", "--scheme=negative_positive", "--input_size=16", "--output_size=16"]) == 0
    return folder


def attack(place, *options: str) -> int:
    usual = ["--dataset=people_deid", f"--data_dir={place}", f"--originals=folder:{place / 'people'}", f"--key={place / 'key'}"]
    usual += [f"--output_dir={place / 'out'}", "--attackers=published", "--num_images=70"]
    return command.run([*usual, *options], "tfdeid attack")


def test_people_are_looked_for_and_named_on_the_page_alone(place, monkeypatch, capsys):
    quick = {name: engine.RECOGNIZERS[name] for name in ("hog", "fisher")}
    monkeypatch.setattr(engine, "RECOGNIZERS", quick)
    monkeypatch.setattr("tfdeid.attack.perform.train_judge", lambda images, labels, seed: lambda made: np.zeros(len(made), int))
    assert attack(place, "--identity=folder", "--gallery_images=3") == 0
    said = capsys.readouterr()
    assert "recognizer fisher" in said.err and "Who is in the records" in said.out
    text, page = ((place / "out" / name).read_text() for name in ("attack.json", "attack.html"))
    found = json.loads(text)["identity"]
    assert found["options"] == {"attacker_people": 0.5, "gallery_images": 3, "distinctive_people": 1.0}
    # Seventy images are those of 14 people, half of whom attackers train on.
    assert (found["people"], found["records"], found["training_people"]) == (7, 14, 7)
    assert {attempt["recognizer"] for attempt in found["attempts"]} == set(quick)
    assert "name 0" in page and "name 0" not in text + said.out + said.err
    assert all(option in page for option in ("--identity folder", "--gallery_images 3", "--attacker_people 0.5"))


def test_mistakes_are_said_before_anything_is_attacked(place, capsys):
    for options, said in (
        (["--identity=who"], "unknown feature 'who'.* Known: folder"),
        (["--identity=folder", "--gallery_images=5"], "re-identification needs 5 people"),
        (["--identity=folder", "--attacker_people=1"], r"attacker_people must be a share in \(0, 1\)"),
    ):
        with pytest.raises(DeidError, match=said):
            attack(place, *options)
