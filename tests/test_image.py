"""Tests of decoding, conversion, resizing and PNG writing."""

import io
import struct
import subprocess
import sys
import warnings
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, ImageOps

from tfdeid.errors import DeidError, ImageError
from tfdeid.image import decode_image, encode_png, is_gray, match_channels, resize, to_grayscale, to_uint8

pytestmark = pytest.mark.filterwarnings(r"ignore:::PIL\.")  # pytest drops the filter that tfdeid.image sets.

RNG = np.random.default_rng(0)
RGB = RNG.integers(0, 256, (24, 32, 3), dtype=np.uint8)
LOSSLESS = ["PNG", "BMP", "TIFF", "PPM"]
ALL_FORMATS = [*LOSSLESS, "JPEG", "GIF", "WEBP", "JPEG2000", "AVIF"]


def encoded(image: Image.Image | np.ndarray, kind: str = "PNG", **options) -> bytes:
    """Returns the bytes of an image file written by Pillow."""
    buffer = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(buffer, kind, **options)
    return buffer.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, depth: int, colour_type: int, rows: bytes, extra: bytes = b"") -> bytes:
    """Returns a PNG file made by hand, for what Pillow does not write."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + extra + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def exact_on_white(colour: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """The documented formula in exact arithmetic: round(c * a / 255 + 255 - a), halves (which do not occur) up."""
    total = colour.astype(object) * alpha.astype(object) + 255 * (255 - alpha.astype(object))
    return ((2 * total + 255) // 510).astype(np.uint8)


# Decoding: what is read.


@pytest.mark.parametrize("kind", LOSSLESS)
def test_colour_is_decoded_exactly(kind):
    decoded = decode_image(encoded(RGB, kind))
    assert decoded.dtype == np.uint8 and decoded.flags.c_contiguous and decoded.flags.writeable
    np.testing.assert_array_equal(decoded, RGB)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "JPEG2000", "AVIF"])
def test_other_kinds_decode_as_pillow_does(kind):
    data = encoded(RGB, kind)
    np.testing.assert_array_equal(decode_image(data), np.asarray(Image.open(io.BytesIO(data))))


@pytest.mark.parametrize("kind", [*LOSSLESS, "JPEG"])
def test_gray_stays_one_channel(kind):
    data = encoded(RGB[..., 0], kind)
    decoded = decode_image(data)
    assert decoded.shape == (24, 32, 1)
    np.testing.assert_array_equal(decoded[..., 0], np.asarray(Image.open(io.BytesIO(data))))


def test_one_bit_becomes_black_and_white():
    bits = RGB[..., 0] > 127
    np.testing.assert_array_equal(decode_image(encoded(bits))[..., 0], np.where(bits, 255, 0))


def test_palette_is_expanded():
    image = Image.fromarray(RGB).quantize(16)
    np.testing.assert_array_equal(decode_image(encoded(image)), np.asarray(image.convert("RGB")))


def test_first_frame_of_an_animation():
    frames = [Image.new("RGB", (4, 3), colour) for colour in ("red", "blue")]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert (decode_image(data) == [255, 0, 0]).all()


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr"])
def test_other_colour_spaces_become_rgb(mode):
    data = encoded(Image.fromarray(RGB).convert(mode), "TIFF" if mode == "CMYK" else "JPEG")
    np.testing.assert_array_equal(decode_image(data), np.asarray(Image.open(io.BytesIO(data)).convert("RGB")))


def test_cmyk_jpeg():
    decoded = decode_image(encoded(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG"))
    assert (np.abs(decoded.astype(int) - [255, 0, 0]) <= 2).all()


def test_alpha_is_laid_on_white_exactly():
    colour, alpha = np.meshgrid(np.arange(256, dtype=np.uint8), np.arange(256, dtype=np.uint8))
    expected = exact_on_white(colour, alpha)
    np.testing.assert_array_equal(decode_image(encoded(np.stack([colour, alpha], -1)))[..., 0], expected)
    rgba = decode_image(encoded(np.stack([colour, colour, colour, alpha], -1)))
    np.testing.assert_array_equal(rgba, np.repeat(expected[..., None], 3, -1))


def test_transparent_palette_entries():
    indices = np.array([[0, 1], [2, 0]], np.uint8)
    image = Image.fromarray(indices).convert("P")
    image.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    one = decode_image(encoded(image, transparency=1))
    np.testing.assert_array_equal(one, [[[10, 20, 30], [255, 255, 255]], [[70, 80, 90], [10, 20, 30]]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        some = decode_image(encoded(image, transparency=bytes([255, 0, 128])))
    np.testing.assert_array_equal(some[1, 0], exact_on_white(np.array([70, 80, 90]), np.array([128])))


def test_transparent_colour_key():
    gray = png(2, 2, 8, 0, b"\0\x40\x50\0\x80\x40", chunk(b"tRNS", struct.pack(">H", 0x40)))
    np.testing.assert_array_equal(decode_image(gray)[..., 0], [[255, 0x50], [0x80, 255]])
    colour = png(2, 1, 8, 2, b"\0" + bytes([1, 2, 3, 4, 5, 6]), chunk(b"tRNS", struct.pack(">HHH", 4, 5, 6)))
    np.testing.assert_array_equal(decode_image(colour), [[[1, 2, 3], [255, 255, 255]]])


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bit_gray_is_rounded(kind):
    values = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    expected = [(510 * x + 65535) // 131070 for x in range(65536)]  # floor(x * 255 / 65535 + 1/2) in integers
    np.testing.assert_array_equal(decode_image(encoded(values, kind)).ravel(), expected)


def test_16_bit_gray_colour_key():
    rows = b"\0" + struct.pack(">HH", 300, 65535)
    np.testing.assert_array_equal(
        decode_image(png(2, 1, 16, 0, rows, chunk(b"tRNS", struct.pack(">H", 300))))[..., 0], [[255, 255]]
    )


def test_16_bit_colour_keeps_the_high_byte():
    values = RNG.integers(0, 65536, (3, 5, 3)).astype(">u2")
    data = png(5, 3, 16, 2, b"".join(b"\0" + row.tobytes() for row in values))
    np.testing.assert_array_equal(decode_image(data), values >> 8)


def test_32_bit_gray_within_16_bits():
    np.testing.assert_array_equal(decode_image(encoded(np.array([[0, 65535]], np.int32), "TIFF"))[..., 0], [[0, 255]])


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP"])
def test_exif_orientation_is_applied(kind, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(RGB, kind, exif=exif)
    decoded = decode_image(data)
    assert decoded.shape == ((24, 32, 3) if orientation < 5 else (32, 24, 3))
    np.testing.assert_array_equal(decoded, np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data)))))


def test_unreadable_exif_counts_as_absent():
    np.testing.assert_array_equal(decode_image(encoded(RGB, exif=b"Exif\0\0no such thing")), RGB)


# Decoding: what is refused.


def refused(data: bytes, match: str, **options) -> None:
    """Checks that decoding raises one ImageError with this text on one line."""
    with pytest.raises(ImageError, match=match) as error:
        decode_image(data, **options)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "data", [b"", b"hello, this is a text", bytes(1000), b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 1 1\n"]
)
def test_not_an_image(data):
    refused(data, f"known kind.*got {len(data)} bytes")


@pytest.mark.parametrize("kind", ALL_FORMATS)
def test_truncated_anywhere(kind):
    data = encoded(RGB, kind)
    for percent in range(1, 100, 7):
        refused(data[: len(data) * percent // 100], "known kind|must be whole")


def test_every_flipped_bit_of_png_data_is_noticed():
    data = encode_png(RGB)
    for k in range(data.index(b"IDAT"), data.index(b"IEND") - 4):
        damaged = bytearray(data)
        damaged[k] ^= 1 << k % 8
        refused(bytes(damaged), "known kind|must be whole")


@settings(max_examples=200, deadline=None)
@given(kind=st.sampled_from(ALL_FORMATS), edits=st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), min_size=1))
def test_damage_never_raises_anything_else(kind, edits):
    data = bytearray(encoded(RGB, kind))
    for where, value in edits:
        data[int(where * len(data))] = value
    try:
        decoded = decode_image(bytes(data), max_pixels=100_000)
    except ImageError:
        return
    assert decoded.dtype == np.uint8 and decoded.ndim == 3 and decoded.shape[2] in (1, 3)


@pytest.mark.parametrize(("width", "height"), [(0, 5), (5, 0)])
def test_zero_size(width, height):
    refused(png(width, height, 8, 2, b""), "at least 1x1")


def test_too_many_pixels_are_refused_on_the_header():
    refused(encoded(RGB), "at most 767 pixels, got 32x24 = 768", max_pixels=767)
    assert decode_image(encoded(RGB), max_pixels=768).shape == RGB.shape
    refused(png(10_000, 10_000, 8, 2, b"no pixels at all"), "at most 64000000 pixels, got 10000x10000 = 100000000")
    refused(png(2**31 - 1, 2**31 - 1, 8, 2, b""), "at most 64000000 pixels.*Pillow")


def test_pillow_neither_warns_nor_is_changed(tmp_path):
    """In a process of its own, because pytest sets warning filters of its own."""
    (tmp_path / "truncated.tiff").write_bytes(encoded(RGB, "TIFF")[:-30])
    (tmp_path / "huge.png").write_bytes(png(10_000, 10_000, 8, 2, b""))  # Pillow warns from 89 million pixels.
    code = """if True:
        import pathlib, sys
        from PIL import Image, ImageFile
        from tfdeid.image import ImageError, decode_image
        before = Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES
        for path in sorted(pathlib.Path(sys.argv[1]).iterdir()):
            try:
                decode_image(path.read_bytes(), max_pixels=10**9)
            except ImageError as error:
                print(error)
        assert before == (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES)
    """
    command = [sys.executable, "-W", "always", "-c", code, str(tmp_path)]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stdout.count("must be whole") == 2
    assert "arning" not in result.stderr


@pytest.mark.parametrize(
    "values", [np.full((2, 2), 0.5, np.float32), np.array([[-1, 0]], np.int32), np.array([[0, 65536]], np.int32)]
)
def test_float_and_large_integer_pixels(values):
    refused(encoded(values, "TIFF"), "Pillow's modes .* got F" if values.dtype.kind == "f" else r"in 0\.\.65535, got")


# Conversion and resizing.


def test_uint8_is_passed_through():
    assert to_uint8(RGB) is RGB
    assert to_uint8(RGB[..., 0]).shape == to_uint8(RGB[..., :1]).shape == (24, 32, 1)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floats_are_rounded_half_up(dtype):
    values = np.array([[0, 0.25, 0.5], [1 / 510, 0.999, 1]], dtype)
    expected = np.floor(255 * values.astype(np.float64) + 0.5)
    np.testing.assert_array_equal(to_uint8(values)[..., 0], expected)
    assert to_uint8(values).dtype == np.uint8
    steps = np.arange(256).reshape(16, 16)
    np.testing.assert_array_equal(to_uint8((steps / 255).astype(np.float32))[..., 0], steps)


@pytest.mark.parametrize(
    ("image", "match"),
    [
        (np.zeros((4, 4), np.int64), r"got int64\[4, 4\]"),
        (np.zeros((4, 4), bool), r"got bool\[4, 4\]"),
        (np.zeros((4, 4, 4), np.uint8), r"got uint8\[4, 4, 4\]"),
        (np.zeros((4, 4, 2), np.uint8), r"got uint8\[4, 4, 2\]"),
        (np.zeros((1, 4, 4, 3), np.uint8), r"got uint8\[1, 4, 4, 3\]"),
        (np.zeros(4, np.uint8), r"got uint8\[4\]"),
        (np.zeros((0, 4), np.uint8), r"got uint8\[0, 4\]"),
        (np.zeros((0, 0, 3), np.float32), r"got float32\[0, 0, 3\]"),
        (np.zeros((1, 4, 3), np.uint8), r"2x2: got uint8\[1, 4, 3\]"),
        (np.full((2, 2), np.nan), "values from nan"),
        (np.array([[0, 0], [0, 1.001]]), r"values from 0\.0 to 1\.001"),
        (np.array([[0, 0], [0, -0.001]]), r"values from -0\.001 to 0\.0"),
        ("text", "got <U4"),
    ],
)
def test_what_is_no_image(image, match):
    with pytest.raises(ImageError, match=match):
        to_uint8(image)


@pytest.mark.parametrize("channels", [1, 3])
def test_resize_is_pillows_bicubic(channels):
    image = RGB[..., :channels]
    pil = Image.fromarray(image.squeeze())
    for size in (1, 10, 50):
        expected = np.asarray(pil.resize((size, size), Image.Resampling.BICUBIC)).reshape(size, size, channels)
        np.testing.assert_array_equal(resize(image, size), expected)


def test_resize_leaves_the_right_size_alone():
    square = RGB[:24, :24]
    assert resize(square, 24) is square
    with pytest.raises(DeidError, match="got size 0"):
        resize(square, 0)


def test_grayscale_is_pillows_luma():
    weights = np.array([19595, 38470, 7471])
    np.testing.assert_array_equal(to_grayscale(RGB)[..., 0], (RGB @ weights + 32768) >> 16)
    assert to_grayscale(RGB).dtype == np.uint8
    gray = RGB[..., :1]
    assert to_grayscale(gray) is gray


def test_match_channels():
    gray = RGB[..., :1]
    assert match_channels(RGB, 3) is RGB and match_channels(gray, 1) is gray
    np.testing.assert_array_equal(match_channels(gray, 3), np.stack([RGB[..., 0]] * 3, axis=-1))
    np.testing.assert_array_equal(match_channels(RGB, 1), to_grayscale(RGB))
    with pytest.raises(DeidError, match="got 4"):
        match_channels(RGB, 4)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "I;16", "P", "RGB", "RGBA", "CMYK"])
def test_header_tells_the_channels(mode):
    image = Image.fromarray(RGB).convert("L").convert(mode) if mode == "I;16" else Image.fromarray(RGB).convert(mode)
    data = encoded(image, "TIFF")
    assert is_gray(io.BytesIO(data)) == (decode_image(data).shape[2] == 1)
    with pytest.raises(ImageError, match="header must be readable"):
        is_gray(io.BytesIO(data[:10]))


# PNG.


def by_pillow(data: bytes) -> np.ndarray:
    return np.atleast_3d(np.asarray(Image.open(io.BytesIO(data))))


def by_tensorflow(data: bytes) -> np.ndarray:
    import tensorflow as tf

    return tf.io.decode_png(data).numpy()


def by_cairo(data: bytes) -> np.ndarray:
    cairo = pytest.importorskip("cairocffi", exc_type=(ImportError, OSError))
    surface = cairo.ImageSurface.create_from_png(io.BytesIO(data))
    width, height = surface.get_width(), surface.get_height()
    rows = np.frombuffer(bytes(surface.get_data()), np.uint8).reshape(height, surface.get_stride())[:, : 4 * width]
    rgb = rows.reshape(height, width, 4)[..., 2::-1]
    return rgb[..., :1] if data[25] == 0 else rgb  # Byte 25 is the colour type: 0 for gray.


@pytest.mark.parametrize("decoder", [by_pillow, by_tensorflow, by_cairo])
@pytest.mark.parametrize("shape", [(224, 224, 3), (224, 224, 1), (1, 1, 3), (1, 1, 1), (3, 257, 3), (257, 3, 1)])
def test_png_is_read_by_others(decoder, shape):
    for image in (RNG.integers(0, 256, shape, dtype=np.uint8), np.full(shape, 255, np.uint8)):
        np.testing.assert_array_equal(decoder(encode_png(image)), image)


@given(hnp.arrays(np.uint8, st.tuples(st.integers(1, 20), st.integers(1, 20), st.sampled_from([1, 3]))))
def test_png_round_trip(image):
    np.testing.assert_array_equal(decode_image(encode_png(image)), image)


def test_png_of_a_view_and_determinism():
    view = RGB[::-2, ::3]
    data = encode_png(view)
    np.testing.assert_array_equal(decode_image(data), view)
    assert data == encode_png(view.copy())


@pytest.mark.parametrize("bad", [RGB / 255, RGB[..., 0], np.zeros((4, 4, 4), np.uint8), np.zeros((0, 4, 3), np.uint8)])
def test_png_refuses_other_arrays(bad):
    with pytest.raises(DeidError, match="PNG is written of"):
        encode_png(bad)


def test_importing_is_light():
    code = "import sys, tfdeid.image; print(sorted({'tensorflow', 'tensorflow_datasets', 'apache_beam'} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
