"""Paths as people write them."""

from __future__ import annotations

import pytest

from tfdeid.errors import DeidError
from tfdeid.paths import check_utf8, default_data_dir, folder_path, is_url, local_path


def test_folders_that_epath_takes_for_stores_or_for_relative_ones():
    for store in ("gs", "s3", "az", "hf"):
        assert "://" not in str(folder_path(f"/{store}/data", "data_dir"))
    assert str(folder_path("file:///data/a%20b", "data_dir")) == str(folder_path("file:/data/a b", "data_dir")) == "/data/a b"
    assert str(folder_path("gs://bucket/a", "data_dir")) == "gs://bucket/a"
    assert folder_path("a/../b/", "data_dir").is_absolute()


def test_what_is_a_url_and_what_can_be_read():
    assert is_url("gs://bucket/a") and is_url("FILE:/a") and is_url("foo://x")
    assert not any(map(is_url, ("/a", "a/b", "folder:/a", "cifar10:3.0.2", "file:a")))
    with pytest.raises(DeidError, match="data_dir 'foo://x': foo:// can't be used here. Known: a local path, file://, gs://"):
        folder_path("foo://x", "data_dir")
    with pytest.raises(DeidError, match="there is no such user.*written ./~nosuchuser/x"):
        folder_path("~nosuchuser/x", "data_dir")
    with pytest.raises(DeidError, match="data_dir must be a path"):
        folder_path("a\0b", "data_dir")


def test_what_must_be_on_this_machine_or_be_written_in_utf8():
    assert str(local_path("file:///a%20b", "output")) == "/a b"
    with pytest.raises(DeidError, match="output must be on this machine, output was 'gs://b/x'"):
        local_path("gs://b/x", "output")
    check_utf8("/Größe", "output_dir")
    with pytest.raises(DeidError, match="output_dir must have a name in UTF-8"):
        check_utf8("/a\udcff", "output_dir")


def test_the_data_directory_of_tfds(monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", "/data/tfds")
    assert str(default_data_dir()) == "/data/tfds"
    monkeypatch.delenv("TFDS_DATA_DIR")
    monkeypatch.setenv("HOME", "/home/me")
    assert str(default_data_dir()) == "/home/me/tensorflow_datasets"
