"""Damaged files: whole ones of every kind, and what is done to them. A case is determined by seed and number alone."""

from __future__ import annotations

import functools
import io
import random
import struct
import zlib

import numpy as np
from PIL import Image

from tfdeid.data.tfrecord import masked_crc

SIZES = (0, 1, 2, 255, 256, 4096, 8000, 16_383, 32_767, 65_535, 65_536, 60_000_000, 2**31 - 1, 2**32 - 1)


def _saved(image: Image.Image, kind: str, **options) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


@functools.cache
def whole_images() -> tuple[bytes, ...]:
    """Returns small image files of every kind that is read, most of them JPEG and PNG."""
    noise = np.random.RandomState(0).randint(0, 256, (24, 32, 4), np.uint8)
    smooth = Image.fromarray(noise[:6, :8, :3]).resize((48, 40), Image.Resampling.BICUBIC)
    gray, rgba, deep = smooth.convert("L"), Image.fromarray(noise), Image.fromarray(noise[..., 0].astype(np.uint16) * 257)
    palette, exif = smooth.quantize(16), Image.Exif()
    exif[0x0112] = 6
    jpegs = [
        _saved(smooth, "JPEG", exif=exif),
        _saved(smooth, "JPEG", progressive=True, quality=95, subsampling=0),
        _saved(gray, "JPEG", restart_marker_blocks=2),
        _saved(smooth.convert("CMYK"), "JPEG", optimize=True),
    ]
    pngs = [_saved(image, "PNG") for image in (smooth, gray, rgba, deep, palette, gray.convert("1"))]
    pngs.append(_saved(palette, "PNG", transparency=3, exif=exif))
    tiffs = [_saved(smooth, "TIFF", compression=name) for name in ("raw", "tiff_lzw", "tiff_adobe_deflate", "jpeg", "packbits")]
    tiffs += [_saved(deep, "TIFF"), _saved(gray.convert("1"), "TIFF", compression="group4")]
    others = [
        _saved(palette, "GIF", save_all=True, append_images=[palette.rotate(90)]),
        _saved(smooth, "BMP"),
        run_length_bmp(8, 4, b"\x08\1\0\0\x08\2\0\0\0\2\0\1\4\3\0\4abcd\0\1"),
        _saved(smooth, "WEBP"),
        _saved(rgba, "WEBP", lossless=True),
        _saved(smooth, "WEBP", save_all=True, append_images=[smooth.rotate(90)]),
        _saved(smooth, "PPM"),
        b"P3 3 2 255 " + b"1 2 3 40 50 60 " * 3,
        _saved(smooth, "JPEG2000"),
        _saved(smooth, "AVIF"),
    ]
    return (*jpegs * 4, *pngs * 2, *tiffs, *others)


def run_length_bmp(width: int, height: int, pixels: bytes) -> bytes:
    """Returns a run-length coded BMP, which Pillow does not write."""
    start = 14 + 40 + 1024
    header = struct.pack("<2sIHHI", b"BM", start + len(pixels), 0, 0, start)
    information = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, len(pixels), 0, 0, 256, 0)
    return header + information + bytes(1024) + pixels


# Damage to any bytes.


