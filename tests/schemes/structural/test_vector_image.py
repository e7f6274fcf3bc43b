from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfdeid.errors import DeidError
from tfdeid.schemes.structural.vector_image import CLOSE, LINE, MOVE, QUADRATIC, VectorImage, js_number

TRIANGLE = ([MOVE, LINE, QUADRATIC, CLOSE], [(0, 0), (1.5, 0), (2, 2), (-0.5, 1)], (1, 2, 3, 255))


def test_svg_text():
    image = VectorImage.from_paths(4, 3, [TRIANGLE])
    assert image.to_svg() == (
        '<svg width="4" height="3" version="1.1" xmlns="http://www.w3.org/2000/svg" ><path fill="rgb(1,2,3)" '
        'stroke="rgb(1,2,3)" stroke-width="1" opacity="1" d="M 0 0 L 1.5 0 Q 2 2 -0.5 1 Z " /></svg>'
    )


def test_empty_image():
    image = VectorImage.from_paths(4, 3, [])
    assert image.num_paths == 0
    assert VectorImage.from_svg(image.to_svg()).to_svg() == image.to_svg()


@given(
    st.lists(
        st.tuples(
            st.lists(st.tuples(st.floats(-1e4, 1e4), st.floats(-1e4, 1e4)), min_size=4, max_size=4),
            st.tuples(*[st.integers(0, 255)] * 4),
        ),
        max_size=4,
    ),
    st.sampled_from([0, 1, 2.5]),
)
def test_documents_round_trip(paths, stroke_width):
    image = VectorImage.from_paths(
        12.5, 7, [(TRIANGLE[0], points, color) for points, color in paths], stroke_width=stroke_width
    )
    back = VectorImage.from_svg(image.to_svg())
    for name in ("commands", "points", "command_starts", "point_starts", "colors"):
        np.testing.assert_array_equal(getattr(back, name), getattr(image, name))
    assert (back.width, back.height) == (12.5, 7)
    assert not paths or back.stroke_width == stroke_width


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_read_back_equal(value):
    assert float(js_number(value)) == value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (3.0, "3"),
        (0.1, "0.1"),
        (1e-6, "0.000001"),
        (1.5e-7, "1.5e-7"),
        (-2.5e-5, "-0.000025"),
        (1e21, "1e+21"),
    ],
)
def test_numbers_are_printed_as_in_javascript(value, text):
    assert js_number(value) == text


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("<svg", "well-formed"),
        ('<svg height="3"/>', "width"),
        ('<svg width="1" height="1"><path fill="red" d="M 0 0 Z"/></svg>', "rgb"),
        ('<svg width="1" height="1"><path fill="rgb(1,2,3)" d="M 0 Z"/></svg>', "do not fit"),
        ('<svg width="1" height="1"><path fill="rgb(1,2,3)" d="M 0 C"/></svg>', "'C'"),
    ],
)
def test_foreign_documents_are_refused(document, message):
    with pytest.raises(DeidError, match=message):
        VectorImage.from_svg(document)
