"""What an attacker can't do is said of it; the figures of the others are kept, and a failure is no proof of safety."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from tests.attack.made import PUBLISHED, findings, linkage, recovery
from tests.attack.test_linkers import CONFIG, pictures
from tfdeid.attack import attack_html, attack_json, perform, sentences, text
from tfdeid.attack.adversaries import ADVERSARIES
from tfdeid.attack.base import Recovery
from tfdeid.attack.case import Case, make_case
from tfdeid.attack.engine import attack
from tfdeid.attack.figures import JUDGE, Findings
from tfdeid.attack.warp import Warp
from tfdeid.errors import DeidError, DeidWarning
from tfdeid.key import Key


def case_of(labels: list[int] | None = None) -> Case:
    """Returns a case of 18 records of the classes given; two more images are known pairs."""
    return make_case(pictures(20), [*labels, 0, 0] if labels else [], pictures(8, seed=1), [], CONFIG, Key("k" * 44))


@pytest.fixture
def beside(monkeypatch):
    """Returns a function that attacks with an attacker or linker of one's own, beside `published`."""

    def run(name: str, makes, case: Case | None = None, others: tuple[str, ...] = ("published",)) -> Findings:
        monkeypatch.setattr(ADVERSARIES[name], "__call__", lambda self, *given: makes(*given))
        return attack(case or case_of(), [*others, name])

    return run


def spoiled(view, candidates):
    scores = np.eye(len(view.records), len(candidates))
    scores[3, 4] = np.nan
    return scores


@pytest.mark.parametrize(
    ("makes", "reason"),
    [
        (lambda view, candidates: np.full((18, 18), np.nan), "scores must be numbers, 324 of 324 are NaN."),
        (spoiled, "scores must be numbers, 1 of 324 are NaN."),
        (lambda view, candidates: np.zeros((18, 17)), "scores must be numbers of shape [18, 18], they were float64[18, 17]."),
        (lambda view, candidates: np.zeros(18), "they were float64[18]."),
        (lambda view, candidates: [[0.0]], "they were list."),
        (lambda view, candidates: np.full((18, 18), "x"), "scores must be numbers"),
        (lambda view, candidates: np.full((18, 18), 1j), "scores must be numbers"),
        (lambda view, candidates: None, "they were NoneType."),
    ],
)
@pytest.mark.filterwarnings("ignore::tfdeid.errors.DeidWarning")
def test_a_linker_that_gives_no_scores_failed_and_the_others_did_not(beside, makes, reason):
    found = beside("hog", makes, others=("published", "small_image"))
    assert reason in found.failed["hog"] and list(found.failed) == ["hog"]
    assert [one.linker for one in found.linkages] == ["small_image"] and len(found.recoveries) == 1


def recovering(change):
    return lambda view: Recovery(change(view.records))


