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


_BAD = ("abc", "nan", "inf", "-inf", "1e999", "0", "-1", "", "1,,2", "100px", "100%", "1_0", "٣")


def drawn(path: str = 'fill="rgb(1,2,3)" d="M 0 0 Z"', svg: str = 'width="1" height="1"') -> str:
    return f"<svg {svg}><path {path}/></svg>"


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("<svg", "well-formed"),
        ("", "well-formed"),
        ("\udcff", "well-formed"),
        (None, "well-formed"),
        ('<?xml version="1.0" encoding="nonsense"?><svg', "well-formed"),
        ("<html/>", "svg element, it is 'html'"),
        ('<svg height="3"/>', "svg needs a number above 0 for width.*found None"),
        *((drawn(svg=f'width="{width}" height="1"'), "number above 0 for width") for width in _BAD),
        (drawn(svg='width="1" height="1e999"'), "number above 0 for height.*'1e999'"),
        ('<svg width="1" height="1"><g><path/></g></svg>', "holds 'g'"),
        ('<svg width="1" height="1"><rect width="1"/></svg>', "holds 'rect'"),
        (drawn('fill="red" d="M 0 0 Z"'), "rgb"),
        (drawn('d="M 0 0 Z"'), "found None"),
        (drawn('fill="rgb(1,2,256)"'), "rgb.*256"),
        (drawn('fill="rgb(1,2,3)" transform="scale(2)"'), "'transform'"),
        *((drawn(f'fill="rgb(1,2,3)" opacity="{o}"'), "from 0 to 1 for opacity") for o in ("abc", "nan", "2", "-1")),
        *((drawn(f'fill="rgb(1,2,3)" stroke-width="{w}"'), "at least 0 for stroke-width") for w in ("abc", "inf", "-1")),
        (drawn('fill="rgb(1,2,3)" d="M 0 Z"'), "do not fit"),
        (drawn('fill="rgb(1,2,3)" d="M 0 0 1 L Z"'), "do not fit"),
        (drawn('fill="rgb(1,2,3)" d="0 0 M Z"'), "do not fit"),
        (drawn('fill="rgb(1,2,3)" d="M 0"'), "numbers fit"),
        (drawn('fill="rgb(1,2,3)" d="M 0 0"'), "end with Z"),
        (drawn('fill="rgb(1,2,3)" d="L 0 0 Z"'), "begin with M"),
        (drawn('fill="rgb(1,2,3)" d="M 0 0 C"'), "'C'"),
        *((drawn(f'fill="rgb(1,2,3)" d="M {n} 0 Z"'), "finite numbers only") for n in ("1,,2", "1e999", "nan", "1_0")),
    ],
)
def test_foreign_documents_are_refused(document, message):
    with pytest.raises(DeidError, match=message) as caught:
        VectorImage.from_svg(document)
    assert "\n" not in str(caught.value)


def test_paths_may_be_empty_and_numbers_may_be_written_in_other_ways():
    image = VectorImage.from_svg(drawn('fill="rgb(1,2,3)"'))
    assert image.num_paths == 1 and len(image.points) == 0
    image = VectorImage.from_svg(drawn('fill="rgb(1,2,3)" d="M -.5 +1. L 1e2 2E-1 Z"'))
    assert image.points.tolist() == [[-0.5, 1], [100, 0.2]]
