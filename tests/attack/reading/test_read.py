"""Reading: known answers by a reader of our own making, and the real one on text that the tests paint."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont

from tests.conftest import absent
from tfdeid import DeidConfig, DeidError, Key
from tfdeid.attack.attackers.learned_inversion import LearnedInversion
from tfdeid.attack.base import Recovery
from tfdeid.attack.pool import Pool
from tfdeid.attack.reading import read_text
from tfdeid.attack.reading.forms import smoothed

KEY = Key("r" * 44)
TEXTS = ["KX 4711", "ab-3092", "ZR 8865", "mw-2750"]


def painted(text: str, size: int = 160, channels: int = 3) -> np.ndarray:
    """Returns uint8[size, size, C], dark letters on something light."""
    picture = PillowImage.new("L", (size, size), 225)
    draw = ImageDraw.Draw(picture)
    draw.text((size / 2, size / 2), text, fill=20, font=ImageFont.load_default(size=size // 5), anchor="mm")
    return np.repeat(np.asarray(picture)[..., None], channels, axis=2)


def pool_of(texts: list[str], images: list[np.ndarray] | None = None) -> Pool:
    return Pool(images or [painted(text) for text in texts], [f"{k:032x}" for k in range(len(texts))], texts, "plate")


def marked(count: int, size: int = 32) -> list[np.ndarray]:
    """Returns images whose gray says which they are, of the first ten."""
    return [np.full((size, size, 3), 20 + 20 * (number % 10), np.uint8) for number in range(count)]


class Marks:
    """Reads the text of an image that `marked` made, where its gray is still near, and else nothing."""

    def __init__(self, texts: list[str], spread: float = 2):
        self._texts, self._spread = texts, spread

    def __call__(self, image: np.ndarray) -> list[str]:
        number, rest = divmod(float(image.mean()) - 20 + 10, 20)
        return [self._texts[int(number)]] if abs(rest - 10) <= self._spread and 0 <= number < len(self._texts) else ["?"]


def test_what_is_read_is_counted():
    texts = ["AB12", "CD34", "EF56", "GH78"]
    config = DeidConfig("plain", 32, 32)
    reading = read_text(pool_of(texts, marked(4)), config, None, mosaics=(4,), reader=Marks(["ab-12", "CD34", "EF5", "XXXX"]))
    result = reading.result()
    assert result["read"] == result["plain_read"] == result["mosaic_4_read"] == 50
    assert result["characters"] == pytest.approx(100 * (1 + 1 + 0.75 + 0) / 4)
    assert result["read_low"] < 50 < result["read_high"] and result["characters_chance"] == 0
    assert reading.examples[0] == ("AB12", "AB12") and reading.examples[2] == ("EF56", "EF5")
    section = reading.section()
    assert [row[0] for row in section.rows] == ["plain images", "records", "mosaic of 4 x 4"]
    assert all(len(row) == len(section.head) for row in section.rows)
    said = " ".join(section.sentences)
    assert "4 x 4 cells" in said and section.figures["read"] == 50
    # What is written is for the owner's page alone.
    assert "AB12" not in said and "AB12" not in str(section.figures) and "AB12" in " ".join(section.private)


def test_readings_are_held_against_the_texts_of_others_too():
    texts = ["AB12", "AB34", "AB12", "AB34"]
    reading = read_text(pool_of(texts, marked(4)), DeidConfig("plain", 32, 32), None, mosaics=(), reader=Marks(texts))
    assert reading.result()["read"] == 100 and reading.result()["characters_chance"] == 50


def test_images_without_a_text_are_left_out_and_said():
    reading = read_text(pool_of(["AB", "-", "CD"], marked(3)), DeidConfig("plain", 32, 32), None, mosaics=(), reader=Marks([]))
    assert (reading.images, reading.left_out) == (2, 1) and reading.result()["read"] == 0
    assert "1 images whose text" in " ".join(reading.section().sentences)
    with pytest.raises(DeidError, match="'plate' must hold what is written"):
        read_text(pool_of(["-"], marked(1)), DeidConfig("plain", 32, 32), None, reader=Marks([]))


def test_records_are_read_in_all_forms_that_attackers_make_of_them():
    config, steps = DeidConfig("structural", 16, 32), []
    texts = ["AB12", "CD34", "EF56"]
    bare = read_text(pool_of(texts, marked(3)), config, KEY, mosaics=(), reader=Marks(texts))
    assert [figures.name for figures in bare.forms] == ["records", "cleaned"]
    public = marked(24)
    more = read_text(pool_of(texts, marked(3)), config, KEY, 0, steps.append, public, mosaics=(), reader=Marks(texts))
    assert [figures.name for figures in more.forms][:2] == ["records", "cleaned"] and len(more.forms) > 2
    assert more.best.read.mean == max(figures.read.mean for figures in more.forms) == 1
    assert "reading: plain images" in steps
    with pytest.raises(DeidError, match="at least 20 public images, there were 0"):
        read_text(pool_of(texts, marked(3)), config, KEY, inverts=True, reader=Marks(texts))


def test_what_a_network_gives_back_is_read_where_it_is_asked_for(monkeypatch):
    monkeypatch.setattr(LearnedInversion, "__call__", lambda self, view: Recovery(view.records[::-1].copy()))
    texts = ["AB12", "CD34", "AB12"]
    asked = {"public": marked(20), "inverts": True, "mosaics": (), "reader": Marks(texts)}
    reading = read_text(pool_of(texts, marked(3)), DeidConfig("pixelate", 16, 32, cells=4), None, **asked)
    assert [figures.name for figures in reading.forms] == ["records", "smoothed", "smoothing", "inverted"]
    assert reading.forms[3].read.mean == 1 and "`inverted` trains a network" in " ".join(reading.section().sentences)


def test_a_form_that_fails_has_a_reason(monkeypatch):
    def fail(self, view):
        raise DeidError("it can't.")

    monkeypatch.setattr(LearnedInversion, "__call__", fail)
    asked = {"public": marked(20), "inverts": True, "mosaics": (), "reader": Marks(["AB12"])}
    reading = read_text(pool_of(["AB12"], marked(1)), DeidConfig("plain", 32, 32), None, **asked)
    assert reading.failed == {"learned_inversion": "it can't."} and reading.result()["read"] == 100
    assert "Not read: learned_inversion (it can't.)" in reading.section().sentences


def test_cells_are_smoothed_from_one_value_each():
    cells = np.random.RandomState(0).randint(0, 256, (1, 6, 6, 3)).astype(np.uint8)
    flat = cells.repeat(8, 1).repeat(8, 2)
    smooth = smoothed(flat, 6)
    expected = PillowImage.fromarray(cells[0]).resize((48, 48), PillowImage.Resampling.BICUBIC)
    np.testing.assert_array_equal(smooth[0], np.asarray(expected))
    assert smoothed(flat[..., :1], 6).shape == (1, 48, 48, 1)


@pytest.fixture(scope="module")
def real() -> None:
    try:
        import rapidocr_onnxruntime  # noqa: F401
    except ImportError:
        absent("rapidocr-onnxruntime")


def test_large_text_is_read_and_nothing_of_what_is_no_more_there(real):
    texts = TEXTS[:3]
    hidden = read_text(pool_of(texts), DeidConfig("plain", 2, 160), None, mosaics=(80,))
    assert hidden.plain.read.mean == 1 and hidden.mosaics[80].read.mean == 1
    # Of 2 x 2 pixels nothing is legible.
    assert hidden.result()["read"] == 0 and hidden.result()["characters"] <= 20
    from tfdeid.attack.reading.ocr import Reader

    reader = Reader()
    assert not any(reader(np.full((64, 64, 1), 128, np.uint8)))
    gray = painted(TEXTS[0], channels=1)
    assert reader(gray) == reader(gray) and "KX4711" in [line.replace(" ", "") for line in reader(gray)]


def test_what_is_wide_is_stretched_back(real):
    """A square record of a wide picture is read at the picture's own aspect."""
    from tfdeid.attack.reading.ocr import Reader

    wide = np.asarray(PillowImage.fromarray(painted("KX 4711", 240)[80:160]).resize((240, 80)))
    square = np.asarray(PillowImage.fromarray(wide).resize((160, 160), PillowImage.Resampling.BICUBIC))
    assert "KX4711" in [line.replace(" ", "") for line in Reader(3.0)(square)]


def test_without_the_package_it_is_said_what_to_install(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "rapidocr_onnxruntime", None)
    with pytest.raises(DeidError, match="pip install 'tfdeid"):
        read_text(pool_of(["AB"], marked(1)), DeidConfig("plain", 32, 32), None)
