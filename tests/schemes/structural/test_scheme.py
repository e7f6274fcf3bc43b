"""The scheme's modes: one warp for all images, axes of their own, pools of warps, a warp for each image."""

from __future__ import annotations

import base64
import collections
import hashlib
import hmac
import itertools
import subprocess
import sys
import warnings

import numpy as np
import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pyope.ope import OPE, ValueRange

from tests.conftest import ROOT
from tfdeid import DeidConfig, Deidentifier, DeidError, Key
from tfdeid.schemes.structural import PositionOPE, rasterize, vectorize
from tfdeid.schemes.structural.scheme import Structural, table_seconds

IMAGE = np.random.RandomState(0).randint(0, 256, (16, 16, 3), np.uint8)
PIXELS = np.array([-2.5, 0.0, 3.1, 7.0, 16.0])


def scheme(key: Key, **options) -> Structural:
    return Structural(DeidConfig(**{"input_size": 16, "output_size": 32, **options}), key)


def derived(text: bytes, label: str) -> bytes:
    """Returns a derived key's text, worked out without the program's own means."""
    subkey = HKDF(SHA256(), 32, salt=None, info=f"tfdeid structural v1, {label}".encode()).derive(text)
    return base64.b64encode(subkey)


def by_pyope(text: bytes) -> list[float]:
    cipher = OPE(text, in_range=ValueRange(-9999, 9999), out_range=ValueRange(-99999, 99999))
    return [(cipher.encrypt(round(10 * value)) - cipher.encrypt(0)) / 10 for value in PIXELS.tolist()]


def pick(key: Key, count: int, image_id: str) -> int:
    message = b"".join(
        len(part).to_bytes(8, "big") + part for part in (b"structural v1, pool of %d" % count, image_id.encode())
    )
    return int.from_bytes(hmac.digest(key.material, message, hashlib.sha256)[:8], "big") % count


@pytest.mark.parametrize("axes", ["shared", "independent"])
@pytest.mark.parametrize("scope", ["dataset", "pool:5", "image"])
def test_every_mode_is_pyope_under_the_derived_key(fixed_key, scope, axes):
    for image_id, version in itertools.product("ab", (1, 2)):
        more = "" if version == 1 else ", input size 16"
        text = {
            "dataset": fixed_key.material,
            "pool:5": derived(fixed_key.material, f"table {pick(fixed_key, 5, image_id + more)}{more} of a pool of 5"),
            "image": derived(fixed_key.material, f"image {image_id}{more}"),
        }[scope]
        x, y = (text, text) if axes == "shared" else (derived(text, "axis x"), derived(text, "axis y"))
        ope = scheme(fixed_key, key_scope=scope, axes=axes, algorithm_version=version).position_ope(image_id)
        assert ope.encrypt_x(PIXELS).tolist() == by_pyope(x)
        assert ope.encrypt_y(PIXELS).tolist() == by_pyope(y)
        assert ope.canvas_size(16, 7) == (by_pyope(x)[-1], by_pyope(y)[-2])


@pytest.mark.parametrize("options", [{}, {"axes": "independent"}, {"key_scope": "pool:3"}, {"key_scope": "image"}])
def test_an_image_is_painted_from_its_own_encryption(fixed_key, options):
    found = scheme(fixed_key, **options)
    moved = found.position_ope("a")(vectorize(IMAGE, "default"))
    np.testing.assert_array_equal(found(IMAGE, "a"), rasterize(moved, 32))
    np.testing.assert_array_equal(scheme(Key(fixed_key.material), **options)(IMAGE, "a"), found(IMAGE, "a"))
    if options:
        assert (found(IMAGE, "a") != scheme(fixed_key)(IMAGE)).any()


def test_independent_axes_move_each_coordinate_in_order(fixed_key):
    drawing, ope = vectorize(IMAGE, "default"), PositionOPE(fixed_key, axes="independent")
    moved = ope(drawing)
    np.testing.assert_array_equal(moved.points[:, 0], ope.encrypt_x(drawing.points[:, 0]))
    np.testing.assert_array_equal(moved.points[:, 1], ope.encrypt_y(drawing.points[:, 1]))
    for axis in (0, 1):
        before, after = (np.unique(image.points[:, axis], return_inverse=True)[1] for image in (drawing, moved))
        np.testing.assert_array_equal(before, after)
    assert (moved.width, moved.height) == ope.canvas_size(16, 16) and moved.width != moved.height


