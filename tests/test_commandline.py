"""Commands that are printed mean the same when they are pasted, in another folder."""

from __future__ import annotations

import os
import pathlib
import subprocess

import pytest

from tfdeid import DeidError
from tfdeid.commandline import absolute, absolute_key, command, writing

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


def test_keys_stay_and_their_files_are_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for reference in ("paper", "env:DEID_KEY", "gcp-secret:projects/p/secrets/s/versions/1"):
        assert absolute_key(reference) == reference
    assert absolute_key("keys/a b") == f"{tmp_path}/keys/a b"


def test_what_can_not_be_written_is_one_error_that_names_the_option(tmp_path):
    (tmp_path / "file").touch()
    path = tmp_path / "file" / "x"
    said = r"file/x can't be written: Not a directory\. Choose another --output\."
    with pytest.raises(DeidError, match=said), writing(path, "output"):
        path.write_text("")
    with pytest.raises(DeidError, match="^another mistake$"), writing(tmp_path, "output"):
        raise DeidError("another mistake")
