"""Where keys come from, what is derived from them, and that nothing shows them."""

from __future__ import annotations

import base64
import copy
import hashlib
import hmac
import pickle
import sys
import traceback
import types

import pytest

from tfdeid import DeidError, Key

TEXT = base64.b64encode(bytes(range(32))).decode()


def test_generated_keys_differ_and_have_32_bytes():
    a, b = Key.generate(), Key.generate()
    assert a != b and a.fingerprint != b.fingerprint
    assert len(base64.b64decode(a.material, validate=True)) == 32


def test_fingerprint_is_16_hex_digits_and_stays():
    assert len(Key(TEXT).fingerprint) == 16 and int(Key(TEXT).fingerprint, 16) >= 0
    assert Key(TEXT).fingerprint == Key(TEXT.encode()).fingerprint


@pytest.mark.parametrize("text", [TEXT + "\n", f"  {TEXT}\t\r\n", TEXT.encode() + b"\n"])
def test_white_space_does_not_count(text):
    assert Key(text) == Key(TEXT)
    assert Key(text).material == TEXT.encode()


@pytest.mark.parametrize("text", ["", "secret!", TEXT[:40], TEXT + "é", "!" * 44, base64.b64encode(bytes(31)).decode()])
def test_what_is_no_key_is_refused_unquoted(text):
    with pytest.raises(DeidError, match="at least 32 random bytes") as caught:
        Key(text)
    shown = "".join(traceback.format_exception(caught.value))
    assert not text or text not in shown


def test_nothing_shows_a_key():
    key = Key(TEXT)
    shown = [repr(key), str(key), f"{key}", repr([key]), repr({"key": key})]
    assert all(TEXT not in text and key.fingerprint in text for text in shown)
    assert not hasattr(key, "__dict__")
    for strip in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match=r"Key\.save") as caught:
            strip(key)
        assert TEXT not in str(caught.value)


def test_files(tmp_path):
    key, path = Key(TEXT), tmp_path / "new" / "key"
    key.save(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert Key.load(path) == Key.load(str(path)) == key
    with pytest.raises(FileExistsError):
        Key.generate().save(path)
    assert Key.load(path) == key and len(list(path.parent.iterdir())) == 1


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_files_that_others_can_read_are_refused(tmp_path, mode):
    Key(TEXT).save(tmp_path / "key")
    (tmp_path / "key").chmod(mode)
    with pytest.raises(DeidError, match=r"0600.*chmod 600") as caught:
        Key.load(tmp_path / "key")
    assert TEXT not in str(caught.value)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(DeidError, match=r"no key file .*tfdeid keygen --output"):
        Key.load(tmp_path / "absent")
    with pytest.raises(DeidError, match="can't be read"):
        (tmp_path / "folder").mkdir(mode=0o700)
        Key.load(tmp_path / "folder")


def test_environment(monkeypatch):
    monkeypatch.setenv("MY_KEY", TEXT + "\n")
    assert Key.load("env:MY_KEY") == Key(TEXT)
    monkeypatch.delenv("MY_KEY")
    with pytest.raises(DeidError, match="MY_KEY"):
        Key.load("env:MY_KEY")


def test_the_published_key_warns():
    with pytest.warns(UserWarning, match="figures only"):
        key = Key.load("paper")
    assert key.material.startswith(b"jX4ZXXmM3qTg")


def test_secret_manager_without_its_library(monkeypatch):
    monkeypatch.setitem(sys.modules, "google.cloud", None)
    with pytest.raises(DeidError, match=r"pip install 'tfdeid\[gcp\]'"):
        Key.load("gcp-secret:projects/p/secrets/s/versions/1")


class FakeSecretManager:
    """Stands for google.cloud.secretmanager.SecretManagerServiceClient."""

    def access_secret_version(self, name: str):
        if name != "projects/p/secrets/s/versions/1":
            raise PermissionError("denied")
        return types.SimpleNamespace(payload=types.SimpleNamespace(data=TEXT.encode() + b"\n"))


def test_secret_manager(monkeypatch):
    module = types.SimpleNamespace(secretmanager=types.SimpleNamespace(SecretManagerServiceClient=FakeSecretManager))
    monkeypatch.setitem(sys.modules, "google.cloud", module)
    assert Key.load("gcp-secret:projects/p/secrets/s/versions/1") == Key(TEXT)
    with pytest.raises(DeidError, match="projects/q.*denied"):
        Key.load("gcp-secret:projects/q")


def test_default_key_is_made_once(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    key, path, created = Key.load_or_create_default()
    assert created and path == tmp_path / "tfdeid" / "key" and path.stat().st_mode & 0o777 == 0o600
    assert Key.load_or_create_default() == (key, path, False)


def test_hmac_keeps_parts_apart():
    key = Key(TEXT)
    assert key.hmac("ab", "c") != key.hmac("a", "bc") != key.hmac("abc")
    message = (2).to_bytes(8, "big") + b"ab" + (1).to_bytes(8, "big") + b"c"
    assert key.hmac("ab", b"c") == hmac.digest(TEXT.encode(), message, hashlib.sha256)


def test_subkeys_are_rfc_5869():
    pseudorandom = hmac.digest(bytes(32), TEXT.encode(), hashlib.sha256)
    expected = hmac.digest(pseudorandom, b"tfdeid masks\x01", hashlib.sha256)
    assert Key(TEXT).subkey("masks") == expected
    assert Key(TEXT).subkey("masks", 16) == expected[:16]
    assert Key(TEXT).subkey("order") != expected