def test_what_is_for_shared_axes_alone(fixed_key):
    ope, shared = PositionOPE(fixed_key, axes="independent"), PositionOPE(fixed_key)
    for use in (lambda: ope.offset, lambda: ope.canvas(16), lambda: ope.encrypt(PIXELS)):
        with pytest.raises(DeidError, match=r"is for shared axes, and these are independent\. Use "):
            use()
    assert len(set(ope.offsets)) == 2 and shared.offsets == (shared.offset,) * 2
    assert shared.canvas_size(16, 8) == (shared.canvas(16), shared.canvas(8))
    with pytest.raises(DeidError, match="unknown axes 'x'"):
        PositionOPE(fixed_key, axes="x")


def test_a_pool_is_used_evenly_and_its_tables_are_kept(fixed_key):
    pooled = scheme(fixed_key, key_scope="pool:8")
    made = collections.Counter(id(pooled.position_ope(f"{k:032x}")) for k in range(1600))
    assert len(made) == 8 and all(150 <= count <= 250 for count in made.values())
    assert len({pooled.position_ope(str(k)).canvas(16) for k in range(80)}) == 8
    other = scheme(fixed_key, key_scope="pool:9")  # Pools of other sizes have other tables.
    assert not {ope.offset for ope in other._pool.values()} & {ope.offset for ope in pooled._pool.values()}


def test_picks_are_those_of_another_process(fixed_key, tmp_path):
    fixed_key.save(tmp_path / "key")
    code = (
        "import sys; from tfdeid import Key, DeidConfig; from tfdeid.schemes.structural.scheme import Structural\n"
        "found = Structural(DeidConfig(input_size=16, output_size=32, key_scope='pool:6'), Key.load(sys.argv[1]))\n"
        "print(*(found.position_ope(str(k)).canvas(16) for k in range(12)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "key")], cwd=ROOT, capture_output=True, text=True, check=True
    )
    pooled = scheme(fixed_key, key_scope="pool:6")
    assert done.stdout.split() == [str(pooled.position_ope(str(k)).canvas(16)) for k in range(12)]


def test_tables_of_images_differ_and_are_not_kept(fixed_key):
    found = scheme(fixed_key, key_scope="image")
    assert len({found.position_ope(str(k)).encrypt(PIXELS).tobytes() for k in range(20)}) == 20
    assert found.position_ope("a") is not found.position_ope("a") and not found._pool
    # Which numbers are known does not matter: the owner may ask for all.
    used, fresh = found.position_ope("a"), found.position_ope("a")
    used(vectorize(IMAGE, "default"))
    np.testing.assert_array_equal(used.encrypt(np.arange(0, 16, 0.1)), fresh.encrypt(np.arange(0, 16, 0.1)))


@pytest.mark.parametrize("options", [{}, {"axes": "independent"}, {"key_scope": "pool:64"}, {"key_scope": "image"}])
def test_too_large_an_output_is_warned_of_once(fixed_key, options):
    with pytest.warns(UserWarning, match="more than 70 % of the encrypted canvas") as caught:
        large = Deidentifier(DeidConfig(input_size=16, output_size=200, **options), fixed_key)
        for image_id in "abc":
            large(IMAGE, image_id)
    assert len(caught) == 1 and ("for some images" in str(caught[0].message)) == ("key_scope" in options)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scheme(fixed_key, **options)


def test_the_shorter_side_counts_for_the_warning(fixed_key):
    sides = PositionOPE(fixed_key, axes="independent").canvas_size(16, 16)
    between = round(0.7 * (min(sides) + max(sides)) / 2)
    with pytest.warns(UserWarning, match="more than 70 %"):
        scheme(fixed_key, axes="independent", output_size=between)


def test_estimates_grow_with_the_work():
    shared, image = DeidConfig(), DeidConfig(key_scope="image")
    assert table_seconds(DeidConfig(axes="independent")) == 2 * table_seconds(shared)
    assert 0 < table_seconds(image) < table_seconds(shared) < table_seconds(DeidConfig(input_size=224))
    assert table_seconds(DeidConfig(key_scope="image", coordinate_decimals=0)) < table_seconds(image)
