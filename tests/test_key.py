"""Where keys come from, what is derived from them, and that nothing shows them."""

from __future__ import annotations

import base64
import copy
import hashlib
import hmac
import os
import pickle
import sys
import traceback
import types

import pytest

from tfdeid import DeidError, Key
from tfdeid.commandline import absolute_key

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


RANDOM = "q7Rk0vXz2LmPw9sTbYd4FhJc1NgQe8Ua3ZiVo6KxWpM="
URL_SAFE = "q7Rk0vXz2-mPw9sTbYd4FhJc1NgQe8Ua3ZiVo6K_WpM="
MISTYPED = {
    "without its =": RANDOM[:-1],
    "quoted": f'"{RANDOM}"',
    "in words": " ".join(RANDOM[k : k + 4] for k in range(0, 44, 4)),
    "in lines": f" {RANDOM[:20]}\n{RANDOM[20:]}\n",
    "env:": f"env:{RANDOM}",
    "env: without =": f"env:{RANDOM[:-1]}",
    "gcp-secret:": f"gcp-secret:{RANDOM}",
    "file:": f"file:{RANDOM}",
    "a URL": f"gs://{RANDOM}",
    "key=": f"key={RANDOM}",
    "an option": f"--key={RANDOM}",
    "two of them": RANDOM + RANDOM,
    "64 bytes": base64.b64encode(hashlib.sha512(b"").digest()).decode(),
    "URL-safe": URL_SAFE,
    "URL-safe, without =": URL_SAFE[:-1],
    "hexadecimal": hashlib.sha256(b"").hexdigest(),
    "hexadecimal in words": " ".join(bytes(range(200, 232)).hex()[k : k + 8] for k in range(0, 64, 8)),
    "wrong characters": f"{RANDOM[:7]}!{RANDOM[8:20]}é{RANDOM[21:]}",
    "too short": RANDOM[:30],
    "a folder before it": f"/home/jane/My scans/{RANDOM[:-1]}",
    "a file ending": f"keys/{RANDOM}.txt",
    "a home": f"~{RANDOM[:-1]}",
    "a home's": f"~jane/{RANDOM[:-1]}",
    "much around it": f"{'the keys of ours ' * 20}{RANDOM[:-1]}{' and other words' * 20}",
    "very long": RANDOM * 300,
    "the published": "jX4ZXXmM3qTgAjez/1j/EVz5tCcmQ711bz8hqIMJap0",
    "of a count": base64.b64encode(bytes(range(32))).decode()[:-1],
}


@pytest.mark.parametrize("name", MISTYPED)
def test_the_text_of_a_key_in_place_of_a_reference_is_not_repeated(name):
    with pytest.raises(DeidError, match=r"say where the key lies .*Save it in a file") as caught:
        Key.load(MISTYPED[name])
    message = "".join(traceback.format_exception(caught.value, limit=0))
    text = "".join(character for character in MISTYPED[name].partition("secret:")[2] or MISTYPED[name] if character.isalnum())
    assert "jane" not in message and message.count("\n") == 1
    flat = "".join(character for character in message if character.isalnum())
    assert not any(text[k : k + 8] in flat for k in range(len(text) - 8)), message


def test_paths_that_look_like_paths_are_shown(tmp_path):
    for name in ("/home/jane/keys/scans-2024-customer", "MyKeys/K1.key", "C_2026/IMG_0001", "~/keys/Jane's key", "x" * 300):
        with pytest.raises(DeidError) as caught:
            Key.load(str(tmp_path / "absent" / name))
        assert name in str(caught.value).replace("'\"'\"'", "'")


def test_a_key_file_whose_name_looks_like_a_key_is_read(tmp_path):
    Key(TEXT).save(tmp_path / RANDOM.replace("/", ""))
    assert Key.load(tmp_path / RANDOM) == Key(TEXT)


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("", "is empty"),
        (" ", "is empty"),
        ("~nosuchuser/key", "~nosuchuser/key begins with ~"),
        ("gs://bucket/key", "must be a file's path.*'gs://bucket/key'"),
        ("file:///home/jane/key", "must be a file's path"),
        ("a\0b", "zero byte"),
        ("env:NO_SUCH_VARIABLE", "env:NO_SUCH_VARIABLE .*not set"),
        ("env:", "not set"),
        ("papers.key", "no key file papers.key"),
        ("my keys/key", "keygen --output '/.*/my keys/key'"),
        ("k" * 5000, "can't be read: File name too long"),
    ],
)
def test_references_that_lead_nowhere(reference, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DeidError, match=message) as caught:
        Key.load(reference)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "stands for 0 bytes"),
        (bytes(range(256)), r"\(256 characters\) is not base64: it is no text"),
        (TEXT.encode() + "é".encode(), "beyond ASCII"),
        (b"\xef\xbb\xbf" + TEXT.encode(), "byte order mark"),
        (TEXT.encode("utf-16"), "byte order mark"),
        (TEXT.encode() + b"\n" + TEXT.encode(), "several lines"),
        (b'"' + TEXT.encode() + b'"', "it is quoted"),
        (URL_SAFE.encode(), "URL-safe"),
        (RANDOM.encode()[:-1], "perhaps the = at the end"),
        (b"x" * 1_000_001, "it has 1,000,001 bytes"),
    ],
)
def test_key_files_that_hold_no_key(tmp_path, content, message):
    (tmp_path / "key").write_bytes(content)
    (tmp_path / "key").chmod(0o600)
    with pytest.raises(DeidError, match=rf"{tmp_path}/key .*{message}") as caught:
        Key.load(tmp_path / "key")
    assert "\n" not in str(caught.value) and RANDOM[:8] not in str(caught.value) and TEXT[:8] not in str(caught.value)


def test_a_key_file_may_have_lines_of_windows(tmp_path):
    (tmp_path / "key").write_bytes(TEXT.encode() + b"\r\n")
    (tmp_path / "key").chmod(0o600)
    assert Key.load(tmp_path / "key") == Key(TEXT)


def test_a_pipe_is_no_key_file(tmp_path):
    os.mkfifo(tmp_path / "pipe", 0o600)
    for path in (tmp_path / "pipe", "/dev/null"):
        with pytest.raises(DeidError, match=f"{path} can't be read: it is no regular file"):
            Key.load(path)


def test_a_reference_can_be_made_to_mean_the_same_everywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert absolute_key("keys/../key") == str(tmp_path / "key")
    monkeypatch.setenv("HOME", "/home/jane")
    assert absolute_key("~/key") == "/home/jane/key"
    for reference in ("paper", "env:KEY", "gcp-secret:projects/p/secrets/s/versions/1", "/keys/key"):
        assert absolute_key(reference) == reference


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


def test_a_default_key_that_cannot_be_written_is_one_clear_error(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "file"))
    with pytest.raises(DeidError, match=r"can't be written: Not a directory\. .*--key.*tfdeid keygen --output PATH"):
        Key.load_or_create_default()


def test_without_a_home_the_default_key_is_one_clear_error(monkeypatch):
    for name in ("HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # As for a user who has no name.
    with pytest.raises(DeidError, match="no home folder is known here"):
        Key.load()


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
