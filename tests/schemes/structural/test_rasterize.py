from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfdeid.errors import DeidError
from tfdeid.schemes.structural import VectorImage, rasterize, vectorize
from tfdeid.schemes.structural.vector_image import CLOSE, LINE, MOVE, QUADRATIC

BACKENDS = ("fast", "cairo")


@pytest.fixture(params=BACKENDS)
def backend(request) -> str:
    if request.param == "cairo":
        try:
            import cairocffi  # noqa: F401
        except OSError:
            pytest.skip("needs the library cairo")
    return request.param


def polygon(*corners, color=(0, 0, 0, 255)):
    return ([MOVE, *[LINE] * (len(corners) - 1), CLOSE], list(corners), color)


def square(left, top, right, bottom, **kwargs):
    return polygon((left, top), (right, top), (right, bottom), (left, bottom), **kwargs)


def image_of(*paths, size=20, stroke_width=0.0, **kwargs) -> VectorImage:
    return VectorImage.from_paths(size, size, list(paths), stroke_width=stroke_width, **kwargs)


def coverage(image, size, backend) -> np.ndarray:
    """Returns how much black each pixel has, 0 to 1."""
    return 1 - rasterize(image, size, backend)[:, :, 0] / 255.0


def test_an_empty_image_is_white(backend):
    np.testing.assert_array_equal(rasterize(image_of(), 7, backend), np.full((7, 7, 3), 255))


def test_whole_pixels_take_the_colour(backend):
    painted = rasterize(image_of(square(2, 3, 10, 12, color=(10, 20, 30, 255))), 20, backend)
    expected = np.full((20, 20, 3), 255)
    expected[3:12, 2:10] = (10, 20, 30)
    np.testing.assert_array_equal(painted, expected)


def test_part_of_a_pixel_is_covered_by_its_area(backend):
    covered = coverage(image_of(square(2.25, 3.5, 4.5, 5)), 20, backend)
    np.testing.assert_allclose(covered[3:5, 2:5], [[0.375, 0.5, 0.25], [0.75, 1, 0.5]], atol=0.02)


def test_a_triangle_covers_its_area(backend):
    covered = coverage(image_of(polygon((1.3, 1.1), (17.7, 6.4), (5.2, 18.9))), 20, backend)
    area = 0.5 * abs((17.7 - 1.3) * (18.9 - 1.1) - (5.2 - 1.3) * (6.4 - 1.1))
    assert covered.sum() == pytest.approx(area, abs=1)


def test_width_and_height_scale_independently(backend):
    image = VectorImage.from_paths(10, 40, [square(0, 0, 5, 20)], stroke_width=0)
    expected = np.zeros((20, 20))
    expected[:10, :10] = 1
    np.testing.assert_allclose(coverage(image, 20, backend), expected)


def test_the_stroke_is_one_canvas_unit_wide(backend):
    covered = coverage(image_of(square(4, 4, 16, 16), stroke_width=1), 40, backend)
    assert covered.sum() == pytest.approx(4 * 13 * 13, abs=0.5)


def test_what_has_no_area_is_stroked(backend):
    there_and_back = ([MOVE, LINE, LINE, CLOSE], [(5, 10), (15, 10), (5, 10)], (0, 0, 0, 255))
    covered = coverage(image_of(there_and_back, stroke_width=1), 40, backend)
    assert covered.sum() == pytest.approx(4 * 10 * 1, abs=0.5)


def test_a_point_leaves_no_mark(backend):
    point = ([MOVE, LINE, CLOSE], [(5, 5), (5, 5)], (0, 0, 0, 255))
    assert coverage(image_of(point, stroke_width=1), 20, backend).sum() == 0


def test_holes_wind_the_other_way(backend):
    shape = square(2, 2, 18, 18)
    hole = polygon((5, 5), (5, 9), (9, 9), (9, 5))
    ring = (shape[0] + hole[0], shape[1] + hole[1], shape[2])
    assert coverage(image_of(ring), 20, backend).sum() == pytest.approx(16 * 16 - 16)


def test_overlapping_contours_of_one_path_do_not_cancel(backend):
    first, second = square(2, 2, 10, 10), square(6, 6, 14, 14)
    both = (first[0] + second[0], first[1] + second[1], first[2])
    assert coverage(image_of(both), 20, backend).sum() == pytest.approx(64 + 64 - 16)


def test_a_contour_that_winds_the_other_way_alone_is_painted(backend):
    image = image_of(polygon((4, 4), (4, 12), (12, 12), (12, 4)), stroke_width=1)
    assert coverage(image, 20, backend).sum() == pytest.approx(81, abs=0.2)


def test_later_paths_cover_earlier_ones(backend):
    image = image_of(square(0, 0, 20, 20), square(0, 0, 20, 20, color=(9, 8, 7, 255)))
    np.testing.assert_array_equal(rasterize(image, 5, backend), np.broadcast_to([9, 8, 7], (5, 5, 3)))


def test_opacity_mixes_with_what_lies_below(backend):
    painted = rasterize(image_of(square(0, 0, 20, 20, color=(0, 100, 255, 51))), 4, backend)
    np.testing.assert_allclose(painted[0, 0], [204, 224, 255], atol=1)