def flip(draw: random.Random, data: bytes, other: bytes) -> bytes:
    damaged = bytearray(data)
    for _ in range(draw.choice((1, 1, 2, 8, 32))):
        damaged[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
    return bytes(damaged)


def set_bytes(draw: random.Random, data: bytes, other: bytes) -> bytes:
    """Puts in extreme values, of one to eight bytes."""
    value = draw.choice((b"\0", b"\xff", b"\x7f", b"\x80", b"\0\0", b"\xff\xff", b"\xff" * 4, b"\x7f" + b"\xff" * 3, bytes(8)))
    at = draw.randrange(len(data))
    return data[:at] + value + data[at + len(value) :]


def set_head(draw: random.Random, data: bytes, other: bytes) -> bytes:
    """Changes one of the first bytes, where headers lie."""
    at = draw.randrange(min(64, len(data)))
    return data[:at] + bytes([draw.randrange(256)]) + data[at + 1 :]


def cut(draw: random.Random, data: bytes, other: bytes) -> bytes:
    return data[: draw.randrange(len(data))]


def leave_out(draw: random.Random, data: bytes, other: bytes) -> bytes:
    at = draw.randrange(len(data))
    return data[:at] + data[at + draw.randint(1, 64) :]


def insert(draw: random.Random, data: bytes, other: bytes) -> bytes:
    at = draw.randrange(len(data))
    return data[:at] + draw.randbytes(draw.randint(1, 64)) + data[at:]


def repeat(draw: random.Random, data: bytes, other: bytes) -> bytes:
    at = draw.randrange(len(data))
    stop = at + draw.randint(1, 256)
    return data[:stop] + data[at:stop] * draw.choice((1, 2, 50)) + data[stop:]


def splice(draw: random.Random, data: bytes, other: bytes) -> bytes:
    return data[: draw.randrange(len(data))] + other[draw.randrange(len(other)) :]


ANY = (flip, set_bytes, set_head, cut, leave_out, insert, repeat, splice)


# Damage that knows the kind of file.


def resize_header(draw: random.Random, data: bytes, other: bytes) -> bytes:
    """Makes the header claim another width or height."""
    found = _size_field(data)
    if found is None:
        return set_head(draw, data, other)
    at, form = found
    largest = 256 ** struct.calcsize(form) - 1
    value = min(draw.choice(SIZES), largest)
    return data[:at] + struct.pack(form, value) + data[at + struct.calcsize(form) :] if at >= 0 else data


def _size_field(data: bytes) -> tuple[int, str] | None:
    """Returns where the width or the height lies (by the number of bytes, either of them), and as what."""
    second = len(data) % 2
    if data[:4] == b"\x89PNG":
        return 16 + 4 * second, ">I"
    if data[:3] == b"GIF":
        return 6 + 2 * second, "<H"
    if data[:2] == b"BM":
        return 18 + 4 * second, "<I"
    if data[:2] == b"\xff\xd8":
        marker = max(data.find(kind) for kind in (b"\xff\xc0\0", b"\xff\xc2\0"))
        return (marker + 5 + 2 * second, ">H") if 0 < marker < len(data) - 9 else None
    tiff = data.find(b"\0\1" if second else b"\1\1", 8) if data[:2] == b"II" else -1
    if 0 < tiff < len(data) - 12:
        return tiff + 8, "<I"
    for name, offset, form in ((b"ihdr", 4, ">I"), (b"ispe", 8, ">I"), (b"VP8X", 12, "<H"), (b"\x9d\x01\x2a", 3, "<H")):
        at = data.find(name)
        if 0 <= at < len(data) - 20:
            return at + offset + (struct.calcsize(form) * second if name != b"VP8X" else 3 * second), form
    return None


def chunks(data: bytes) -> list[bytes]:
    """Returns the segments of a JPEG or the chunks of a PNG or of a RIFF file, as far as they can be told."""
    if data[:4] == b"\x89PNG":
        at, form, extra = 8, ">I", 12
    elif data[:4] == b"RIFF":
        at, form, extra = 12, None, 8
    else:
        parts = data.split(b"\xff")
        return [parts[0], *(b"\xff" + part for part in parts[1:])]
    parts = [data[:at]]
    while at + extra <= len(data) and len(parts) < 100:
        length = struct.unpack_from(form, data, at)[0] if form else struct.unpack_from("<I", data, at + 4)[0]
        parts.append(data[at : at + extra + length])
        at += extra + length
    return parts


def shuffle_chunks(draw: random.Random, data: bytes, other: bytes) -> bytes:
    """Repeats, drops, swaps or borrows a chunk."""
    parts = chunks(data)
    k, what = draw.randrange(len(parts)), draw.randrange(4)
    if what == 0:
        parts[k:k] = [parts[k]] * draw.choice((1, 3, 200))
    elif what == 1:
        del parts[k]
    elif what == 2:
        j = draw.randrange(len(parts))
        parts[j], parts[k] = parts[k], parts[j]
    else:
        parts.insert(k, draw.choice(chunks(other)))
    return b"".join(parts)


def reseal(draw: random.Random, data: bytes, other: bytes) -> bytes:
    """Puts right the checksums of a PNG's chunks, so that damage reaches what lies behind them."""
    if data[:4] != b"\x89PNG":
        return data
    out, at = [data[:8]], 8
    while at + 12 <= len(data):
        length = min(struct.unpack_from(">I", data, at)[0], len(data) - at - 12)
        body = data[at + 4 : at + 8 + length]
        out.append(struct.pack(">I", length) + body + struct.pack(">I", zlib.crc32(body)))
        at += 12 + length
    return b"".join(out)


def deflate_bomb(draw: random.Random, data: bytes, other: bytes) -> bytes:
    """Returns a PNG of which pixels, text or colour profile unpack to far more than the file holds."""
    zeros = zlib.compress(bytes(draw.choice((10**5, 10**7, 10**8))), 9)
    width, height = draw.choice(((8, 8), (8000, 8000), (65_535, 900), (1, 65_535)))
    header = struct.pack(">IIBBBBB", width, height, 8, draw.choice((0, 2, 3, 6)), 0, 0, 0)
    kind = draw.choice((b"IDAT", b"zTXt", b"iCCP", b"iTXt"))
    body = zeros if kind == b"IDAT" else b"name\0" + (b"\1\0\0\0" if kind == b"iTXt" else b"\0") + zeros
    parts = [(b"IHDR", header), (b"PLTE", bytes(768)), (kind, body), (b"IDAT", zlib.compress(bytes(100))), (b"IEND", b"")]
    packed = (struct.pack(">I", len(body)) + name + body + bytes(4) for name, body in parts)
    return reseal(draw, b"\x89PNG\r\n\x1a\n" + b"".join(packed), other)


def scan_bomb(draw: random.Random, data: bytes, other: bytes) -> bytes:
    """Repeats the last scan of a JPEG, with the tables before it."""
    scan = data.rfind(b"\xff\xda")
    start = max(data.rfind(b"\xff\xc4", 0, scan), 0)
    return data[:-2] + data[start:-2] * draw.choice((2, 50, 500)) + data[-2:] if scan > 0 else data


def run_length_bomb(draw: random.Random, data: bytes, other: bytes) -> bytes:
    width, height = draw.choice(((60_000_000, 1), (65_535, 900), (8000, 8000), (1, 65_535)))
    pixels = b"".join(bytes((0, 2, draw.randrange(256), draw.randrange(256))) for _ in range(draw.randint(1, 50)))
    return run_length_bmp(width, height, pixels + b"\0\1")


KNOWING = (resize_header, resize_header, shuffle_chunks, shuffle_chunks, scan_bomb)


def image_case(seed: int, number: int) -> bytes:
    """Returns a damaged image file, never an empty one."""
    draw = random.Random(f"image {seed} {number}")
    if (lot := draw.random()) < 0.01:
        return draw.choice((deflate_bomb, run_length_bomb))(draw, b"", b"")
    data, other = draw.choice(whole_images()), draw.choice(whole_images())
    for _ in range(draw.choice((1, 1, 1, 2, 4))):
        data = draw.choice((*ANY, *KNOWING))(draw, data, other) or b"\0"
    return reseal(draw, data, other) if lot < 0.6 else data


# TFRecord files.


def framed(record: bytes, length: int | None = None) -> bytes:
    """Returns a record as TFRecord files hold it, with right checksums; its length may be a lie."""
    head = struct.pack("<Q", len(record) if length is None else length)
    return head + struct.pack("<I", masked_crc(head)) + record + struct.pack("<I", masked_crc(record))


def whole_records(count: int = 6) -> list[bytes]:
    """Returns serialized examples of `image`, `label` and `id`."""
    from beam.shards import serialize_example

    return [serialize_example(f"{k:032x}", whole_images()[k], k % 3) for k in range(count)]


def records_case(seed: int, number: int, records: list[bytes]) -> bytes:
    """Returns a damaged TFRecord file."""
    draw = random.Random(f"records {seed} {number}")
    records, k, what = list(records), draw.randrange(len(records)), draw.random()
    if what < 0.4:  # The file is damaged.
        data = b"".join(map(framed, records))
        for _ in range(draw.choice((1, 1, 2))):
            data = draw.choice(ANY)(draw, data, data) or b"\0"
        return data
    if what < 0.55:  # A length is a lie, and its checksum is right.
        length = draw.choice(
            (0, 1, len(records[k]) - 1, len(records[k]) + 1, 10**6, 2**31, 2**33, 2**40, 2**62, 2**63, 2**64 - 1)
        )
        return b"".join(framed(record, length if j == k else None) for j, record in enumerate(records))
    if what < 0.65:  # Records are missing, repeated or in another order.
        return b"".join(map(framed, draw.choices(records, k=draw.randint(0, 2 * len(records)))))
    if what < 0.75:  # A feature is of another type, or an absurd value.
        records[k] = _odd_example(draw)
    else:  # What is in a record is damaged, and the checksums are right.
        records[k] = draw.choice(ANY)(draw, records[k], records[k - 1])
    return b"".join(map(framed, records))


def _odd_example(draw: random.Random) -> bytes:
    from tensorflow_datasets.proto import tf_example_pb2
    from tensorflow_datasets.proto import tf_feature_pb2 as messages

    values = (
        messages.Feature(),
        messages.Feature(int64_list=messages.Int64List(value=[draw.choice((-(2**63), -2, -1, 0, 3, 2**63 - 1))])),
        messages.Feature(float_list=messages.FloatList(value=[float("nan")])),
        messages.Feature(bytes_list=messages.BytesList(value=[draw.choice((b"", b"\xff\xfe", draw.randbytes(20)))])),
        messages.Feature(bytes_list=messages.BytesList(value=[])),
    )
    names = draw.sample(("id", "image", "label", "x"), k=draw.randint(0, 4))
    features = messages.Features(feature={name: draw.choice(values) for name in names})
    return tf_example_pb2.Example(features=features).SerializeToString(deterministic=True)
