"""What is said of an attack holds for whatever came of it."""

from __future__ import annotations

import json
import math

import pytest

from tests.attack.made import PUBLISHED, findings, linkage, recovery
from tfdeid.attack import attack_html, attack_json, sentences, text
from tfdeid.attack.base import Knowledge
from tfdeid.attack.figures import Estimate
from tfdeid.deidentifier import DeidConfig

NAN = float("nan")
FROM = "From 2,000 records and 10,000 public images, "
LATTICE = recovery("lattice", 0.69, gap=0.81)
TO = "SSIM to the source image at the output size"
BRINGS = f"brings {TO} from 0.39 to"
NONE = f"no attacker that was tried with these alone brings {TO} above the records' own 0.39"
CEILING = "vectorised image, cleaned: 0.76"
BASELINE = {"about": {"deid": {"scheme": "block_shuffle", "key_scope": "dataset"}}, "traced": False}


@pytest.mark.parametrize(
    ("found", "sentence"),
    [
        (
            findings(PUBLISHED, LATTICE, linkages=(linkage("hog", 0.5), linkage("palette", 0.99))),
            f"{FROM}without the key, `lattice` {BRINGS} 0.69 ({CEILING}): it closes 81 % of the gap; the right one of 500 "
            "originals is found for 99 % of records (chance 0.2 %).",
        ),
        (
            findings(recovery("cleaning", 0.392, gap=0.005), recovery("known_plaintext_1", 0.7, Knowledge.PAIRS, 0.9)),
            f"{FROM}without the key, {NONE} (the best, `cleaning`: 0.39; {CEILING}), which does not say that none can.",
        ),
        (
            findings(PUBLISHED, recovery("cleaning", 0.2, gap=-0.5), linkages=(linkage("hog", 0.004),)),
            f"{FROM}without the key, {NONE} (the best, `cleaning`: 0.20; {CEILING}), which does not say that none can; "
            "the best linker, `hog`, finds the right one of 500 originals for 0.4 % of records, not clearly more than "
            "chance (0.2 %), which does not say that none can.",
        ),
        (
            findings(PUBLISHED, recovery("known_plaintext_1", 0.7, Knowledge.PAIRS, 0.84, used=1)),
            f"{FROM}without the key but with 1 known original, `known_plaintext_1` {BRINGS} 0.70 ({CEILING}): it closes "
            "84 % of the gap.",
        ),
        (
            findings(recovery("chosen_plaintext", 0.7, Knowledge.ORACLE, 0.84)),
            f"{FROM}without the key but with images of the attacker's choice de-identified by the owner, `chosen_plaintext` "
            f"{BRINGS} 0.70 ({CEILING}): it closes 84 % of the gap.",
        ),
        (
            findings(PUBLISHED, recovery("key_known", 0.7, Knowledge.KEY, 0.84)),
            f"With the key, `key_known` {BRINGS} 0.70 ({CEILING}): it closes 84 % of the gap; no attacker without the key "
            "was tried.",
        ),
        (
            findings(linkages=(linkage("hog", 0.9996),), images=1, public_images=1),
            "From 1 record and 1 public image, without the key, the right one of 500 originals is found for over 99.9 % of "
            "records (chance 0.2 %).",
        ),
        (findings(PUBLISHED), f"{FROM}no attacker was tried, so that this says nothing about what one would get."),
        (
            findings(recovery("block_shuffle", 0.9, gap=1.0), **BASELINE, ceiling_cleaned=Estimate(0.9, 0.0)),
            f"{FROM}without the key, `block_shuffle` {BRINGS} 0.90 (original reduced to the input size: 0.90): it closes "
            "100 % of the gap.",
        ),
        (
            findings(
                recovery("block_shuffle", 1.0, gap=1.0), **BASELINE, ceiling_cleaned=Estimate(1.0, 0.0), reference="input"
            ),
            f"{FROM}without the key, `block_shuffle` brings SSIM to the original reduced to the input size from 0.39 to 1.00 "
            "(original itself: 1.00): it closes 100 % of the gap.",
        ),
        (
            findings(recovery("cleaning", 0.39, gap=NAN)),
            f"{FROM}without the key, `cleaning` {BRINGS} 0.39 ({CEILING}), and there was no gap to close: records are as "
            "near to the originals as that.",
        ),
    ],
)
def test_the_sentence_to_quote(found, sentence):
    assert sentences.quotable(found) == sentence
    assert sentence in text.text(found)


def test_a_better_attack_may_do_more():
    for found in (findings(), findings(PUBLISHED, LATTICE), findings(recovery("cleaning", 0.2))):
        assert sentences.BOUND in sentences.remarks(found) and sentences.BOUND in text.text(found)


def test_remarks_on_those_who_know_more_and_on_accuracy():
    known = recovery("known_plaintext_3", 0.73, Knowledge.PAIRS, 0.92, used=3, accuracy=Estimate(0.6, 0.02))
    published = recovery("published", 0.39, accuracy=Estimate(0.2, 0.02))
    found = findings(
        published,
        LATTICE,
        known,
        recovery("key_known", 0.3, Knowledge.KEY, -0.2),
        plain_accuracy=Estimate(0.7, 0.02),
        chance_accuracy=0.1,
    )
    pairs, key, accuracy, _ = sentences.remarks(found)
    assert pairs.startswith("Without the key but with 3 known originals, `known_plaintext_3` brings") and "92 %" in pairs
    assert key.startswith("With the key, `key_known` takes") and key.endswith("away from the original.")
    assert "60 % of what `known_plaintext_3` recovers, of 20 % of the records, of 70 % of the originals" in accuracy
    assert any("label" in leak for leak in sentences.leaks(found))
    assert not any("label" in leak for leak in sentences.leaks(findings()))


