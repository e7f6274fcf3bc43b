"""Whatever comes with an image's pixels, and behind them, the image is read; what keeps it from being whole is still found."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from PIL import Image, ImageFile, ImageOps, PngImagePlugin, TiffImagePlugin

from tests.test_image import RGB, chunk, encoded, refused
from tfdeid.containers import essential
from tfdeid.image import decode_image, is_gray

pytestmark = pytest.mark.filterwarnings(r"ignore:::PIL\.")

KINDS = ["JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF", "PPM", "JPEG2000", "AVIF"]
IMAGE, NOISE = Image.fromarray(RGB), np.random.default_rng(1).bytes(1_000_000)
# Heads of scans.
SCANS = b"\xff\xda\0\x08\1\1\0\0\x3f\0" * 500


def segment(marker: int, data: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data


def jpeg_with(*segments: bytes, **options) -> bytes:
    """Returns a JPEG with further segments behind its first."""
    data = encoded(RGB, "JPEG", **options)
    return data[:20] + b"".join(segments) + data[20:]


def png_with(*chunks: bytes, last: bool = False) -> bytes:
    """Returns a PNG with further chunks, before its pixels or behind them."""
    data = encoded(RGB)
    at = len(data) - 12 if last else 33
    return data[:at] + b"".join(chunks) + data[at:]


def packed_text(kind: bytes, keyword: bytes, size: int) -> bytes:
    rest = b"\0\0" if kind == b"zTXt" else b"\0\1\0\0\0"
    return chunk(kind, keyword + rest + zlib.compress(bytes(size), 9))


TRAILERS = [NOISE, bytes(1000), b"\0\2" + SCANS, encoded(RGB[::-1], "JPEG"), b"\0\0\0\x18ftypmp42" + NOISE]


# Boxes behind a JPEG 2000 image are taken for its own, and it is refused.
@pytest.mark.parametrize(
    ("kind", "trailer"), [(kind, one) for kind in KINDS for one in TRAILERS if kind != "JPEG2000" or b"ftyp" not in one]
)
def test_what_follows_an_image_does_not_count(kind, trailer):
    data = encoded(RGB, kind)
    np.testing.assert_array_equal(decode_image(data + trailer), decode_image(data))


# Its count of pictures is of a type that does not exist.
MULTI_PICTURE = (
    b"MPF\0MM\0*\0\0\0\x08\0\3\xb0\0\0\7\0\0\0\x040100\xb0\1\0\xe4\0\0\0\1\0\0\0\2\xb0\2\0\7\0\0\0\x20\0\0\0\x32" + bytes(36)
)
JPEGS = {
    "scans in a thumbnail": jpeg_with(segment(0xE1, b"Exif\0\0" + SCANS)),
    "the end of a thumbnail": jpeg_with(segment(0xE1, b"Exif\0\0\xff\xd9" + SCANS)),
    "a profile in many segments": jpeg_with(icc_profile=NOISE),
    "comments": jpeg_with(*[segment(0xFE, NOISE[:60_000])] * 300),
    "an index of pictures that is broken": jpeg_with(segment(0xE2, MULTI_PICTURE)),
    "the light of a second picture": jpeg_with(segment(0xE1, b'http://ns.adobe.com/xap/1.0/\0 hdrgm:Version="1.0"')),
    "resources of an editor": jpeg_with(segment(0xED, b"Photoshop 3.0\x008BIM" + NOISE[:50])),
    "EXIF that is broken": jpeg_with(segment(0xE1, b"Exif\0\0MM\0*" + NOISE[:60])),
    "fillers": jpeg_with(b"\xff\xff\xff\xff"),
}


@pytest.mark.parametrize("name", JPEGS)
def test_what_comes_with_a_jpeg_does_not_count(name):
    np.testing.assert_array_equal(decode_image(JPEGS[name]), decode_image(encoded(RGB, "JPEG")))
    assert not is_gray(io.BytesIO(JPEGS[name]))


def test_a_second_picture_does_not_count():
    data = encoded(IMAGE, "MPO", save_all=True, append_images=[IMAGE.rotate(180)] * 3)
    np.testing.assert_array_equal(decode_image(data), np.asarray(Image.open(io.BytesIO(data))))
    np.testing.assert_array_equal(decode_image(data[:-50]), decode_image(data))


@pytest.mark.parametrize("options", [{"progressive": True}, {"progressive": True, "restart_marker_blocks": 1}])
def test_scans_are_counted_up_to_the_end_of_the_image(options):
    data = encoded(np.kron(RGB, np.ones((8, 8, 1), np.uint8)), "JPEG", **options)
    np.testing.assert_array_equal(decode_image(data + SCANS), decode_image(data))
    start = data.rindex(b"\xff\xc4", 0, data.rindex(b"\xff\xda"))
    for between in (b"", segment(0xFE, b"\xff\xd9" + SCANS), b"\xff\x02\xff\xff"):  # The last is no segment, and hides nothing.
        refused(data[:-2] + between + data[start:-2] * 300 + data[-2:] + SCANS, r"at most 100 scans, got 3\d\d")


def test_what_tells_the_colour_space_stays():
    plain = encoded(RGB, "JPEG")
    adobe = plain[:2] + segment(0xEE, b"Adobe\0d\0\0\0\0\0") + segment(0xE2, NOISE[:999]) + plain[20:]  # Not YCbCr, it says.
    assert not np.array_equal(decode_image(adobe), decode_image(plain))
    cmyk = encoded(IMAGE.convert("CMYK"), "JPEG", icc_profile=NOISE)
    for data in (adobe, cmyk):
        np.testing.assert_array_equal(decode_image(data), np.asarray(Image.open(io.BytesIO(data)).convert("RGB")))


PNGS = {
    "3 MB of text": png_with(packed_text(b"zTXt", b"history", 3 << 20)),
    "100 MB of text": png_with(packed_text(b"iTXt", b"history", 100 << 20), last=True),
    "XMP of 3 MB": png_with(packed_text(b"iTXt", b"XML:com.adobe.xmp", 3 << 20)),
    "much XMP": png_with(*[packed_text(b"iTXt", b"XML:com.adobe.xmp", 1 << 20)] * 80),
    "text that is broken": png_with(
        chunk(b"zTXt", b"Raw profile type exif"), chunk(b"iTXt", b"xmp\0\1"), chunk(b"zTXt", b"xmp\0\0abc")
    ),
    "EXIF as a long text": png_with(*[chunk(b"tEXt", b"Raw profile type exif\0" + bytes(66 << 20))]),
    "EXIF as text that is broken": png_with(chunk(b"tEXt", b"Raw profile type exif\0\n\n\n\nxyz")),
    "a profile of 2 MB": png_with(chunk(b"iCCP", b"p\0\0" + zlib.compress(bytes(2 << 20)))),
    "a profile that is broken": png_with(chunk(b"iCCP", b"p\0\7" + NOISE[:99])),
    "odd chunks": png_with(chunk(b"pHYs", b"1"), chunk(b"gAMA", b""), chunk(b"prVt", NOISE), chunk(b"acTL", b"")),
    "an animation": encoded(IMAGE, save_all=True, append_images=[IMAGE.rotate(180)] * 3),
    "an animation that leaves it out": encoded(IMAGE, save_all=True, default_image=True, append_images=[IMAGE.rotate(180)] * 3),
}


@pytest.mark.parametrize("name", PNGS)
def test_what_comes_with_a_png_does_not_count(name):
    np.testing.assert_array_equal(decode_image(PNGS[name]), RGB)
    assert not is_gray(io.BytesIO(PNGS[name]))


def test_chunks_that_pixels_depend_on_stay_and_no_others():
    palette, exif, text = IMAGE.quantize(8), Image.Exif(), PngImagePlugin.PngInfo()
    exif[0x0112] = 6
    for keyword in ("XML:com.adobe.xmp", "history"):
        text.add_itxt(keyword, "words")
    data = encoded(palette, transparency=3, exif=exif, pnginfo=text, dpi=(72, 72), icc_profile=NOISE)
    lean, at, kinds = essential(data + NOISE), 8, []
    while at < len(lean):
        kinds.append(lean[at + 4 : at + 8])
        at += 12 + struct.unpack_from(">I", lean, at)[0]
    assert sorted(kinds) == [b"IDAT", b"IEND", b"IHDR", b"PLTE", b"eXIf", b"iTXt", b"tRNS"]
    np.testing.assert_array_equal(decode_image(lean), decode_image(data))


def test_texts_of_a_png_are_not_unpacked_to_their_full_size():
    data = png_with(*[packed_text(b"zTXt", b"history", 100 << 20), packed_text(b"iTXt", b"xmp", 100 << 20)] * 3)
    decode_image(data)
    tracemalloc.start()
    decode_image(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 << 20


@pytest.mark.parametrize("gray", [RGB[..., 0], Image.fromarray(RGB[..., 0]).convert("LA"), np.zeros((2, 2), np.uint16)])
def test_a_gray_png_with_much_text_is_known_for_gray(gray):
    data = encoded(gray)
    data = data[:33] + packed_text(b"zTXt", b"history", 3 << 20) + data[33:]
    assert is_gray(io.BytesIO(data)) and decode_image(data).shape[2] == 1


@pytest.mark.parametrize("orientation", [1, 6, 8])
@pytest.mark.parametrize("zipped", [False, True])
def test_an_orientation_in_a_text_is_applied(orientation, zipped):
    text = PngImagePlugin.PngInfo()
    text.add_itxt("XML:com.adobe.xmp", f'<x tiff:Orientation="{orientation}"/>', zip=zipped)
    data = encoded(IMAGE, pnginfo=text)
    np.testing.assert_array_equal(decode_image(data), np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data)))))
    exif = Image.Exif()
    exif[0x0112] = orientation
    text = PngImagePlugin.PngInfo()
    text.add_text("Raw profile type exif", "\nexif\n  9\n" + exif.tobytes().hex(), zip=zipped)
    data = encoded(IMAGE, pnginfo=text)
    assert decode_image(data).shape == ((32, 24, 3) if orientation > 4 else (24, 32, 3))


def test_every_wrong_checksum_of_a_png_is_damage():
    for kind in (b"tEXt", b"prVt", b"tRNS"):
        for last in (False, True):
            data = bytearray(png_with(chunk(kind, b"abc"), last=last))
            data[data.index(kind)] ^= 1
            refused(bytes(data), "must be whole: the checksum of the PNG chunk")


OTHERS = {
    "TIFF, tags": ("TIFF", {"tiffinfo": {65000: "x" * 3_000_000, 37724: NOISE, 700: b"<xmp>" * 9, 34665: 7}}),
    "TIFF, pages": ("TIFF", {"save_all": True, "append_images": [IMAGE.rotate(180)]}),
    "TIFF, profile": ("TIFF", {"icc_profile": NOISE}),
    "WebP": ("WEBP", {"xmp": NOISE, "icc_profile": NOISE, "exif": b"Exif\0\0" + NOISE[:50]}),
    "AVIF": ("AVIF", {"xmp": NOISE}),
    "GIF": ("GIF", {"comment": NOISE}),
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_comes_with_other_kinds_does_not_count(name):
    kind, options = OTHERS[name]
    if "tiffinfo" in options:
        tags = TiffImagePlugin.ImageFileDirectory_v2()
        for tag, value in options["tiffinfo"].items():
            tags[tag] = value
        options = {"tiffinfo": tags}
    np.testing.assert_array_equal(decode_image(encoded(RGB, kind, **options)), decode_image(encoded(RGB, kind)))


def test_pillow_is_left_as_it_is():
    assert PngImagePlugin.MAX_TEXT_CHUNK == ImageFile.SAFEBLOCK and not ImageFile.LOAD_TRUNCATED_IMAGES


@pytest.mark.parametrize("data", [b"", b"\xff\xd8", b"\xff\xd8\xff", b"\xff\xd8\xff\xe1", b"\xff\xd8\xff\xe1\0", b"GIF89a"])
def test_what_is_cut_short_is_handed_on(data):
    assert essential(data) == data