def test_gray_images_have_one_channel(backend):
    image = np.random.default_rng(0).integers(0, 256, (12, 12, 1), dtype=np.uint8)
    gray = rasterize(vectorize(image), 30, backend)
    color = rasterize(vectorize(np.repeat(image, 3, axis=2)), 30, backend)
    assert gray.shape == (30, 30, 1)
    np.testing.assert_array_equal(np.repeat(gray, 3, axis=2), color)


POINTS = st.tuples(st.floats(-30, 60), st.floats(-30, 60))
# Halves and wholes, so that corners and edges often coincide.
LATTICE = st.tuples(st.integers(-10, 50), st.integers(-10, 50)).map(lambda point: (point[0] / 2, point[1] / 2))
FAR = st.tuples(st.floats(-1e12, 1e12), st.floats(-1e12, 1e12))


@st.composite
def paths(draw, points):
    commands, used = [], []
    for _ in range(draw(st.integers(1, 3))):
        commands.append(MOVE)
        used.append(draw(points))
        for command in draw(st.lists(st.sampled_from([LINE, QUADRATIC]), max_size=6)):
            commands.append(command)
            used.extend(draw(points) for _ in range(1 if command == LINE else 2))
        commands.append(CLOSE)
    return commands, used, draw(st.tuples(*[st.integers(0, 255)] * 4))


@settings(deadline=None, max_examples=300)
@given(st.lists(paths(POINTS) | paths(LATTICE) | paths(FAR), max_size=3), st.sampled_from([0, 0.3, 1, 50]), st.integers(1, 70))
def test_any_path_stays_on_the_canvas_and_between_the_colours(drawn, stroke_width, size):
    image = image_of(*drawn, stroke_width=stroke_width)
    painted = rasterize(image, size, "fast")
    assert painted.shape == (size, size, 3)
    colors = np.array([[255, 255, 255, 255], *[path[2] for path in drawn]])[:, :3]
    assert (painted >= colors.min(axis=0)).all() and (painted <= colors.max(axis=0)).all()
    np.testing.assert_array_equal(rasterize(image, size, "fast"), painted)


@st.composite
def simple_polygons(draw):
    """Polygons that do not cross themselves: corners in the order of their direction from the centre."""
    corners = draw(st.lists(LATTICE, min_size=3, max_size=8, unique=True))
    x, y = np.mean(corners, axis=0)
    return polygon(*sorted(corners, key=lambda corner: math.atan2(corner[1] - y, corner[0] - x)))


@settings(deadline=None, max_examples=200)
@given(simple_polygons(), st.sampled_from([0.0, 1.0]))
def test_what_lies_outside_does_not_change_what_lies_inside(drawn, stroke_width):
    """Clipping is exact: the same path in the middle of a canvas three times as large gives the same pixels.

    A path that winds twice or both ways on the canvas is filled as cairo does it, along a pixel's 15 lines; what is clipped
    decides whether it does. A pixel may then differ by one such line, and a picture hardly.
    """
    commands, points, _ = drawn
    near = (commands, points, (0, 0, 0, 255))
    moved = (commands, [(x + 16, y + 16) for x, y in points], (0, 0, 0, 255))
    small = rasterize(image_of(near, size=16, stroke_width=stroke_width), 16, "fast")
    large = rasterize(image_of(moved, size=48, stroke_width=stroke_width), 48, "fast")
    np.testing.assert_allclose(small, large[16:32, 16:32].astype(int), atol=17)
    assert np.abs(small - large[16:32, 16:32].astype(int)).mean() < 0.5


@settings(deadline=None, max_examples=100)
@given(st.tuples(*[POINTS] * 3))
def test_triangles_agree_with_cairo(corners):
    pytest.importorskip("cairocffi", exc_type=OSError)
    image = image_of(polygon(*corners))
    difference = np.abs(rasterize(image, 40, "fast").astype(int) - rasterize(image, 40, "cairo"))
    # cairo samples fifteen lines a pixel, so an almost flat edge may be a fifteenth of a pixel off.
    assert difference.max() <= 255 / 15 + 4
    assert difference.mean() <= 1


@pytest.mark.parametrize("size", [0, -3, 2.5, 100_000])
def test_bad_sizes_are_refused(size):
    with pytest.raises(DeidError, match=r"size must be a whole number in \[1, 8192\], size was"):
        rasterize(image_of(), size)


def test_an_unknown_backend_names_the_nearest():
    with pytest.raises(DeidError, match="Did you mean 'cairo'"):
        rasterize(image_of(), 5, "kairo")


def test_infinite_coordinates_are_refused():
    with pytest.raises(DeidError, match="finite"):
        rasterize(image_of(square(0, 0, float("inf"), 3)), 5)


def test_without_libcairo_fast_works_and_cairo_says_what_to_install():
    script = """
import sys
class NoCairo:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "cairocffi":
            raise OSError("no library called cairo")
sys.meta_path.insert(0, NoCairo())
import numpy as np
from tfdeid.schemes.structural import rasterize, vectorize
image = vectorize(np.zeros((4, 4, 3), np.uint8))
assert rasterize(image, 8).shape == (8, 8, 3)
rasterize(image, 8, backend="cairo")
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 1
    assert "libcairo2" in done.stderr.splitlines()[-1]
