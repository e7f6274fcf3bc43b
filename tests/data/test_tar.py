"""What an archive holds and where: as Python's own reader finds it, in all formats that it writes."""

import io
import shutil
import subprocess
import tarfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import absent
from tfdeid.data import tar

FORMATS = [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]
KINDS = {"isreg": tar.FILE, "isdir": tar.FOLDER, "issym": tar.LINK, "islnk": tar.LINK}
PARTS = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=60)
NAMES = st.lists(PARTS.filter(lambda part: part not in (".", "..")), min_size=1, max_size=6).map("/".join)


def theirs(data):
    """Returns names, kinds, places and lengths by Python's reader."""
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        found = []
        for member in archive:
            kind = next((ours for name, ours in KINDS.items() if getattr(member, name)()), tar.OTHER)
            found.append(tar.Member(member.name, kind, member.offset_data, member.size))
    return found


def ours(data):
    return list(tar.members(io.BytesIO(data), len(data)))


@settings(max_examples=60)
@given(st.lists(st.tuples(NAMES, st.binary(max_size=1200)), max_size=5), st.sampled_from(FORMATS))
def test_members_are_those_that_python_finds(files, format):
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w", format=format) as archive:
        for name, data in files:
            member = tarfile.TarInfo(name)
            member.size, member.mtime = len(data), 1.5
            try:
                archive.addfile(member, io.BytesIO(data))
            except ValueError:  # USTAR has no room for some names.
                return
    # Python takes a slash off the end of a name.
    assert ours(written.getvalue()) == theirs(written.getvalue())


@pytest.mark.parametrize("format", ["v7", "ustar", "gnu", "posix"])
def test_what_gnu_tar_writes(tmp_path, format):
    if shutil.which("tar") is None or b"GNU" not in subprocess.run(["tar", "--version"], capture_output=True).stdout:
        absent("GNU tar")
    folder = tmp_path / "data" / "x"
    folder.mkdir(parents=True)
    for name in ("0.png", "é.cls", "n" * 90 + ".txt"):
        (folder / name).write_bytes(name.encode() * 30)
    (folder / "link.png").symlink_to("0.png")
    (folder / "hard.png").hardlink_to(folder / "0.png")
    if format in ("gnu", "posix"):
        (folder / ("m" * 200 + ".png")).write_bytes(b"x" * 513)
    subprocess.run(["tar", f"--format={format}", "-cf", tmp_path / "a.tar", "-C", tmp_path / "data", "x"], check=True)
    data = (tmp_path / "a.tar").read_bytes()
    found, expected = ours(data), theirs(data)
    assert [(member.name.rstrip("/"), *list(vars(member).values())[1:]) for member in found] == [
        tuple(vars(member).values()) for member in expected
    ]
    assert len(found) >= 6
