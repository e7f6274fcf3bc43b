"""Whole comparisons, with trainings and attacks that are real but small."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from PIL import Image

from tfdeid import Key
from tfdeid.attack.identity import engine
from tfdeid.cli import main
from tfdeid.experiments import scale
from tfdeid.experiments.parts import attacking
from tfdeid.experiments.scale import QUICK, SCALES, Recipe

TINY = dataclasses.replace(
    QUICK, attacked=30, public=40, recipe=Recipe(("--model=small", "--rotation=0"), epochs=2, rate=1e-3, batch_size=16)
)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Trains and attacks a little."""
    monkeypatch.setitem(SCALES, "quick", TINY)
    monkeypatch.setattr(scale, "_LEAST_STEPS", 1)
    cheap = ["published", "cleaning", "small_image", "hog"]
    whole = attacking.attackers
    monkeypatch.setattr(attacking, "attackers", lambda config: [name for name in whole(config) if name in cheap])
    few = {name: recognizer for name, recognizer in engine.RECOGNIZERS.items() if name in ("hog", "fisher")}
    monkeypatch.setattr(engine, "RECOGNIZERS", few)


@pytest.fixture
def compare(tmp_path):
    Key.generate().save(tmp_path / "key")

    def run(*options):
        code = main(["compare", f"--key={tmp_path / 'key'}", f"--output_dir={tmp_path / 'out'}", *options])
        return code, {
            method["name"]: method for method in json.loads((tmp_path / "out" / "compare.json").read_text())["methods"]
        }

    return run


@pytest.mark.slow
def test_the_bundled_sample(compare, tmp_path, capfd):
    code, found = compare("--dataset=lfw_subset", "--methods=pixelate:cells=4")
    assert code == 0 and list(found) == ["plain", "pixelate:cells=4"]
    for method in found.values():
        # Forty patches: an interval of Wilson's is never narrower than that of none or all right.
        assert method["accuracy"]["high"] - method["accuracy"]["low"] > 8 and not method["failed"]
    plain, mosaic = (method["risks"] for method in found.values())
    assert plain["recovered"]["value"] == pytest.approx(1, abs=1e-3) and plain["linked"]["value"] == 100
    assert mosaic["recovered"]["value"] < 0.95 and len(list((tmp_path / "out" / "pictures").iterdir())) == 2
    page = (tmp_path / "out" / "compare.html").read_text()
    assert page.count("data:image/png") >= 12
    capfd.readouterr()
    assert compare("--dataset=lfw_subset", "--methods=pixelate:cells=4")[1] == found
    assert "nothing to run" in capfd.readouterr().out


@pytest.mark.slow
def test_an_identity_that_is_planted_is_found_and_blackout_shows_none(compare, tmp_path):
    rng = np.random.RandomState(0)
    for number in range(200):
        person = number % 20
        image = rng.randint(100, 156, (24, 24, 3)).astype(np.uint8)
        # A corner says who it is.
        image[:6, :6] = [255 * (person >> bit & 1) for bit in range(3)]
        image[:6, 6:12] = [255 * (person >> bit & 1) for bit in (3, 4, 5)]
        path = tmp_path / "people" / f"p{person:02}" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    options = [f"--dataset=folder:{tmp_path / 'people'}", "--identity=folder", "--max_reidentified=40"]
    code, found = compare(*options, "--methods=pixelate:cells=4,blackout")
    assert code == 0
    assert all(method["accuracy"] is None for method in found.values())  # Who it is, is what there is to train for.
    rates = {name: method["risks"]["reidentified"] for name, method in found.items()}
    assert rates["plain"]["value"] > 95 and rates["pixelate:cells=4"]["value"] > 95
    assert rates["blackout"]["low"] <= found["blackout"]["chance"]["reidentified"] <= rates["blackout"]["high"]
    assert json.loads((tmp_path / "out" / "compare.json").read_text())["recommended"] == "blackout"
