"""An id is one image's, and tells nothing without the key."""

from __future__ import annotations

import dataclasses
import hashlib

import numpy as np
import pytest

from tfdeid.data.example import Example, RecordIds, digest, digest_of_all
from tfdeid.data.sources import SourceConfig, open_source
from tfdeid.image import encode_png
from tfdeid.key import Key

KEY = Key.generate()
EXAMPLE = Example(b"image", 3, "patient 1", 17)


def test_ids_of_both_versions_are_made_as_documented():
    assert RecordIds(KEY, "scans", 1)("train", EXAMPLE) == KEY.hmac("scans", "train", "patient 1")[:16].hex()
    image = hashlib.sha256(b"image").digest()
    assert (
        RecordIds(KEY, "scans", 2)("train", EXAMPLE)
        == KEY.hmac("record", "scans", "train", "patient 1", "17", image)[:16].hex()
    )


@pytest.mark.parametrize("change", ["key", "source_name", "split", "source_id", "index", "image"])
def test_whatever_makes_an_image_another_makes_another_id(change):
    ids, split, example = RecordIds(KEY, "scans", 2), "train", EXAMPLE
    first = ids(split, example)
    if change == "split":
        split = "test"
    elif change in ("source_id", "index", "image"):
        example = dataclasses.replace(example, **{change: {"source_id": "patient 2", "index": 18, "image": b"imagf"}[change]})
    else:
        ids = dataclasses.replace(ids, **{change: Key.generate() if change == "key" else "y"})
    assert ids(split, example) != first
    assert RecordIds(KEY, "scans", 2)("train", dataclasses.replace(EXAMPLE, label=1)) == first, "a label makes no other image"


def test_two_folders_of_the_same_name_and_file_names_have_no_id_in_common(tmp_path):
    all_ids = []
    for number, place in enumerate(("one", "two")):
        folder = tmp_path / place / "scans" / "a"
        folder.mkdir(parents=True)
        for name in ("1.png", "2.png"):
            (folder / name).write_bytes(encode_png(np.full((4, 4, 3), number, np.uint8)))
        source = open_source(SourceConfig(f"folder:{folder.parent}"))
        ids = source.record_ids(KEY, 2)
        all_ids += [ids("train", example) for example in source.read("train", 0, 2)]
        assert source.name == "scans"
    assert len(set(all_ids)) == 4


def test_a_digest_tells_of_image_and_label_and_not_of_the_order():
    other = dataclasses.replace(EXAMPLE, label=2), dataclasses.replace(EXAMPLE, image=b"imagf")
    assert len({digest(example) for example in (EXAMPLE, *other)}) == 3
    assert digest(dataclasses.replace(EXAMPLE, index=5, source_id="x")) == digest(EXAMPLE)
    array = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    assert digest(Example(array, None, "", 0)) == digest(Example(array.copy(), None, "", 0))
    digests = {"a": b"1" * 32, "b": b"2" * 32}
    assert digest_of_all(KEY, digests) == digest_of_all(KEY, dict(reversed(digests.items())))
    assert digest_of_all(KEY, digests) != digest_of_all(KEY, {"a": b"2" * 32, "b": b"1" * 32})
    assert digest_of_all(KEY, digests) != digest_of_all(Key.generate(), digests), "whoever guesses originals can't check it"
