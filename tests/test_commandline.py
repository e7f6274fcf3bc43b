"""Commands that are printed mean the same when they are pasted, in another folder."""

from __future__ import annotations

import os
import pathlib
import subprocess

import pytest

from tfdeid.commandline import absolute, absolute_dataset, absolute_key, command

WORDS = (
    "plain",
    "a b",
    "it's",
    'say "x"',
    "$HOME `id` \\n",
    "",
    "~",
    "*?[a]{b,c}",
    "ü é",
    "two\nlines\t\x1b[1m",
    "\udcff'\\x41",
)


@pytest.mark.parametrize("word", WORDS, ids=range(len(WORDS)))
def test_a_shell_reads_what_was_written(word):
    line = command("printf", "%s\\0", word, 7)
    assert "\n" not in line and line.encode()
    assert subprocess.run(["bash", "-c", line], stdout=subprocess.PIPE, check=True).stdout == os.fsencode(f"{word}\0007\0")


def test_paths_are_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/of me")
    assert absolute("my scans/x") == f"{tmp_path}/my scans/x" and absolute(".") == str(tmp_path)
    assert absolute(pathlib.Path("a")) == f"{tmp_path}/a"
    assert absolute("~/a b") == "/home/of me/a b" and absolute("/a/") == "/a"
    assert absolute("gs://b/x") == "gs://b/x" and absolute("file:///x y") == "/x y"


def test_what_lies_above_a_link_is_where_the_file_system_has_it(tmp_path, monkeypatch):
    (tmp_path / "far" / "inner").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "far" / "inner")
    monkeypatch.chdir(tmp_path)
    assert absolute("link/../x") == str((tmp_path / "far" / "x").resolve())
    assert absolute("link/x") == f"{tmp_path}/link/x"


def test_names_of_datasets_and_keys_stay(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "out" / "x_deid" / "1.0.0").mkdir(parents=True)
    (tmp_path / "out" / "x_deid" / "1.0.0" / "features.json").touch()
    for name in ("lfw_subset", "cifar10", "cifar10_deid/structural_50_224", "a/b:1.0.0"):
        assert absolute_dataset(name) == name
    assert absolute_dataset("folder:my scans") == f"folder:{tmp_path}/my scans"
    assert absolute_dataset("folder:gs://b/x") == "folder:gs://b/x"
    assert absolute_dataset("out/x_deid/1.0.0") == f"{tmp_path}/out/x_deid/1.0.0" == absolute_dataset("./out/x_deid/1.0.0")
    for reference in ("paper", "env:DEID_KEY", "gcp-secret:projects/p/secrets/s/versions/1"):
        assert absolute_key(reference) == reference
    assert absolute_key("keys/a b") == f"{tmp_path}/keys/a b"


def test_a_name_is_looked_for_in_the_data_directory_before_it_is_a_path(tmp_path, monkeypatch):
    for place in ("here", "data"):
        (tmp_path / place / "x_deid" / "plain_32_64").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    name = "x_deid/plain_32_64"
    assert absolute_dataset(name, str(tmp_path / "data")) == name
    assert absolute_dataset(name, str(tmp_path / "elsewhere")) == absolute_dataset(name) == f"{tmp_path}/here/{name}"
