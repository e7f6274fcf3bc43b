"""`tfdeid attack` from end to end, on the bundled faces and with attackers that take seconds."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import pathlib
import subprocess
import types

import numpy as np
import pytest

from beam.deid import run
from tests.attack.made import findings, recovery
from tests.security.forms import Secrets
from tfdeid import Key
from tfdeid.attack import adversaries, perform
from tfdeid.attack.adversaries import ADVERSARIES
from tfdeid.attack.attackers.cleaning import Cleaning
from tfdeid.attack.attackers.published import Published
from tfdeid.attack.base import Adversary
from tfdeid.cli import main
from tfdeid.commands.attack import make_parser, repeating
from tfdeid.errors import DeidError
from tfdeid.plugins import Registry

NAMES = "published,cleaning,key_known"


@pytest.fixture
def trained(monkeypatch) -> list[tuple]:
    """Puts a judge in place that calls everything class 0; returns what it was trained on."""
    calls: list[tuple] = []

    def train_judge(images, labels, seed):
        calls.append((len(images), len(labels), seed))
        return lambda recovered: np.zeros(len(recovered), np.intp)

    monkeypatch.setattr(perform, "train_judge", train_judge)
    return calls


@pytest.fixture(scope="module")
def large_faces(tmp_path_factory) -> pathlib.Path:
    """Returns a data directory with lfw_subset_deid/structural_50_112 and its key; at that size there are slivers to remove."""
    folder = tmp_path_factory.mktemp("large_faces")
    Key(base64.b64encode(bytes(range(32)))).save(folder / "key")
    options = [f"--output_dir={folder}", f"--key={folder / 'key'}", "--num_shards=2", "--output_size=112"]
    assert run(["--runner=FnApiRunner", *options]) == 0
    return folder


@pytest.fixture
def attack(large_faces, tmp_path, trained):
    """Returns a function that runs the command with the options it is given; later ones win."""

    def call(*options: str, names: str | None = NAMES) -> int:
        usual = ["--dataset", "lfw_subset_deid", "--data_dir", str(large_faces), "--originals", "lfw_subset"]
        usual += ["--key", str(large_faces / "key"), "--output_dir", str(tmp_path / "out")]
        return main(["attack", *usual, *(["--attackers", names] if names is not None else []), *options])

    return call


def test_an_attack_and_all_that_it_leaves(attack, large_faces, tmp_path, trained, capsys):
    assert attack("--seed", "3") == 0
    page, figures = tmp_path / "out" / "attack.html", tmp_path / "out" / "attack.json"
    assert {path.name: path.stat().st_mode & 0o777 for path in page.parent.iterdir()} == {
        "attack.html": 0o600,
        "attack.json": 0o644,
    }
    said = capsys.readouterr()
    content = json.loads(figures.read_text())
    assert content["sentence"] in said.out and "without the key, `cleaning`" in content["sentence"]
    assert "for you alone (0600)" in said.out and "passed" not in said.out
    assert all(name in said.err for name in (*NAMES.split(","), "36 records, 160 public images", "judges"))
    assert [one["attacker"] for one in content["recoveries"]] == NAMES.split(",")
    assert content["recoveries"][2]["table_error"] == 0 and content["recoveries"][0]["accuracy"] is not None
    assert (
        content["reference"] == "source"
        and content["seed"] == 3
        and content["deid"]["output_size"] == 112
        and trained == [(160, 160, 3)]
    )
    key = Key.load(large_faces / "key")
    assert content["key_fingerprint"] == key.fingerprint
    for data in (said.out.encode(), said.err.encode(), page.read_bytes(), figures.read_bytes()):
        assert not Secrets(key).found_in(data)
    # The page's command repeats the attack, with the key's reference.
    assert f"--key {large_faces / 'key'}" in page.read_text() and str(large_faces / "key") not in figures.read_text()


def test_the_exit_code_tells_of_the_threshold(attack, tmp_path, capsys):
    assert attack("--fail_if_gap_closed", "1") == 0
    assert "passed: no attacker without the key" in capsys.readouterr().out
    closed = {one["attacker"]: one["gap_closed_cleaned"] for one in _content(tmp_path)["recoveries"]}["cleaning"]
    assert 0 < closed < 1
    # key_known goes over it as well, and is not named: it has the key.
    assert attack("--fail_if_gap_closed", str(closed - 1e-6)) == 1
    said = capsys.readouterr().out.splitlines()[-1]
    assert said.startswith("FAILED") and "cleaning" in said and "key_known" not in said and "the limit is" in said


def test_what_is_compared_with_is_chosen(attack, tmp_path, capsys):
    published = {}
    for reference in ("source", "input"):
        assert attack("--reference", reference, "--attackers", "published,hog") == 0
        published[reference] = _content(tmp_path)["published_ssim"]["mean"]
        assert _content(tmp_path)["reference"] == reference
        assert f"--reference {reference}" in (tmp_path / "out" / "attack.html").read_text()
    # Of 25 x 25, there is nothing that 50 x 50 would take away.
    assert published["source"] == pytest.approx(published["input"], abs=0.02)


def test_no_gap_is_no_pass(capsys):
    assert perform.passes(findings(recovery("cleaning", 0.8, gap=float("nan"))), 1.0) == 1
    said = capsys.readouterr().out
    assert "no gap to close (the limit is 100 %)" in said and "nan" not in said


def test_a_judge_is_trained_where_there_is_something_to_judge(attack, trained, monkeypatch, tmp_path):
    linker = ADVERSARIES["hog"]
    monkeypatch.setattr(linker, "__call__", lambda self, view, candidates: np.zeros((len(view.records), len(candidates))))
    assert attack("--attackers", "hog") == 0
    content = _content(tmp_path)
    # Who guesses finds one in as many as there are, and nobody is told that this is more than chance.
    assert not trained and content["linkages"][0]["top1"]["mean"] == pytest.approx(1 / content["linkages"][0]["candidates"])
    assert "not clearly more than chance" in content["sentence"] and "is found for" not in content["sentence"]


def test_what_costs_minutes_is_asked_for(attack, monkeypatch, tmp_path, capsys):
    few = {"cleaning": Cleaning, "block_shuffle": _Baseline, "learned_inversion": _Slow}
    places = {name: f"{made.__module__}:{made.__name__}" for name, made in few.items()}
    registry = Registry("attacker", "tests.nobody", places, Adversary)
    for module in ("adversaries", "engine", "perform"):
        monkeypatch.setattr(f"tfdeid.attack.{module}.ADVERSARIES", registry)
    for options, ran in (([], ["cleaning"]), (["--learned_inversion"], ["cleaning", "learned_inversion"])):
        assert attack(*options, names=None) == 0
        content = _content(tmp_path)
        assert [one["attacker"] for one in content["recoveries"]] == ran
        assert "no sense against structural" in content["skipped"]["block_shuffle"]
        assert ("learned_inversion" in content["skipped"]) == (not options)
    assert attack("--learned_inversion", names="cleaning") == 0
    assert [one["attacker"] for one in _content(tmp_path)["recoveries"]] == ["cleaning", "learned_inversion"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--attackers", "cleening"], "unknown attacker 'cleening'. Did you mean 'cleaning'?"),
        (["--attackers", ""], "unknown attacker ''"),
        (["--fail_if_gap_closed", "0"], "fail_if_gap_closed must be in (0, 1], fail_if_gap_closed was 0.0"),
        (["--fail_if_gap_closed", "nan"], "fail_if_gap_closed was nan"),
        (["--attackers", "published,key_known", "--fail_if_gap_closed", "1"], "without the key, --attackers names none"),
        (["--num_images", "3"], "num_images must be at least 20, num_images was 3"),
        (["--num_public", "0"], "num_public must be at least 20, num_public was 0"),
        (["--seed", "-1"], "seed must be in [0, 2**32 - 2], seed was -1"),
        (["--split", "tset"], "Did you mean 'test'?"),
        (["--key", "paper"], "Give --key"),
        (["--reference", "inptu"], "unknown reference 'inptu'. Did you mean 'input'?"),
        (["--key", "absent"], "there is no key file"),
        (["--originals", "folder:/absent"], "/absent"),
        (["--dataset", "absent_deid"], "absent_deid"),
        (["--output_dir", __file__], "can't be written"),
        (["--output_dir", f"{__file__}/below"], "can't be written"),
        (["--output_dir", "gs://b/x"], "output_dir must be on this machine"),
        (["--fail_if_gap_closed", "x"], "--help"),
    ],
)
def test_mistakes(attack, options, message, capsys):
    assert attack(*options) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if " s  " not in line and "warning" not in line]
    assert len(lines) == 1 and lines[0].startswith("tfdeid: error:") and message in lines[0]


def test_a_judge_that_can_not_be_trained_costs_accuracies_alone(attack, monkeypatch, tmp_path, capsys):
    def diverge(*_, **__):
        raise DeidError("it diverged.")

    monkeypatch.setattr(perform, "train_judge", diverge)
    assert attack() == 0
    content = _content(tmp_path)
    assert content["failed"] == {"judge": "it diverged."} and content["recoveries"][1]["accuracy"] is None
    assert "failed: judge (it diverged.)" in capsys.readouterr().out


def test_a_judge_learns_of_those_whose_class_is_known(trained):
    view = types.SimpleNamespace(public_sources=["a", "b", "c"], public_labels=[1, -1, 0], seed=5)
    perform._trained_judge(types.SimpleNamespace(view=view))
    assert trained == [(2, 2, 5)]
    view.public_labels = [-1, -1, -1]
    with pytest.raises(DeidError, match="no public image has a known class"):
        perform._trained_judge(types.SimpleNamespace(view=view))


def test_an_attacker_that_does_not_suit(attack, monkeypatch, capsys):
    monkeypatch.setattr(Cleaning, "suits", lambda self, config: False)
    assert attack() == 2
    assert "'cleaning' makes no sense against the scheme structural: it removes slivers" in capsys.readouterr().err


def test_the_command_that_repeats_it_means_the_same_elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = {
        "dataset": "scans_deid",
        "originals": "folder:it's [mine]",
        "data_dir": "a b",
        "originals_data_dir": "gs://b/x",
        "split": "part 1",
        "key": "$KEY",
        "output_dir": "out *",
        "seed": "3",
        "attackers": "lattice,hog",
    }
    options = [word for name, value in given.items() for word in (f"--{name}", value)]
    parser = make_parser("tfdeid attack")
    line = repeating(parser.parse([*options, "--learned_inversion"]))
    shell = f'tfdeid() {{ printf "%s\\0" "$@"; }}\n{line}'
    words = subprocess.run(["bash", "-c", shell], cwd="/", capture_output=True, text=True, check=True).stdout.split("\0")
    assert words[0] == "attack"
    said = parser.parse(words[1:-1])
    assert said.originals == f"folder:{tmp_path}/it's [mine]" and said.data_dir == f"{tmp_path}/a b"
    assert said.key == f"{tmp_path}/$KEY" and said.output_dir == f"{tmp_path}/out *" and said.learned_inversion
    for name in ("dataset", "originals_data_dir", "split", "attackers"):
        assert vars(said)[name] == given[name]
    assert said.seed == 3 and said.num_images == 2000 and said.fail_if_gap_closed is None


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(28, "No space left on device")])
def test_nothing_is_left_half_written(attack, monkeypatch, tmp_path, capsys, error):
    def fail(*_, **__):
        raise error

    if isinstance(error, KeyboardInterrupt):
        monkeypatch.setattr("tfdeid.attack.truth.Truth.figures", fail)
    else:
        monkeypatch.setattr("etils.epath.gpath.PosixGPath.replace", fail)
    assert attack() == (130 if isinstance(error, KeyboardInterrupt) else 2)
    said = capsys.readouterr()
    assert not list((tmp_path / "out").iterdir())
    if isinstance(error, KeyboardInterrupt):
        assert "interrupted. Nothing was written" in said.err
    else:
        # Minutes of work are on the terminal at least.
        assert "No space left on device. Choose another --output_dir." in said.err and "`cleaning` brings" in said.out


def test_a_folder_that_cannot_be_written_to(attack, monkeypatch, capsys):
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # Root may write everywhere.
    assert attack() == 2
    said = capsys.readouterr().err
    assert "permission denied" in said and " s  " not in said


def test_help_says_what_the_exit_code_means(capsys):
    with contextlib.suppress(SystemExit):
        main(["attack", "--help"])
    said = " ".join(capsys.readouterr().out.split()).replace("- ", "-")  # A line may end at a word's hyphen.
    assert "it is 1 if an attacker without the key closes at least the share X of the gap" in said
    assert "Attackers that know pairs, or have images of their choice de-identified, count too" in said
    assert "Linkers: color_histogram" in said


class _Slow(Published):
    name = "learned_inversion"
    is_run_unasked = False


class _Baseline(Cleaning):
    name = "block_shuffle"

    def suits(self, config):
        return config.scheme == "block_shuffle"


def test_options_are_those_that_are_not_run_unasked():
    assert set(adversaries.OPTIONS) == {name for name in ADVERSARIES if not ADVERSARIES[name].is_run_unasked}


def _content(tmp_path) -> dict:
    return json.loads((tmp_path / "out" / "attack.json").read_text())
