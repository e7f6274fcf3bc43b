"""`tfdeid keygen`."""

from __future__ import annotations

import pytest

from tfdeid import Key
from tfdeid.cli import main


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def test_keygen_writes_a_key_and_shows_its_fingerprint(tmp_path, capsys):
    assert main(["keygen", "--output", str(tmp_path / "key")]) == 0
    key, said = Key.load(tmp_path / "key"), capsys.readouterr()
    assert key.fingerprint in said.out
    assert key.material.decode() not in said.out + said.err
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600


def test_keygen_never_overwrites(tmp_path, capsys):
    main(["keygen"])
    assert main(["keygen"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("tfdeid: error:") and "never overwritten" in said and said.count("\n") == 1


def test_keygen_into_a_place_that_cannot_be(tmp_path, capsys):
    (tmp_path / "file").touch()
    assert main(["keygen", "--output", str(tmp_path / "file" / "key")]) == 2
    assert "can't be written" in capsys.readouterr().err
