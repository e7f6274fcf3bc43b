"""Attackers and linkers declare themselves, and other people's are run beside ours."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoints

import numpy as np
import pytest

from tests.attack.test_linkers import CONFIG, make_case, pictures
from tests.test_plugins import Distribution
from tfdeid import plugins
from tfdeid.attack import adversaries, attack_html, attack_json, text
from tfdeid.attack.adversaries import ADVERSARIES, attackers, linkers
from tfdeid.attack.base import MAX_PAIRS, Adversary, Attacker, Knowledge, Linker, Recovery, View
from tfdeid.attack.engine import attack, choose
from tfdeid.plugins import Registry

ATTACKERS = (
    *("published", "cleaning", "quantile", "lattice", "feature_reconstruction", "negative_positive", "block_shuffle"),
    *("jigsaw", "smoothing", "wiener", "learned_inversion", "known_plaintext_1", "known_plaintext_3", "known_plaintext_10"),
    *("chosen_plaintext", "key_known"),
)
LINKERS = ("color_histogram", "small_image", "hog", "palette", "palette_distances", "learned_linkage")


class Mirror(Attacker):
    name = "mirror"
    about = "mirrors the records"
    is_given_to_linkers = True

    def __call__(self, view: View) -> Recovery:
        return Recovery(view.records[:, :, ::-1])


class First(Linker):
    name = "first"
    about = "names the first candidate"

    def __call__(self, view, candidates):
        assert view.recovered is not None and np.array_equal(view.recovered, view.records[:, :, ::-1])
        scores = np.zeros((len(view.records), len(candidates)))
        scores[:, 0] = 1
        return scores


@pytest.fixture
def with_others(monkeypatch):
    """Puts a registry in place that has an attacker and a linker of another distribution too."""
    module = __name__
    entries = f"[tests.attackers]\nfirst = {module}:First\nmirror = {module}:Mirror\n"
    found = list(Distribution("theirs", entries).entry_points)
    monkeypatch.setattr(plugins.importlib.metadata, "entry_points", EntryPoints(found).select)
    built_in = {name: entry.value for name, entry in ADVERSARIES._built_in.items()}
    registry = Registry("attacker", "tests.attackers", built_in, Adversary)
    for name in ("adversaries", "engine"):
        monkeypatch.setattr(f"tfdeid.attack.{name}.ADVERSARIES", registry)


def test_ours_are_run_in_this_order():
    assert (tuple(attackers()), tuple(linkers())) == (ATTACKERS, LINKERS)
    assert choose(None, CONFIG)[0] == [
        *("published", "cleaning", "quantile", "lattice", "learned_inversion", "known_plaintext_1", "known_plaintext_3"),
        *("known_plaintext_10", "chosen_plaintext", "key_known"),
        *LINKERS,
    ]


@pytest.mark.parametrize("name", (*ATTACKERS, *LINKERS))
def test_each_declares_itself(name):
    adversary = ADVERSARIES[name]()
    assert adversary.name == name and adversary.about
    assert isinstance(adversary, Attacker) == (name in ATTACKERS) != isinstance(adversary, Linker)
    if isinstance(adversary, Attacker):
        assert (adversary.num_pairs > 0) == (adversary.knows is Knowledge.PAIRS) and adversary.num_pairs <= MAX_PAIRS
        assert adversary.is_given_to_linkers == (adversary.knows is Knowledge.RECORDS and not adversary.trains)
    assert adversary.trains == ("learned" in name)


def test_names_are_told_without_importing_who_has_them():
    code = (
        "import sys; from tfdeid.attack.adversaries import in_order; in_order();"
        "print([name for name in sys.modules if name.startswith(('tfdeid.attack.attackers', 'tfdeid.attack.linkers'))])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_what_attackers_derive_from_imports_none_of_them():
    code = "import sys, tfdeid.attack.base; print(*sorted(name for name in sys.modules if name.startswith('tfdeid.attack')))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.split() == ["tfdeid.attack", "tfdeid.attack.base"]


def test_others_come_after_ours_and_linkers_after_attackers(with_others):
    assert attackers() == [*ATTACKERS, "mirror"] and linkers() == [*LINKERS, "first"]
    assert adversaries.in_order() == [*ATTACKERS, "mirror", *LINKERS, "first"]


def test_others_are_run_and_reported_as_ours_are(with_others):
    findings = attack(make_case(pictures(20)), ["first", "mirror", "published", "cleaning"])
    assert not findings.failed
    assert [figures.attacker for figures in findings.recoveries] == ["published", "cleaning", "mirror"]
    assert [figures.linker for figures in findings.linkages] == ["first"] and findings.linkages[0].top1.mean == 1 / 18
    assert any(line.startswith("mirror ") for line in text.text(findings).splitlines())
    page = attack_html.make_page(findings, "")
    assert "<code>mirror</code> mirrors the records." in page and "<code>first</code> names the first" in page
    assert attack_json.to_dict(findings)["recoveries"][2]["knows"] == "records"


def test_a_failed_linker_of_others_is_shown_among_linkers(with_others, monkeypatch):
    monkeypatch.setattr(First, "__call__", lambda self, view, candidates: None)
    with pytest.warns(match="the attacker first failed"):
        findings = attack(make_case(pictures(20)), ["published", "first"])
    assert [row[:2] for row in text.linkage_table(findings)[1]] == [["first", "failed"]]
