"""What all pages are made with: names are text, and the pages of the packages find the shared look."""

from __future__ import annotations

import base64
import html

import jinja2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfdeid import pages
from tfdeid.image import decode_image, encode_png


def filtered(name: str, value) -> str:
    return str(pages._environment("tfdeid.pages").filters[name](value))


@given(st.text("ab<>&\"',:/`", max_size=30))
def test_names_are_text_and_nothing_of_them_is_lost(name):
    broken = filtered("breakable", name)
    assert html.unescape(broken.replace("<wbr>", "")) == name
    assert "<" not in broken.replace("<wbr>", "") and '"' not in broken
    assert "<" not in filtered("marked", name).replace("<code>", "").replace("</code>", "")


def test_a_name_is_broken_where_its_options_begin():
    assert filtered("breakable", "structural:input_size=50,bend=true") == "structural:<wbr>input_size=50,<wbr>bend=true"
    assert filtered("marked", "`a` 1 +- 2") == "<code>a</code> 1 &plusmn; 2"


def test_pictures_travel_in_their_address():
    image = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)
    assert pages.data_url(image) == pages.data_url(encode_png(image))
    kind, _, data = pages.data_url(image).partition(",")
    assert kind == "data:image/png;base64"
    np.testing.assert_array_equal(decode_image(base64.b64decode(data)), image)


def test_what_a_template_names_must_be_given():
    with pytest.raises(jinja2.UndefinedError, match="title"):
        pages.render("tfdeid.pages", "base.html.jinja")
    page = pages.render("tfdeid.pages", "base.html.jinja", title="é<")
    assert page.isascii() and "<title>&#233;&lt;</title>" in page and page.startswith("<!DOCTYPE html>")