def test_the_threat_model_names_what_was_given():
    known = [recovery(f"known_plaintext_{count}", 0.7, Knowledge.PAIRS, used=count) for count in (1, 3)]
    found = findings(*known, recovery("chosen_plaintext", 0.7, Knowledge.ORACLE), recovery("key_known", 0.7, Knowledge.KEY))
    said = sentences.threat_model(found)
    assert "1 (`known_plaintext_1`) and 3 (`known_plaintext_3`)" in said
    assert "`chosen_plaintext` gets" in said and "`key_known` has the key" in said
    assert "key_known" not in sentences.threat_model(findings(PUBLISHED))


@pytest.mark.parametrize(
    ("config", "there", "not_there"),
    [
        (DeidConfig(), "warp, on both axes", "blocks"),
        (DeidConfig("negative_positive", key_scope="image"), "mid-grey", "same mask"),
        (DeidConfig("block_shuffle", input_size=48), "same mask", "traced"),
    ],
)
def test_what_leaks_by_design(config, there, not_there):
    said = " ".join(sentences.leaks(findings(leaks=config.scheme_class.leaks(config))))
    assert there in said and not_there not in said


def test_who_is_over_the_threshold():
    tried = [
        PUBLISHED,
        LATTICE,
        recovery("known_plaintext_3", 0.72, Knowledge.PAIRS, 0.9),
        recovery("key_known", 0.76, Knowledge.KEY, 1.0),
    ]
    assert [one.attacker for one in sentences.over_threshold(findings(*tried), 0.81)] == ["known_plaintext_3", "lattice"]
    assert not sentences.over_threshold(findings(*tried), 0.91)
    # Where there is no gap, nothing is protected.
    assert sentences.over_threshold(findings(recovery("cleaning", 0.8, gap=NAN)), 1.0)


@pytest.mark.parametrize(
    ("share", "shown"),
    [
        (0, "0 %"),
        (0.0004, "under 0.1 %"),
        (0.002, "0.2 %"),
        (0.5, "50 %"),
        (0.994, "99.4 %"),
        (0.9999, "over 99.9 %"),
        (1, "100 %"),
        (1.04, "104 %"),
        (-0.3, "-30 %"),
    ],
)
def test_percent(share, shown):
    assert sentences.percent(share) == shown


def test_json_has_all_figures_and_no_picture(tmp_path):
    found = findings(
        PUBLISHED,
        recovery("lattice", 0.69, gap=NAN, table_error=NAN, accuracy=Estimate(0.5, None)),
        linkages=(linkage("hog", 0.5),),
        skipped={"block_shuffle": "makes no sense"},
        sample=[3],
    )
    path = attack_json.write(found, tmp_path / "new")
    assert path == tmp_path / "new" / "attack.json" and path.stat().st_mode & 0o777 == 0o644
    content = json.loads(path.read_text(), parse_constant=pytest.fail)
    lattice = content["recoveries"][1]
    assert lattice["gap_closed"] is None and lattice["table_error"] is None
    assert lattice["ssim"] == {"mean": 0.69, "half_width_95": 0.01} and lattice["accuracy"]["half_width_95"] is None
    assert math.isclose(lattice["ssim_percentiles"]["50"], 0.5)
    assert "examples" not in lattice and "originals" not in content
    assert content["linkages"][0]["chance_top5"] == 0.01
    assert content["skipped"] == found.skipped and content["sentence"] == sentences.quotable(found)
    assert {"tfdeid", "numpy", "tensorflow"} <= content["versions"].keys()


@pytest.mark.parametrize(("reference", "said"), [("source", TO), ("input", "SSIM to the original reduced to the input size")])
def test_what_was_compared_with_is_said_everywhere(reference, said):
    found = findings(PUBLISHED, LATTICE, reference=reference)
    assert attack_json.to_dict(found)["reference"] == reference
    assert f"{said}: of the record as published 0.390" in text.text(found) and said in sentences.quotable(found)
    page = attack_html.make_page(found, "")
    assert f"<h2>{said}</h2>" in page and f"reference {reference}" in page


def test_tables_line_up_and_name_chance():
    known = recovery(
        "known_plaintext_10", 0.7, Knowledge.PAIRS, 0.9, table_error=0.123, accuracy=Estimate(0.6, 0.02), used=10, note="a note"
    )
    found = findings(PUBLISHED, known, linkages=(linkage("hog", 0.5),), skipped={"block_shuffle": "makes no sense"})
    lines = text.text(found).split("\n")
    assert len({len(line) for line in lines[:3]}) == 1
    assert all(
        cell in lines[2] for cell in ("pairs", "0.700 +- 0.010", "20.0 +- 0.1", "90.0 %", "0.12", "60.0 +- 2.0 %", "1.5")
    )
    linker = next(line for line in lines if line.startswith("hog"))
    assert linker.split("  ") and "0.2 %" in linker and "1.0 %" in linker
    assert "not run: block_shuffle (makes no sense)" in lines and "known_plaintext_10: a note" in lines


def test_a_scheme_that_does_not_trace_has_one_gap():
    head, rows = text.recovery_table(findings(PUBLISHED, **BASELINE))
    assert "gap to ceiling" in head and "gap to cleaned" not in head and len(head) == len(rows[0])


def test_nothing_is_said_twice():
    said = text.text(findings(recovery("key_known", 0.7, Knowledge.KEY, 0.84)))
    assert said.count("With the key, `key_known` brings") == 1
