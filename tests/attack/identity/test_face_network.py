"""dlib's network on TensorFlow gives dlib's own vectors, and faces of people whom it never saw are told apart."""

from __future__ import annotations

import builtins
import sys

import numpy as np
import pytest

from tests.conftest import SHARED, absent
from tfdeid import DeidConfig
from tfdeid.attack.identity import IdentityOptions, face_network, reidentify
from tfdeid.attack.pool import open_pool
from tfdeid.data.sources import SourceConfig, open_source
from tfdeid.errors import DeidError, DeidWarning

FACES = SHARED / "data" / "faces"


@pytest.fixture(scope="module")
def dlib():
    try:
        import dlib

        face_network.weights_file()
    except (ImportError, DeidError):
        absent("the extra faces")
    return dlib


@pytest.fixture(scope="module")
def people(dlib):
    """Returns 240 photographs of 24 people."""
    if not FACES.is_dir():
        absent("the data folder ../shared")
    return open_pool(
        open_source(SourceConfig(f"folder:{FACES}")), "folder", None, DeidConfig("plain", 150, 150), 240, 0, whole_groups=True
    )


def test_vectors_are_those_of_dlib(dlib, people):
    chips = face_network.upright(people.images[:8:2])
    network = dlib.face_recognition_model_v1(str(face_network.weights_file()))
    own = np.array([network.compute_face_descriptor(chip, 0) for chip in chips])
    found = face_network.embeddings(chips)
    assert found.shape == (4, 128) and found.dtype == np.float32
    assert np.abs(found - own).max() < 1e-5 < np.abs(own).max()
    # Each thread has a detector of its own: one for all would end the process, now and then.
    alone = np.concatenate([face_network.upright([image]) for image in people.images[:12]])
    assert np.array_equal(face_network.upright([*people.images[:12]] * 4), np.concatenate([alone] * 4))
    gray = face_network.upright([people.images[0][..., :1]])
    assert gray.shape == (1, 150, 150, 3) and np.array_equal(gray[..., 0], gray[..., 2])


def test_plain_faces_are_recognised(people):
    """What is known: at 97 % and above, which the adapted recognizer does not fall below where nothing was done to records."""
    found = reidentify(
        people, DeidConfig("plain", 150, 150), None, IdentityOptions(attacker_people=0.25), recognizers=["dlib", "adapted"]
    )
    assert found.plain["dlib"].rank1.mean >= 0.97 and found.plain["dlib"].auc.mean > 0.99
    assert found.result()["rank1_dlib_plain"] == found.result()["plain_rank1_dlib"]
    assert found.result()["rank1_adapted_plain"] >= 95


def test_without_the_extra_others_go_on(monkeypatch):
    from tests.attack.identity.made import pool

    monkeypatch.setattr(face_network.importlib.util, "find_spec", lambda name: None)
    with pytest.warns(DeidWarning, match=r"the extra faces must be installed, face_recognition_models is missing. Run `pip"):
        found = reidentify(pool(planted=True), DeidConfig("plain", 16, 16), None, recognizers=["dlib", "adapted", "fisher"])
    assert set(found.failed) == {"dlib", "adapted"} and set(found.plain) == {"fisher"}


def test_without_dlib_it_is_said(dlib, monkeypatch):
    face_network._finders.cache_clear()
    real = builtins.__import__

    def without(name, *arguments, **options):
        if name == "dlib":
            raise ImportError(name)
        return real(name, *arguments, **options)

    monkeypatch.delitem(sys.modules, "dlib", raising=False)
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(DeidError, match="dlib-bin is missing"):
        face_network.upright([np.zeros((8, 8, 3), np.uint8)])


def test_another_network_s_weights_are_refused():
    with pytest.raises(DeidError, match="network of 29 layers, it has another"):
        face_network.read_weights(b"\x01\x05con_4\x01\x02\x01\x02\x01\x01\x01\x01\x01\x01" + bytes(8))
