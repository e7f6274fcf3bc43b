"""The page is whole in itself, for the owner alone, and takes names for text."""

from __future__ import annotations

import base64
import html.parser
import re

import numpy as np
import pytest

from tests.attack.made import PUBLISHED, SHOWN, findings, images, linkage, recovery
from tfdeid.attack import attack_html, attack_json, sentences, text
from tfdeid.attack.base import Knowledge
from tfdeid.attack.figures import Estimate
from tfdeid.attack.section import Section
from tfdeid.image import decode_image

COMMAND = "tfdeid attack --key ~/keys/'a b'"
VOID = ("meta", "img", "br", "wbr")
LATTICE = recovery("lattice", 0.69, gap=0.81)


class Reader(html.parser.HTMLParser):
    """Reads a page; fails where its tags don't match."""

    def __init__(self, text: str):
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text, self._open = "", []
        self.feed(text)
        self.close()
        assert not self._open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        if self._open and self._open[-1] != "style":
            self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def pixels(image: dict[str, str | None]) -> np.ndarray:
    return decode_image(base64.b64decode((image["src"] or "").removeprefix("data:image/png;base64,")))


def read(*recoveries, **changes) -> Reader:
    return Reader(attack_html.make_page(findings(*recoveries, **changes), COMMAND))


def test_the_page_needs_nothing_from_elsewhere():
    text = attack_html.make_page(findings(PUBLISHED, LATTICE), COMMAND)
    reader = Reader(text)
    assert text.isascii() and not re.search(
        r"https?:|//|url\(|@import", text.replace("data:image/png;base64", "").split("<main>")[0]
    )
    assert not {"script", "link", "iframe", "object", "a"} & {tag for tag, _ in reader.tags}
    for image in reader.all("img"):
        assert image["alt"] and (image["src"] or "").startswith("data:image/png;base64,")
    assert not any(name in attributes for _, attributes in reader.tags for name in ("href", "srcset", "onload"))
    assert "prefers-color-scheme: dark" in text and 'name="viewport"' in text


def test_pictures_of_each_attacker_and_of_the_best_and_worst_cases():
    key_known = recovery("key_known", 0.76, Knowledge.KEY, 1.0)
    found = read(PUBLISHED, recovery("cleaning", 0.5), LATTICE, key_known)
    alts = [image["alt"] or "" for image in found.all("img")]
    # The sample's row, and one row each of the best and the worst case of `lattice`.
    drawn, worst = SHOWN
    assert len(alts) == 5 + 3 + 3 and alts[0] == f"original of record {drawn}"
    assert sum(f"record {worst} as recovered by lattice" == alt for alt in alts) == 1
    assert f"record {drawn} as recovered by key_known (with the key)" in alts
    np.testing.assert_array_equal(pixels(found.all("img")[-1]), images()[worst])
    assert f"SSIM {LATTICE.ssim_of_each[worst]:.2f}" in found.text


def test_words_tables_and_bars():
    found = findings(PUBLISHED, LATTICE, linkages=(linkage("hog", 0.5),), skipped={"quantile": "makes <no> sense"})
    reader = Reader(attack_html.make_page(found, COMMAND))
    plain = reader.text.replace("±", "+-")
    for said in (sentences.quotable(found), sentences.threat_model(found), *sentences.leaks(found), *sentences.remarks(found)):
        assert said.replace("`", "") in plain
    assert COMMAND in reader.text and attack_html.PRIVATE in reader.text and "makes <no> sense" in reader.text
    assert len(reader.all("caption")) == len(reader.all("table")) == 2
    assert all(cell["scope"] in ("col", "row") for cell in reader.all("th"))
    bars = [one["aria-label"] for one in reader.all("div") if one.get("role") == "img"]
    assert len(bars) == 2 and "lattice: SSIM 0.690" in (bars[1] or "")


def test_names_are_text():
    bad = "x<script>alert('1')</script>\"é`"
    about = {"dataset": bad, "originals": f"folder:{bad}", "deid": {"scheme": bad}}
    odd = recovery("lattice", 0.69, note=bad, about=bad)
    text = attack_html.make_page(findings(PUBLISHED, odd, about=about, skipped={bad: bad}), f"tfdeid attack --dataset {bad}")
    reader = Reader(text)
    assert not reader.all("script") and text.isascii()
    assert f"What an attacker recovers of {bad}" in reader.text and f"--dataset {bad}" in reader.text


@pytest.mark.parametrize(
    ("recoveries", "changes"),
    [
        ((), {}),
        ((PUBLISHED,), {}),
        ((), {"linkages": (linkage("hog", 0.5),)}),
        ((recovery("cleaning", -0.1, gap=float("nan"), psnr=Estimate(5, None)),), {"ceiling_cleaned": Estimate(1.0, None)}),
        ((recovery("cleaning", 0.5, examples=images(1)),), {"originals": images(1), "records": images(1)}),
        ((PUBLISHED, LATTICE), {"about": {}}),
    ],
)
def test_pages_of_little(recoveries, changes):
    reader = read(*recoveries, **changes)
    assert sentences.BOUND in reader.text and "nan" not in reader.text
    widths = re.findall(r"(?:left|width):(-?[\d.]+)%", " ".join(str(one.get("style")) for _, one in reader.tags))
    assert all(0 <= float(width) <= 100 for width in widths)


def test_the_file_is_for_the_owner_alone(tmp_path):
    path = tmp_path / "attack.html"
    path.write_text("of an earlier attack, and open to all")
    path.chmod(0o644)
    assert attack_html.write(findings(PUBLISHED), tmp_path, COMMAND) == path
    assert path.stat().st_mode & 0o777 == 0o600 and path.read_text().startswith("<!DOCTYPE html>")
    assert [one.name for one in tmp_path.iterdir()] == ["attack.html"]


def test_sections_are_shown_and_names_of_people_only_here():
    rows = [["hog", "20 %"], ["<b>dlib</b>", "72 %"]]
    section = Section("identity", "Who it is", ["attacker", "rank-1"], rows, ["`hog` finds <i>."], {"rank1": 0.72}, ["Ann"])
    found = findings(PUBLISHED, sections=[section, Section("text", "What is written", [], [], ["Nothing."], {"read": 0})])
    reader = Reader(attack_html.make_page(found, COMMAND))
    assert all(said in reader.text for said in ("Who it is", "<b>dlib</b>", "72 %", "hog finds <i>.", "Ann", "What is written"))
    said = text.text(found)
    assert "<b>dlib</b>    72 %" in said and "Nothing." in said and "Ann" not in said
    content = attack_json.to_dict(found)
    assert content["identity"] == {"rank1": 0.72} and content["text"] == {"read": 0} and "Ann" not in str(content)
