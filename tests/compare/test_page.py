"""The page is whole in itself, for the owner alone, takes names for text, and stays small."""

from __future__ import annotations

import base64
import dataclasses
import re

import pytest

from tests.attack.test_attack_html import Reader
from tests.compare import made
from tfdeid.compare import page
from tfdeid.compare.figures import ACCURACY, RISKS, Interval

FEW = [made.method(*row) for row in made.ROWS[:4]]


@pytest.fixture(autouse=True)
def no_plots(monkeypatch):
    """Plots have tests of their own, and take a second each."""
    monkeypatch.setattr(page.plot, "draw_panels", lambda comparison: [page.plot.Panel("Linked", b"<svg/>", "a plot")])


def read(*methods, **changes) -> Reader:
    return Reader(page.make_page(made.comparison(list(methods) or FEW, **changes)))


def cells(reader: Reader) -> str:
    return " ".join(reader.text.split())


def test_the_page_needs_nothing_from_elsewhere(tmp_path):
    text = page.make_page(made.comparison([made.method(*made.ROWS[0], pictures=[made.shown(1, tmp_path)])]))
    reader = Reader(text)
    assert text.isascii() and text.startswith("<!DOCTYPE html>")
    assert not {"script", "link", "iframe", "object", "a"} & {tag for tag, _ in reader.tags}
    assert not re.search(r"https?:|url\(|@import", text)
    for image in reader.all("img"):
        assert image["alt"] and re.match(r"data:image/(png|svg\+xml);base64,", image["src"] or "")


def test_the_file_is_for_the_owner_alone(tmp_path):
    path = page.write(made.comparison(FEW), tmp_path / "new")
    assert path == tmp_path / "new" / "compare.html" and path.stat().st_mode & 0o777 == 0o600


def test_what_the_heading_says():
    assert page.lead(made.comparison(FEW)) == (
        "3 methods: accuracy 64.1 to 78.0 % (plain images 81.6); "
        "re-identified 7.0 to 40.0 % (plain images 98.8, who guesses 2.0); "
        "linked 99.0 to 100.0 % (plain images 100.0, who guesses 0.2); recovered 0.610 to 0.800 SSIM (plain images 1.000)."
    )
    assert page.lead(made.comparison(FEW[:1])) == "0 methods: nothing could be measured."
    reader = read(recommendation="take `vectorized:input_size=50`: it keeps to all limits")
    assert "Take vectorized:input_size=50: it keeps to all limits." in cells(reader)
    assert reader.text.index("Take vectorized") < reader.text.index("3 methods: accuracy")


def test_the_table_marks_best_and_worst_in_words_too():
    reader = read(recommended="structural:input_size=50")
    text = cells(reader)
    assert "structural:input_size=50 recommended 73.0 72.1 to 73.9" in text
    for said in (
        "best: 78.0",
        "worst: 64.1",
        "best: 7.0",
        "worst: 40.0",
        "best: 0.610",
        "worst: 0.800",
        "who guesses - 2.0 0.2 -",
    ):
        assert said in text
    assert "who guesses - 2.0 0.2 -" in text
    # Plain images are no method, and what all have alike is neither.
    assert "best: 81.6" not in text and "worst: 98.8" not in text
    assert all(one["scope"] in ("col", "row") for one in reader.all("th"))
    same = [made.method(name, 50.0, 10.0) for name in ("a", "b")]
    assert "best:" not in cells(read(*same)) and "worst:" not in cells(read(*same))


def test_the_mosaic_beside_a_method():
    beside = made.beside(made.against(40, 12), made.against(50, 90, "linked"), made.against(0.5, 0.52, "recovered"))
    reader = read(made.method(*made.ROWS[0]), made.method(*made.ROWS[1], beside=beside))
    text = cells(reader)
    assert (
        "40.0 against 12.0, higher" in text
        and "50.0 against 90.0, lower" in text
        and "0.500 against 0.520, no different" in text
    )
    assert "Worse than a mosaic of equal accuracy" in text and "12.6 cells" in text
    assert "The mosaic that does the same" not in read().text


