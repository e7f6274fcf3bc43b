"""Tests of what all that handles files shares."""

from __future__ import annotations

import os
import pwd

import pytest
from etils import epath

from tfdeid.files import file_size


def test_the_size_of_a_file_whose_owner_has_no_name(tmp_path, monkeypatch):
    def nobody(uid):
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    monkeypatch.setattr(pwd, "getpwuid", nobody)
    (tmp_path / "a file").write_bytes(bytes(12_345))
    assert file_size(tmp_path / "a file") == file_size(epath.Path(tmp_path) / "a file") == 12_345
    assert file_size(os.fspath(tmp_path / "a file")) == 12_345
    with pytest.raises(FileNotFoundError):
        file_size(tmp_path / "absent")
