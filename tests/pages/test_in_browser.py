"""Pages of reports in a real browser, wide and narrow: nothing overflows, pictures load, and text can be read."""

from __future__ import annotations

import itertools
import pathlib

import numpy as np
import pytest
import skimage.data

from tests.attack.made import PUBLISHED, findings, linkage, recovery
from tests.compare import made
from tfdeid import DeidConfig, Deidentifier, Key
from tfdeid.attack import attack_html
from tfdeid.attack.section import Section
from tfdeid.compare import page
from tfdeid.experiments.pictures import Picture
from tfdeid.image import encode_png, resize, to_uint8

WIDTHS = (390, 1280)
NAME = "a<b>&\"'x</script>"


def attack(folder: pathlib.Path) -> pathlib.Path:
    section = Section("reading", "Reading", ["reader", "read"], [["best <form>", "12 % (8 to 17)"]], ["Few are read."], {})
    found = findings(PUBLISHED, recovery("lattice", 0.69), linkages=(linkage("hog", 0.5),), sections=[section])
    return attack_html.write(found, folder, "tfdeid attack --dataset cifar10_deid/structural_50_224 --originals cifar10")


def few(folder: pathlib.Path) -> pathlib.Path:
    pictures = [made.shown(number, folder) for number in range(5)] + [made.shown(7, folder, is_worst=True)]
    methods = [made.method(*row, pictures=pictures) for row in made.ROWS[:6]]
    methods += [made.method(*row, beside=made.beside(made.against(12, 3), made.against(1, 3))) for row in made.ROWS[6:]]
    return page.write(made.comparison(methods), folder)


def many(folder: pathlib.Path) -> pathlib.Path:
    pictures = [made.shown(0, folder), made.shown(1, folder, is_worst=True)]
    return page.write(made.comparison(made.many(pictures=pictures)), folder)


def hostile(folder: pathlib.Path) -> pathlib.Path:
    """Names are of what could be code, and long."""
    long = f"{NAME},{'option_with_a_long_name=' * 6}1"
    methods = [made.method("plain", 80, 90, 100, 1), made.method(long, 70, 10, 90, 0.7, failed={"training": NAME * 9})]
    changes = {
        "sentences": [NAME * 20],
        "recommendation": NAME * 9,
        "recommended": long,
        "command": f"tfdeid compare {NAME * 30}",
    }
    return page.write(made.comparison(methods, dataset=f"folder:/{'long/' * 40}{NAME}", **changes), folder)


def sample(folder: pathlib.Path) -> pathlib.Path:
    """Pictures are of the bundled sample, as real schemes make them; figures are made up."""
    images = [resize(to_uint8(image), 64) for image in skimage.data.lfw_subset()[:3]]
    options = {"plain": {}, "pixelate:cells=8": {"cells": 8}, "blur:sigma=0.08": {}, "structural:input_size=32": {}}
    methods = []
    for number, (name, changes) in enumerate(options.items()):
        config = DeidConfig(scheme=name.partition(":")[0], input_size=32, output_size=64, **changes)
        deid = Deidentifier(config, Key.generate())
        pictures = []
        for index, image in enumerate(images):
            paths = [folder / f"{number}_{index}_{kind}.png" for kind in range(2)]
            for path, pixels in zip(paths, (image, deid(image, str(index)))):
                path.write_bytes(encode_png(pixels))
            pictures.append(Picture(index, *paths, paths[1], index == 2, 0.5))
        methods.append(made.method(name, 90.0 - 9 * number, 80.0 - 7 * number, 100.0, 0.9, deid=config, pictures=pictures))
    return page.write(made.comparison(methods, dataset="lfw_subset", recommended=None, recommendation=""), folder)


REPORTS = {report.__name__: report for report in (attack, few, sample, many, hostile)}


@pytest.fixture(scope="module")
def report(request, tmp_path_factory) -> pathlib.Path:
    return REPORTS[request.param](tmp_path_factory.mktemp(request.param))


@pytest.mark.parametrize("report", REPORTS, indirect=True)
def test_a_page_in_a_browser(report, browser):
    for width in WIDTHS:
        browser.open(report, width)
        assert browser.beyond() == []
        pictures = browser.pictures()
        assert all(alt and true_width > 0 for alt, true_width in pictures) and pictures
        seen, faint = browser.faint()
        assert seen > 20 and faint == []
        shot = browser.screenshot()
        assert shot.shape[1] == width and np.ptp(shot) > 200 and 2 < 100 * (shot < 128).all(2).mean() < 60
        assert browser.complaints() == []
    levels = browser.run("return [...document.querySelectorAll('h1, h2, h3')].map(e => Number(e.tagName[1]))")
    assert levels[0] == 1 and levels.count(1) == 1 and all(b <= a + 1 for a, b in itertools.pairwise(levels))
    assert browser.run("return document.querySelectorAll('th:not([scope])').length") == 0
    assert browser.run("return document.documentElement.lang") == "en"
    assert browser.run("return document.scripts.length") == 0


@pytest.mark.parametrize("report", REPORTS, indirect=True)
def test_a_page_in_the_dark(report, browser):
    browser.open(report, WIDTHS[1], scheme="dark")
    assert browser.faint()[1] == [] and browser.screenshot().mean() < 128


@pytest.mark.parametrize("report", ["attack", "few"], indirect=True)
def test_a_page_on_paper(report, browser):
    """It is as wide as A4 with Chromium's margins, and nothing scrolls there."""
    browser.open(report, 718, scheme="dark", media="print")
    assert browser.beyond() == [] and browser.faint()[1] == [] and browser.screenshot().mean() > 128
    assert browser.run("return [...document.querySelectorAll('.wide')].filter(e => e.scrollWidth > e.clientWidth).length") == 0


def test_faults_are_found(tmp_path, browser):
    path = tmp_path / "faulty.html"
    path.write_text(
        "<!DOCTYPE html><body><p>fair</p><p style='color: #999'>faint</p><div style='width: 2000px'>beyond</div>"
        "<img src='data:image/png;base64,AAAA' alt='damaged'><script>console.error('wrong')</script>"
    )
    browser.open(path, WIDTHS[0])
    assert any("beyond" in one for one in browser.beyond()) and "the page itself" in browser.beyond()
    assert browser.faint() == [3, ["2.85: faint"]]
    assert browser.pictures() == [["damaged", 0]]
    assert any("wrong" in complaint for complaint in browser.complaints())


@pytest.mark.parametrize("report", ["few"], indirect=True)
def test_wide_tables_scroll_by_themselves(report, browser):
    browser.open(report, WIDTHS[0])
    wider = "return [...document.querySelectorAll('.wide')].map(e => e.scrollWidth > e.clientWidth)"
    assert all(browser.run(wider))
    browser.run("document.querySelector('.wide').scrollLeft = 100")
    # The names of methods stay in sight.
    assert browser.run("return document.querySelector('.wide tbody th').getBoundingClientRect().left") >= 0