def test_pictures_are_those_of_the_files(tmp_path):
    drawn, worst = made.shown(3, tmp_path), made.shown(9, tmp_path, is_worst=True)
    reader = read(made.method(*made.ROWS[3], pictures=[drawn, worst]))
    images = [image for image in reader.all("img") if "png" in (image["src"] or "")]
    assert [image["alt"] for image in images[:3]] == [
        "image 3 as it came",
        "image 3 under structural:input_size=50",
        "image 3 as the best attack on structural:input_size=50 has it",
    ]
    for image, path in zip(images, (drawn.source, drawn.record, drawn.recovered, worst.source)):
        assert base64.b64decode((image["src"] or "").partition(",")[2]) == path.read_bytes()
    assert len(images) == 6 and reader.text.count("worst case,") == 1 and all(image["loading"] == "lazy" for image in images)


def test_pictures_that_are_gone_are_left_out(tmp_path):
    shown = made.shown(3, tmp_path)
    shown.record.unlink()
    assert "what was kept of it is gone" in read(made.method(*made.ROWS[3], pictures=[shown])).text


def test_of_many_methods_the_best_have_pictures(tmp_path):
    methods = made.many(60, pictures=[made.shown(1, tmp_path)])
    reader = read(*methods, recommended=methods[50].name)
    titles = re.findall(
        r"image 1 as the best attack on (\S+) has it", " ".join(image["alt"] or "" for image in reader.all("img"))
    )
    assert len(titles) == page.OPEN + page.FOLDED and titles[0] == methods[50].name
    best = max(methods[1:], key=lambda method: method.accuracy.value)
    assert best.name in titles[: page.OPEN]
    assert f"Pictures of {page.FOLDED} more methods" in reader.text
    assert f"Pictures of {59 - page.OPEN - page.FOLDED} further methods are left out" in reader.text
    assert len(reader.all("details")) == 1


def test_what_was_not_run_is_said_with_why():
    failed = made.method(*made.ROWS[3], failed={"training": "the loss was NaN"})
    reader = read(failed, risks=("linked",), sentences=["etc is left out: it takes colours"])
    text = cells(reader)
    for said in (
        "Etc is left out: it takes colours.",
        "structural:input_size=50: training failed: The loss was NaN.",
        "Re-identified: not asked for; --identity FEATURE does.",
        "Read: not asked for; --text FEATURE does.",
    ):
        assert said in text
    assert "not asked for; --identity" not in cells(read(risks=("linked",), about=[("identity", "person")]))


def test_what_figures_mean_and_how_to_repeat_them():
    reader = read()
    text = cells(reader)
    for axis in (ACCURACY, *(RISKS[name] for name in made.RISKS_OF_ROWS)):
        assert axis.about[1:] in text
    assert "tfdeid compare --dataset cifar10 --scale standard --max_reidentified 15" in text and "3f2a" in text


def test_names_are_text():
    bad = "x<script>alert('1')</script>\"&é`"
    beside = made.beside(made.against(1, 2), where=bad, verdict=bad)
    method = made.method(bad, 50.0, 10.0, beside=beside, failed={bad: bad})
    changes = {name: bad for name in ("dataset", "recommendation", "recommended", "command", "scale")}
    text = page.make_page(made.comparison([method], sentences=[bad], about=[(bad, bad)], **changes))
    reader = Reader(text)
    assert not reader.all("script") and text.isascii()
    assert f"Methods compared on {bad}" in reader.text and reader.text.count(bad) > 6


@pytest.mark.parametrize(
    ("methods", "changes"),
    [
        ([], {}),
        ([made.method("plain", None)], {"has_accuracy": False, "risks": []}),
        ([made.method("a", None, 3.0)], {"has_accuracy": False, "recommended": None, "recommendation": ""}),
        ([made.method("a", 3.0, chance={})], {"risks": [], "sentences": [], "about": [], "command": ""}),
        ([dataclasses.replace(made.method("a", 3.0), accuracy=Interval(3, 3, 3))], {}),
    ],
)
def test_pages_of_little(methods, changes):
    reader = Reader(page.make_page(made.comparison(methods, **changes)))
    assert "Methods compared on" in reader.text and "nan" not in reader.text and "None" not in reader.text
