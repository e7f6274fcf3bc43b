"""Tests of what all that handles files shares."""

from __future__ import annotations

import os
import pwd

import pytest
from etils import epath

from tfdeid.files import file_size, write_text


def test_the_size_of_a_file_whose_owner_has_no_name(tmp_path, monkeypatch):
    def nobody(uid):
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    monkeypatch.setattr(pwd, "getpwuid", nobody)
    (tmp_path / "a file").write_bytes(bytes(12_345))
    assert file_size(tmp_path / "a file") == file_size(epath.Path(tmp_path) / "a file") == 12_345
    assert file_size(os.fspath(tmp_path / "a file")) == 12_345
    with pytest.raises(FileNotFoundError):
        file_size(tmp_path / "absent")


@pytest.mark.parametrize("content", ["text", b"\xff"])
def test_what_is_there_and_no_file_is_written_to_and_not_replaced(content):
    """As /dev/stdout and /dev/null, which root could replace."""
    read, write = os.pipe()
    write_text(epath.Path(f"/dev/fd/{write}"), content)
    os.close(write)
    assert os.read(read, 10) == (content.encode() if isinstance(content, str) else content)
    os.close(read)
