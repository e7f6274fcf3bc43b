"""What of PNG and JPEG files the pixels depend on. The rest, which may be large or odd, is left out before they are decoded."""

from __future__ import annotations

import re
import struct
import zlib

from isal import isal_zlib
from PIL import PngImagePlugin

from tfdeid.errors import ImageError

PNG = b"\x89PNG\r\n\x1a\n"
JPEG = b"\xff\xd8"
# A progressive JPEG goes over the whole image once a scan; encoders make about ten.
_MAX_SCANS = 100
# Beside the chunks that every decoder must know: of these, transparency and orientation.
_PNG_KEPT = (b"tRNS", b"eXIf")
_PNG_TEXTS = (b"tEXt", b"zTXt", b"iTXt")
_ORIENTING = (b"XML:com.adobe.xmp", b"xmp", b"Raw profile type exif")
# Profiles, comments, and what makers put there; of the others colour space (0, 14) and orientation (1).
_JPEG_LEFT_OUT = frozenset({*range(0xE2, 0xEE), 0xEF, 0xFE})
_SOS, _EOI = 0xDA, 0xD9
# Within coded pixels, these are no markers of segments: a stuffed zero, restarts, fillers.
_MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")


def essential(data: bytes) -> bytes:
    """Returns a PNG or JPEG file without what its pixels do not depend on; others as they are.

    Pillow gives up on whole pictures where it does not like what comes with them, such as texts of many megabytes.

    Raises:
      ImageError: a checksum is wrong, or a JPEG has too many scans.
    """
    if data.startswith(PNG):
        return _essential_png(data)
    if data.startswith(JPEG):
        return _essential_jpeg(data)
    return data


def _essential_png(data: bytes) -> bytes:
    """Compares the checksums of all chunks up to the last: any may have been one that counts, before it was damaged."""
    position, kind, view = len(PNG), b"", memoryview(data)
    kept, texts = [view[: len(PNG)]], {}
    while kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", data, position)
        stop = position + 8 + length
        if struct.unpack_from(">I", data, stop)[0] != isal_zlib.crc32(view[position + 4 : stop]):
            raise ImageError(f"an image must be whole: the checksum of the PNG chunk {kind!r} at byte {position} is wrong")
        if kind[:1].isupper() or kind in _PNG_KEPT:
            kept.append(view[position : stop + 4])
        elif kind in _PNG_TEXTS and _is_read(kind, body := data[position + 8 : stop]):
            texts[body.partition(b"\0")[0]] = view[position : stop + 4]
        position = stop + 4
    return b"".join([*kept[:2], *texts.values(), *kept[2:]])


def _is_read(kind: bytes, body: bytes) -> bool:
    """Tells whether a text may orient the image, and Pillow reads it: up to a size that it unpacks to, or else not the file."""
    limit = PngImagePlugin.MAX_TEXT_CHUNK
    keyword, _, packed = body.partition(b"\0")
    if keyword not in _ORIENTING:
        return False
    if kind == b"iTXt":
        packed = packed[2:].split(b"\0", 2)[-1] if packed[:1] != b"\0" else b""
    elif kind == b"zTXt":
        packed = packed[1:]
    unpacker = zlib.decompressobj()
    try:
        if kind != b"tEXt":
            unpacker.decompress(packed, limit)
    except zlib.error:
        return False
    return not unpacker.unconsumed_tail and len(body) <= limit


def _essential_jpeg(data: bytes) -> bytes:
    parts, position = [JPEG], 2
    while (marker := _MARKER.search(data, position)) and marker[0][1] not in (_SOS, _EOI):
        start, stop = marker.start(), _end_of_segment(data, marker)
        if marker[0][1] not in _JPEG_LEFT_OUT:
            parts.append(data[start:stop])
        position = stop
    parts.append(data[marker.start() if marker else position :])
    _check_scans(data, position)
    return b"".join(parts)


def _check_scans(data: bytes, position: int) -> None:
    """Counts the scans of the first image from a position on: a film or another picture behind it does not count."""
    if data.count(b"\xff\xda", position) <= _MAX_SCANS:
        return
    scans = 0
    while (marker := _MARKER.search(data, position)) and marker[0][1] != _EOI:
        scans += marker[0][1] == _SOS
        position = _end_of_segment(data, marker)
    if scans > _MAX_SCANS:
        raise ImageError(f"a JPEG image must have at most {_MAX_SCANS} scans, got {scans}")


def _end_of_segment(data: bytes, marker: re.Match[bytes]) -> int:
    """Returns where the next marker may lie: the decoder too takes a segment's length for true, and has none below 0xC0."""
    if marker[0][1] < 0xC0 or marker[0][1] == 0xD8 or marker.end() + 2 > len(data):
        return marker.end()
    return marker.end() + max(2, struct.unpack_from(">H", data, marker.end())[0])
