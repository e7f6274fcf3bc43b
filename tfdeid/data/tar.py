"""TAR archives, read by position and within bounds: where each member lies, without its data.

Python's own reader allocates whatever length an extended header claims, and takes an archive that breaks off between two
members for a whole one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO

from tfdeid.errors import DeidError

_BLOCK = 512
_ZEROS = bytes(_BLOCK)
# An archive is filled up with zeros to a multiple of this.
_RECORD = 20 * _BLOCK
# GNU's long names and targets of links; PAX's headers of one member, Sun's and global ones.
_EXTENSIONS = (b"L", b"K", b"x", b"X", b"g")
# More than any name takes.
_LONGEST_EXTENSION = 1 << 20
_COMPRESSED = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"\x28\xb5\x2f\xfd": "zstd"}
_PAX_RECORD = re.compile(rb"(\d{1,7}) ([^=]+)=")
FILE, FOLDER, LINK, OTHER = "file", "folder", "link", "other"
_KINDS = {b"0": FILE, b"\0": FILE, b"7": FILE, b"1": LINK, b"2": LINK, b"5": FOLDER}
# Links, devices, folders and pipes: some programs note a length for a link, whose data are elsewhere.
_WITHOUT_DATA = (b"1", b"2", b"3", b"4", b"5", b"6")
_SPARSE = b"S"


class TarError(DeidError):
    """What is wrong with an archive; who reads one says which it is."""


@dataclass(frozen=True)
class Member:
    """A member of an archive. Its data are the `size` bytes from `offset` on, which the file has.

    Attributes:
      name: as it is stored; bytes that are no UTF-8 are escaped as Python escapes those of paths.
      kind: `FILE`, `FOLDER`, `LINK` (hard or symbolic) or `OTHER` (devices, sparse files).
    """

    name: str
    kind: str
    offset: int
    size: int


def members(file: BinaryIO, size: int) -> Iterator[Member]:
    """Yields an archive's members in their order; only headers are read. Long names are GNU's or PAX's.

    Args:
      file: the archive. It may be read elsewhere between two members.
      size: its length in bytes.

    Raises:
      TarError: it is no archive, is compressed or damaged, or breaks off.
    """
    position, long_name = 0, b""
    pax: dict[bytes, bytes] = {}
    while True:
        header = _read(file, position, _BLOCK)
        if header == _ZEROS:
            _check_end(file, position)
            return
        if len(header) < _BLOCK:
            raise TarError(_no_header(header, position, size))
        _check(header, position)
        kind, length = header[156:157], _number(header[124:136], position)
        if kind not in _EXTENSIONS:
            length = _number(pax[b"size"], position, 10) if b"size" in pax else length
        length = 0 if kind in _WITHOUT_DATA else length
        data = position + _BLOCK + (_more_of_sparse(file, header, position) if kind == _SPARSE else 0)
        _check_length(length, header, data - _BLOCK, size)
        position = data + -(-length // _BLOCK) * _BLOCK
        if kind in _EXTENSIONS:
            if length > _LONGEST_EXTENSION:
                raise TarError(f"the extended header at byte {data - _BLOCK} claims {length} bytes, more than any name takes")
            if kind == b"L":
                long_name = _read(file, data, length).split(b"\0")[0]
            elif kind in (b"x", b"X"):
                pax = _pax(_read(file, data, length), data)
            continue
        name = pax.get(b"path") or long_name or _name(header)
        yield Member(name.decode("utf-8", "surrogateescape"), _kind(kind, name, pax), data, length)
        long_name, pax = b"", {}


def _read(file: BinaryIO, position: int, length: int) -> bytes:
    file.seek(position)
    return file.read(length)


def _more_of_sparse(file: BinaryIO, header: bytes, position: int) -> int:
    """Returns how many bytes further headers of a sparse file take, each of which says whether one more follows."""
    more, length = header[482:483], 0
    while more not in (b"", b"\0"):
        length += _BLOCK
        more = _read(file, position + length, _BLOCK)[504:505]
    return length


def _no_header(header: bytes, position: int, size: int) -> str:
    """Returns what is wrong where a header should be."""
    if not position:
        return f"it is no TAR archive: it has {size} bytes"
    return f"it breaks off at byte {position + len(header)}, without the zeros that end an archive"


def _check(header: bytes, position: int) -> None:
    """Raises TarError for what is no header: its checksum counts its own field as blanks."""
    try:
        stored = int(header[148:156].strip(b" \0") or b"x", 8)
    except ValueError:
        stored = -1
    if stored == sum(header[:148]) + 256 + sum(header[156:]):
        return
    if position:
        raise TarError(f"the header at byte {position} is damaged")
    for magic, name in _COMPRESSED.items():
        if header.startswith(magic):
            raise TarError(f"it is compressed ({name}), and can't be read by position. Unpack it to a plain .tar")
    raise TarError("it is no TAR archive")


def _check_length(length: int, header: bytes, position: int, size: int) -> None:
    if position + _BLOCK + length > size:
        name = _name(header).decode("utf-8", "replace")
        raise TarError(
            f"it breaks off at byte {size}: the member {name!r} at byte {position} claims {length} bytes, more than it has"
        )


def _check_end(file: BinaryIO, position: int) -> None:
    """Raises TarError for members after the end: other readers would leave them out without a word."""
    if _read(file, position, _RECORD + _BLOCK).strip(b"\0"):
        raise TarError(f"it goes on after its end at byte {position}, as archives do that were joined. Pack it anew")


def _number(field: bytes, position: int, base: int = 8) -> int:
    """Returns what a field says: digits, or GNU's binary number."""
    if field[:1] == b"\x80":
        return int.from_bytes(field[1:], "big")
    try:
        number = int(field.strip(b" \0") or b"0", base)
    except ValueError:
        number = -1
    if number < 0:
        raise TarError(f"the header at byte {position} is damaged: it has no length")
    return number


def _name(header: bytes) -> bytes:
    name = header[:100].split(b"\0")[0]
    prefix = header[345:500].split(b"\0")[0] if header[257:263] == b"ustar\0" else b""  # GNU's own kind has times there.
    return prefix + b"/" + name if prefix else name


def _kind(kind: bytes, name: bytes, pax: Mapping[bytes, bytes]) -> str:
    if any(key.startswith(b"GNU.sparse") for key in pax):
        return OTHER
    # Before there were kinds, a folder was told by its name.
    return FOLDER if kind == b"\0" and name.endswith(b"/") else _KINDS.get(kind, OTHER)


def _pax(data: bytes, position: int) -> dict[bytes, bytes]:
    """Returns the records of a PAX header, each as LENGTH KEY=VALUE and a line end."""
    records, place = {}, 0
    while place < len(data) and data[place]:
        found = _PAX_RECORD.match(data, place)
        stop = place + int(found[1]) if found else 0
        if not found or not found.end() < stop <= len(data):
            raise TarError(f"the extended header at byte {position - _BLOCK} is damaged")
        records[found[2]] = data[found.end() : stop - 1]
        place = stop
    return records