@pytest.mark.parametrize(
    ("makes", "reason"),
    [
        (recovering(lambda records: records.astype(np.float32) * np.nan), "images must be uint8 of shape [18, 96, 96, 3]"),
        (recovering(lambda records: records.astype(np.int64)), "they were int64[18, 96, 96, 3]."),
        (recovering(lambda records: records[:, ::2, ::2]), "they were uint8[18, 48, 48, 3]."),
        (recovering(lambda records: records[1:]), "they were uint8[17, 96, 96, 3]."),
        (recovering(lambda records: records[..., :1]), "they were uint8[18, 96, 96, 1]."),
        (recovering(list), "they were list."),
        (lambda view: Recovery(view.records, [Warp.identity()]), "a warp for each of 18 records, there were 1."),
        (
            lambda view: Recovery(view.records, [Warp(np.array([0, np.nan]), np.array([0, 1.0]))] * 18),
            "the error of its table must be a number for each record, 18 of 18 are NaN or infinite.",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore::tfdeid.errors.DeidWarning")
def test_an_attacker_that_makes_no_images_failed_and_the_others_did_not(beside, makes, reason):
    found = beside("cleaning", makes, others=("published", "hog"))
    assert reason in found.failed["cleaning"] and list(found.failed) == ["cleaning"]
    assert [one.attacker for one in found.recoveries] == ["published"]
    assert found.linkages[0].top1.mean > 0.5  # And linkers are not given what it made.


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (DeidError("needs more."), "needs more."),
        (ZeroDivisionError("by zero"), "ZeroDivisionError: by zero"),
        (MemoryError(), "MemoryError"),
        (np.linalg.LinAlgError("singular"), "LinAlgError: singular"),
    ],
)
def test_an_attacker_that_can_not_go_on_is_warned_of(beside, error, reason):
    def fail(view):
        raise error

    with pytest.warns(DeidWarning, match=f"the attacker cleaning failed: {reason}"):
        assert beside("cleaning", fail).failed == {"cleaning": reason}


def test_a_mistake_in_an_attacker_is_ours_to_mend(beside):
    with pytest.raises(AttributeError):
        beside("cleaning", lambda view: view.nothing)


@pytest.mark.filterwarnings("ignore::tfdeid.errors.DeidWarning")
def test_nothing_that_could_be_carried_out_is_an_error(beside):
    with pytest.raises(DeidError, match="no attacker could be carried out.* cleaning: images must be an array"):
        beside("cleaning", recovering(list), others=())


@pytest.mark.filterwarnings("ignore::tfdeid.errors.DeidWarning")
def test_what_is_shown_of_a_failure(beside, tmp_path):
    found = beside("hog", spoiled, others=("published", "small_image"))
    found = dataclasses.replace(found, failed={"lattice": "was not in the mood", **found.failed})
    said = text.text(found)
    assert "failed: hog (scores must be numbers, 1 of 324 are NaN.)" in said
    rows = {line.split()[0]: line.split()[1:] for line in said.splitlines() if line.startswith(("hog ", "lattice "))}
    assert rows["hog"] == ["failed", *"----"] and rows["lattice"][0] == "failed" and set(rows["lattice"][1:]) == {"-"}
    content = json.loads(attack_json.write(found, tmp_path).read_text())
    assert content["failed"] == found.failed and [one["linker"] for one in content["linkages"]] == ["small_image"]
    shown = attack_html.make_page(found, "")
    assert "<p>Failed:</p>" in shown and "<code>hog</code>: scores must be numbers" in shown
    assert "`lattice` and `hog` failed and have no figures, which proves nothing." in sentences.remarks(found)


def test_tables_of_failures_alone():
    found = findings(linkages=(), failed={"hog": "why", "cleaning": "whence"})
    said = text.text(found)
    assert said.splitlines()[1].split()[:2] == ["cleaning", "failed"] and "no attacker was carried out" in sentences.quotable(
        found
    )
    assert "How often the right original was found" in attack_html.make_page(found, "")


@pytest.mark.parametrize("failed", ["cleaning", "known_plaintext_3", "chosen_plaintext"])
def test_an_attacker_that_failed_is_no_pass(failed, capsys):
    found = findings(PUBLISHED, recovery("lattice", 0.5, gap=0.3), failed={failed: "why"})
    assert perform.passes(found, 0.5) == 1
    assert capsys.readouterr().out == f"FAILED: could not be carried out, which proves nothing: {failed} (the limit is 50 %)\n"
    assert perform.passes(found, 0.2) == 1 and "too much of the gap" in capsys.readouterr().out


@pytest.mark.parametrize("failed", ["key_known", "hog", JUDGE])
def test_what_does_not_count_may_fail(failed, capsys):
    found = findings(PUBLISHED, recovery("lattice", 0.5, gap=0.3), linkages=(linkage("palette", 0.5),), failed={failed: "why"})
    assert perform.passes(found, 0.5) == 0 and "passed" in capsys.readouterr().out


class TestJudge:
    LABELS = [0] * 9 + [1] * 6 + [-1] * 3

    def test_only_those_of_known_class_are_judged(self):
        shown: list[int] = []

        def judge(images):
            shown.append(len(images))
            return np.zeros(len(images), np.intp)

        found = attack(case_of(self.LABELS), ["published"], judge)
        assert shown == [15, 15] and found.unlabelled == 3
        assert found.plain_accuracy.mean == found.recoveries[0].accuracy.mean == found.chance_accuracy == 9 / 15
        assert "of 18 records 3 have no known class, and of 8 public images 0: accuracies leave them out" in text.text(found)

    def test_none_of_known_class_has_no_accuracy(self):
        found = attack(case_of([-1] * 18), ["published"], lambda images: pytest.fail("there is nothing to judge"))
        assert found.plain_accuracy is None and found.chance_accuracy is None and found.recoveries[0].accuracy is None
        assert found.unlabelled == 18 and not found.failed

    @pytest.mark.parametrize(
        ("classes", "reason"),
        [
            (
                lambda images: np.zeros(len(images)) + np.nan,
                "classes must be whole numbers of shape [15], they were float64[15].",
            ),
            (lambda images: np.zeros(3, np.intp), "they were int64[3]."),
        ],
    )
    def test_a_judge_that_names_no_classes_costs_accuracies_alone(self, classes, reason):
        found = attack(case_of(self.LABELS), ["published"], classes)
        assert reason in found.failed[JUDGE] and found.plain_accuracy is None
        assert [one.accuracy for one in found.recoveries] == [None]
        assert "failed: judge (classes must be" in text.text(found) and "judge  " not in text.text(found)


def test_a_network_that_diverges_is_an_error():
    pytest.importorskip("tensorflow")
    import keras

    from tfdeid.attack.networks import apply, train

    images = keras.Input((2,))
    network = keras.Model(images, keras.layers.Dense(1)(images))
    batches = iter([[np.full((1, 2), np.inf, np.float32)]] * 2)
    with pytest.raises(DeidError, match="it diverged in 2 steps of training"):
        train(network.trainable_variables, lambda batch: keras.ops.sum(network(batch)), batches, 2, 1.0)
    with pytest.raises(DeidError, match="some were NaN or infinite"):
        apply(network, np.zeros((3, 2), np.float32))
