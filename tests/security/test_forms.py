"""The search that the tests of secrets rest on finds each form in which a secret could lie somewhere, and nothing else."""

from __future__ import annotations

import base64
import bz2
import gzip
import lzma
import pickle
import zlib

import numpy as np
import pytest

from tests.security.forms import TYPES, Secrets
from tfdeid import Key
from tfdeid.schemes.structural import PositionOPE

NOISE = np.random.RandomState(0).bytes(5000)


@pytest.fixture(scope="module")
def key() -> Key:
    return Key.generate()


@pytest.fixture(scope="module")
def secrets(key) -> Secrets:
    return Secrets(key)


def planted(form: bytes) -> bytes:
    return NOISE + b" " + form + b" " + NOISE[:1001]


def test_nothing_is_found_where_nothing_is(secrets):
    assert secrets.found_in(NOISE) == secrets.found_in(b"") == secrets.found_in(bytes(10_000)) == []
    # Downwards, since some keys' tables rise by 1 somewhere.
    assert secrets.found_in(" ".join(map(str, range(2000, 0, -1))).encode()) == []
    assert Secrets(Key.generate()).found_in(b" ".join(secrets.forms.values())) == []


def test_every_form_of_the_key_is_found():
    # One whose text has + and /. Its forms are made here anew: the search can't tell what it lacks.
    key = Key(base64.b64encode(bytes(range(224, 256))))
    secrets = Secrets(key)
    text = key.material.rstrip(b"=")
    data = base64.b64decode(key.material)
    forms = {
        "text": text,
        "quoted text": text.replace(b"+", b"%2B").replace(b"/", b"%2F"),
        "urlsafe base64": text.replace(b"+", b"-").replace(b"/", b"_"),
        "bytes": data,
        "bytes backwards": bytes(reversed(data)),
        "escaped bytes": f"{data}"[2:-1].encode(),
        "listed bytes": f"{list(data)}"[1:-1].encode(),
        "hex": b"".join(b"%02x" % byte for byte in data),
        "hex of the text": b"".join(b"%02x" % byte for byte in key.material),
        "subkey negative_positive, 3 channels": key.subkey("negative_positive, 3 channels"),
        "subkey block_shuffle, 3 channels": key.subkey("block_shuffle, 3 channels"),
    }
    assert forms.keys() == secrets.forms.keys()
    for name, form in forms.items():
        assert f"key as {name}" in secrets.found_in(planted(form)), name
    assert "key as hex" in secrets.found_in(planted(forms["hex"].upper()))


def test_further_keys_and_tables_are_found(key):
    other, ope = Key.generate(), PositionOPE(Key.generate(), axes="independent")
    secrets = Secrets(key, derived={"another": other}, encryptions={"an image": ope})
    assert "key as text of another" in secrets.found_in(planted(other.material))
    assert "key as bytes of another" in secrets.found_in(planted(base64.b64decode(other.material)))
    for axis, encrypt in (("x", ope.encrypt_x), ("y", ope.encrypt_y)):
        found = secrets.found_in(f"{encrypt(np.arange(100, 110) / 10).tolist()}".encode())
        assert f"warp in pixels of an image, {axis} as text" in found


@pytest.mark.parametrize("pack", [base64.b64encode, zlib.compress, bz2.compress, gzip.compress, lzma.compress])
def test_what_is_packed_is_found(secrets, key, pack):
    # Long enough that nothing packs it by leaving it as it is.
    inner = pickle.dumps({"key": key.material, "rest": b"rest " * 500})
    assert "key as text" in secrets.found_in(pack(inner))
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        assert "key as text" in secrets.found_in(planted(encode(pack(inner))))


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: kind.str)
def test_the_table_is_found_as_numbers_at_any_place(secrets, kind):
    for name, table in secrets.tables.items():
        if kind.kind == "i" and name.endswith("pixels"):
            continue
        for shift in range(kind.itemsize):
            part = table[200 + shift : 206 + shift].astype(kind).tobytes()
            assert f"{name} as {kind.str}" in secrets.found_in(NOISE[: 1000 + shift] + part + NOISE)


@pytest.mark.parametrize("kind", ["<i8", ">i8", "<i4", ">i4", "<f8", ">f8", "<f4", ">f4"])
def test_what_the_encryption_makes_is_found(secrets, key, kind):
    """As numbers made here anew, in tenths and in pixels, from the encryption of 0 and not."""
    ope = PositionOPE(key)
    tenths = np.rint(10 * ope.encrypt(np.arange(100, 110) / 10))
    for values in (tenths, tenths + ope.offset, *((tenths / 10, (tenths + ope.offset) / 10) if "f" in kind else ())):
        assert secrets.found_in(NOISE[:1000] + values.astype(kind).tobytes() + NOISE)


@pytest.mark.parametrize("form", [repr, lambda part: " ".join(map(str, part.tolist())), lambda part: f"{part.tolist()}"])
def test_the_table_is_found_as_text(secrets, form):
    for name, table in secrets.tables.items():
        assert f"{name} as text" in secrets.found_in(planted(form(table[100:106]).encode()))
        assert secrets.found_in(form(table[100:106:2]).encode()) == []


def test_the_table_is_found_in_a_pickle(secrets):
    for name, table in secrets.tables.items():
        assert f"{name} as pickled numbers" in secrets.found_in(pickle.dumps({"table": table[100:106].tolist()}))
        assert secrets.found_in(pickle.dumps(table[100:106:2].tolist())) == []
