"""What an attack is given: as many images as were asked for, none of them damaged, and no class that is not known."""

from __future__ import annotations

import pathlib
import warnings

import numpy as np
import pytest

from beam.deid import run
from tests.data.prepared import labelled, store
from tfdeid import Key
from tfdeid.attack import case
from tfdeid.attack.case import Target, open_case
from tfdeid.data.draw import pixels
from tfdeid.data.example import Example
from tfdeid.data.sources import SourceConfig, open_source
from tfdeid.errors import DeidError, DeidWarning


def rows(count: int, seed: int) -> list[dict]:
    """Returns examples of which every third has no label."""
    images = np.random.RandomState(seed).randint(0, 256, (count, 8, 8, 3)).astype(np.uint8)
    return [{"image": image, "label": k % 3 - 1} for k, image in enumerate(images)]


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> pathlib.Path:
    """Returns a data directory that holds datasets, their de-identified forms and the key."""
    folder = tmp_path_factory.mktemp("made")
    store(folder, labelled, {"train": rows(30, 1), "test": rows(30, 2), "extra": rows(9, 3)}, name="several")
    store(folder, labelled, {"train": rows(90, 4)}, name="one")
    Key.generate().save(folder / "key")
    options = ["--runner=FnApiRunner", f"--data_dir={folder}", f"--output_dir={folder}", f"--key={folder / 'key'}"]
    for name in ("several", "one"):
        assert run([*options, f"--dataset={name}", "--input_size=8", "--output_size=16"]) == 0
    return folder


@pytest.fixture
def opened(made):
    def call(name: str, **values):
        target = Target(f"{name}_deid", name, str(made), str(made), **{"num_images": 20, "num_public": 20, **values})
        return open_case(target, Key.load(made / "key"))

    return call


@pytest.mark.parametrize(
    ("name", "asked", "given"),
    # Of `one` 90 - 30 are left; `several` has 30 and 9 beside the split that is attacked.
    [
        ("one", 20, 20),
        ("one", 37, 37),
        ("one", 1000, 60),
        *(("several", count, count) for count in (20, 21, 39)),
        ("several", 40, 39),
    ],
)
def test_no_more_public_images_than_were_asked_for(opened, name, asked, given):
    with warnings.catch_warnings(action="error", category=DeidWarning):
        found = opened(name, num_public=asked)
    assert len(found.view.public) == len(found.view.public_labels) == given
    ours = {image.tobytes() for image in [*found.originals, *(pair[0] for pair in found.pairs)]}
    theirs = {image.tobytes() for image in found.view.public}
    assert len(ours) == len(found.originals) + len(found.pairs) and len(theirs) == given and not ours & theirs


@pytest.mark.parametrize("asked", (20, 27, 40))
def test_no_more_records_than_were_asked_for(opened, asked):
    # Of all 90, a tenth at most are known pairs.
    assert len(opened("one", num_images=asked, num_public=20).view.ids) == asked


def test_splits_give_equal_shares_and_fill_up_for_one_another(made):
    source = open_source(SourceConfig("several", str(made)))
    target = Target("", "several", num_public=26)
    public = case._public(source, "test", set(), target, pixels)
    assert len(public) == 26
    of_train = {pixels(example).tobytes() for example in source.read("train", 0, 30)}
    from_train = [one.image.tobytes() in of_train for one in public]
    # 13 of the first and all 9 of the other, and then 4 more of the first: the next that the seed draws.
    assert from_train == [True] * 13 + [False] * 9 + [True] * 4
    order = np.random.RandomState(target.seed + 1).permutation(30)[:17]
    assert [one.number for one, here in zip(public, from_train) if here] == list(order)


def test_unknown_labels_are_no_class(opened):
    found = opened("one")
    assert sorted(set(found.labels)) == sorted(set(found.view.public_labels)) == [-1, 0, 1]
    assert case._labels([Example(b"", label, "", 0) for label in (None, -1, 2)]) == [-1, -1, 2]


@pytest.mark.parametrize("reference", ["source", "input"])
def test_a_dataset_is_attacked_by_either(opened, reference):
    # Sources are 8 x 8, which is the input size, and no larger than records.
    found = opened("one", reference=reference)
    assert found.reference == reference and len(found.sources) == len(found.originals) == 20
    np.testing.assert_array_equal(found.sources, found.originals)
    np.testing.assert_array_equal(found.view.public_sources, found.view.public)


def fail_on(monkeypatch, is_damaged) -> None:
    def decode(example: Example):
        if is_damaged(example):
            raise DeidError("it is damaged.")
        return pixels(example)

    monkeypatch.setattr(case, "pixels", decode)


def test_damaged_records_and_originals_are_named_and_others_are_drawn(opened, made, monkeypatch):
    whole = opened("one")
    source = open_source(SourceConfig("one", str(made)))
    record, other = whole.view.ids[3], whole.view.ids[5]
    index = case._originals(source, "train", {other}, source.record_ids(whole.key, 2))[other][1].index
    fail_on(monkeypatch, lambda example: example.source_id in (record, str(index)))
    with pytest.warns(DeidWarning) as told:
        found = opened("one")
    said = " ".join(str(one.message) for one in told)
    assert "one_deid: left out 1 image that is damaged" in said and f"id '{record}': it is damaged." in said
    assert "one: left out 1 image that is damaged" in said and f"split 'train', example {index}, id '{index}': it is" in said
    assert len(set(found.view.ids)) == len(whole.view.ids) == 20
    # Those that come for them are the last of the draw, and here the first that were one too many.
    kept = [one for one in whole.view.ids if one not in (record, other)]
    assert found.view.ids[:18] == kept and len(found.labels) == len(found.originals) == 20


def test_a_damaged_public_image_is_replaced(opened, monkeypatch):
    images = {image.tobytes() for image in opened("one").view.public}
    fail_on(monkeypatch, lambda example: len(example.source_id) < 10 and example.index % 7 == 0)
    with pytest.warns(DeidWarning, match="one: left out .* damaged"):
        found = opened("one")
    assert len(found.view.public) == 20 and len({image.tobytes() for image in found.view.public} & images) < 20


def test_nothing_that_can_be_decoded_is_one_error(opened, monkeypatch):
    fail_on(monkeypatch, lambda example: True)
    with pytest.raises(DeidError, match="no record of one_deid, split 'train', has an image and an original to decode. split"):
        opened("one")
    fail_on(monkeypatch, lambda example: example.source_id.isdigit() and len(example.source_id) < 10)
    with pytest.raises(DeidError, match=r"to decode. split 'train', example \d+, id '\d+': it is damaged."):
        opened("one")


def test_a_record_of_another_shape_is_damaged():
    decode = case._decoding((2, 2, 3))
    assert decode(Example(np.zeros((2, 2, 3), np.uint8), 0, "", 0)).shape == (2, 2, 3)
    with pytest.raises(DeidError, match=r"must be of shape \[2, 2, 3\], it is of \[2, 2, 1\]"):
        decode(Example(np.zeros((2, 2, 1), np.uint8), 0, "", 0))
