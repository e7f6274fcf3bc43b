"""The picture has a panel a risk, with every label at its point."""

from __future__ import annotations

import itertools
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from PIL import Image

from tests.compare import made
from tfdeid.compare import labels, plot


def texts_of(axes):
    return [text for text in axes.texts if text.get_text() not in ("", "chance") and "plain" not in text.get_text()]


@pytest.fixture
def panels(monkeypatch):
    """Returns a function from a comparison to the panels that are drawn of it."""
    from matplotlib.figure import Figure

    kept = []
    fill = plot._fill
    monkeypatch.setattr(
        plot, "_fill", lambda figure, panels, comparison: (fill(figure, panels, comparison), kept.append(panels))
    )

    def draw(comparison, path):
        plot.draw(comparison, path)
        assert isinstance(kept[0][0][0].figure, Figure)
        return [axes for axes, _ in kept[0]]

    return draw


def test_a_panel_a_risk_with_each_label_once_and_over_no_other(panels, tmp_path):
    comparison = made.comparison()
    drawn = panels(comparison, tmp_path / "compare.png")
    assert [axes.get_title(loc="left") for axes in drawn] == ["Re-identified", "Linked", "Recovered"]
    names = set(labels.short_names(comparison.methods).values()) - {"plain"}
    for axes in drawn:
        texts = texts_of(axes)
        assert {text.get_text().replace("\n", " ") for text in texts} == names
        boxes = [text.get_window_extent() for text in texts]
        assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))
        points = {method.name: (method.risks, method.accuracy) for method in comparison.methods if not method.is_plain}
        marks = axes.transData.transform([text.xy for text in texts])
        for (x, y), box in itertools.product(marks, boxes):
            assert not (box.x0 < x < box.x1 and box.y0 < y < box.y1)
        assert len(points) == len(texts)
    picture = Image.open(tmp_path / "compare.png")
    assert picture.size[0] > 1000 and np.ptp(np.asarray(picture.convert("L"))) > 200


def test_mosaics_are_joined_and_chance_and_plain_images_are_lines(panels, tmp_path):
    (first, *_) = panels(made.comparison(), tmp_path / "compare.png")
    mosaics = [(4.0, 65.0), (8.0, 71.0), (12.0, 74.5), (25.0, 76.8)]
    assert any(np.array_equal(line.get_xydata(), mosaics) and line.get_linestyle() == "-" for line in first.lines)
    assert any(list(line.get_xdata()) == [2.0, 2.0] for line in first.lines)
    assert any(list(line.get_ydata()) == [81.6, 81.6] for line in first.lines)
    assert any("plain images: 81.6, re-identified 98.8" in text.get_text() for text in first.texts)


def test_of_many_methods_those_are_labelled_that_matter(panels, tmp_path):
    comparison = made.comparison(made.many())
    for axes, risk in zip(panels(comparison, tmp_path / "compare.png"), comparison.risks):
        chosen = labels.choose(comparison.methods, risk, comparison)
        names = labels.short_names(comparison.methods)
        found = {text.get_text().replace("\n", " ") for text in texts_of(axes)}
        assert found <= {names[method.name] for method in chosen} and len(found) > len(chosen) / 2


@pytest.mark.parametrize("methods", [made.ROWS, made.ROWS[:2], made.ROWS[:1], ()])
def test_without_accuracy_risks_are_drawn_by_method(panels, tmp_path, methods):
    chosen = [made.method(name, None, *risks) for name, _, *risks in methods]
    drawn = panels(made.comparison(chosen, has_accuracy=False), tmp_path / "compare.png")
    for axes in drawn:
        assert len(axes.get_yticklabels()) == len(methods)
    if methods == made.ROWS:
        # The least risk is on top.
        assert drawn[1].get_yticklabels()[-1].get_text() == "blackout"


@pytest.mark.parametrize("count", [0, 1, 2])
def test_little_is_drawn_too(tmp_path, count):
    methods = [made.method(*row) for row in made.ROWS[:count]]
    plot.draw(made.comparison(methods, recommended=None), tmp_path / "compare.png")
    plot.draw(made.comparison(methods, risks=[]), tmp_path / "compare.png")
    assert Image.open(tmp_path / "compare.png").size[0] > 400


def test_a_panel_alone_is_svg_in_words_too_and_the_same_each_time():
    comparison = made.comparison([made.method(*row) for row in made.ROWS[:4]])
    first, second = (list(plot.draw_panels(comparison)) for _ in range(2))
    assert [panel.svg for panel in first] == [panel.svg for panel in second]
    for panel in first:
        root = ET.fromstring(panel.svg)
        assert root.tag.endswith("svg") and not list(root.iter("{http://www.w3.org/2000/svg}text"))
        assert "vectorized:input_size=50 (78.0 and" in panel.alt


def test_names_in_plots_are_short_and_stay_apart():
    short = {
        "plain": "plain",
        "pixelate:cells=12": "mosaic 12",
        "structural:input_size=50,colors=keyed,bend=true": "structural 50 colors=keyed bend",
        "dp_pix:epsilon=1": "dp_pix epsilon=1",
        "etc:cells=4,sigma=1": "etc:cells=4,sigma=1",
        "blur:sigma=0.08": "blur 0.08",
        "etc:cells=4,input_size=1": "etc:cells=4,input_size=1",
    }
    assert labels.short_names(made.method(name, 50, 50, 50, 0.5) for name in short) == short


def test_none_beats_what_is_unbeaten():
    methods = made.many()
    kept = labels.unbeaten(methods, "linked")
    pairs = {method.name: (method.accuracy.value, method.risks["linked"].value) for method in methods}
    for name, (accuracy, linked) in pairs.items():
        beaten = any(a >= accuracy and r <= linked and (a, r) != (accuracy, linked) for a, r in pairs.values())
        assert (name in {method.name for method in kept}) is not beaten
    assert labels.unbeaten([made.method("plain", None)], "linked") == []


def test_what_could_be_mathematics_is_text(tmp_path):
    odd = made.method("a$b_{$<&", 50.0, 10.0, 10.0, 0.5)
    comparison = made.comparison([odd, *(made.method(*row) for row in made.ROWS[:3])])
    plot.draw(comparison, tmp_path / "compare.png")
    assert all(ET.fromstring(panel.svg) is not None for panel in plot.draw_panels(comparison))
