"""Parts that ask who it is, what is written and what else is told: what they give to attackers, and what is kept."""

from __future__ import annotations

import dataclasses
import json
import types

import numpy as np
import pytest
from PIL import Image

from tfdeid import DeidConfig, DeidError, Key
from tfdeid.data.sources import SourceConfig, open_source
from tfdeid.experiments.parts import Identifying, Inferring, Reading, Training, identifying
from tfdeid.experiments.parts.attacking import attackers
from tfdeid.experiments.parts.training import record_bytes
from tfdeid.experiments.scale import QUICK
from tfdeid.experiments.splits import Splits, held_out
from tfdeid.experiments.workshop import Workshop

SMALL = DeidConfig("plain", 8, 16)


@pytest.fixture
def dataset(tmp_path):
    """Returns a folder of 100 images of ten people, one split."""
    for number in range(100):
        path = tmp_path / "photo albums" / f"p{number % 10}" / f"{number:03}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 10, 3), number, np.uint8)).save(path)
    return f"folder:{tmp_path / 'photo albums'}"


@pytest.fixture
def workshop(dataset, tmp_path):
    Key.generate().save(tmp_path / "key")
    return Workshop(tmp_path / "out", None, str(tmp_path / "key"), held_out(SourceConfig(dataset)))


def answering(asked, **result):
    def answer(*given, **more):
        asked.append((given, more))
        return types.SimpleNamespace(result=lambda: result, best=object(), failed={})

    return answer


def levels(pool):
    """Returns the levels of a pool's images: no two have the same."""
    return {int(image[0, 0, 0]) for image in pool.images}


def test_who_it_is_is_asked_of_all_images(workshop, dataset, monkeypatch):
    asked = []
    monkeypatch.setattr("tfdeid.attack.identity.reidentify", answering(asked, reidentified=7.0))
    part = Identifying(SMALL, "folder", 75, dataset=dataset)
    assert part.result(workshop) == {"reidentified": 7.0} == part.result(workshop) and len(asked) == 1
    ((pool, config, key), _) = asked[0]
    # All of a person or none.
    assert len(pool.images) == 70 and len(set(pool.values)) == 7 and config == SMALL and key is workshop.key


def test_a_part_that_lacks_a_recognizer_is_none(workshop, dataset, monkeypatch):
    part = Identifying(SMALL, "folder", 75, dataset=dataset)
    name = part.name(workshop)
    failed = types.SimpleNamespace(result=dict, best=object(), failed={"dlib": "it broke"})
    monkeypatch.setattr("tfdeid.attack.identity.reidentify", lambda *_, **__: failed)
    monkeypatch.setattr(identifying, "knows_faces", lambda: True)
    with pytest.raises(DeidError, match="recognizers failed.* dlib: it broke"):
        part.result(workshop)
    monkeypatch.setattr(identifying, "knows_faces", lambda: False)
    assert part.result(workshop) == {} and part.is_kept(workshop)
    # Once the recognizer is installed, it is another part.
    monkeypatch.setattr(identifying, "knows_faces", lambda: True)
    assert not part.is_kept(workshop) and name.startswith("identify_photo_albums_plain_8_16_")


def test_what_attackers_learn_from_is_none_of_what_they_attack(workshop, dataset, monkeypatch):
    asked = []
    monkeypatch.setattr("tfdeid.attack.inference.infer", answering(asked, inferred=1.0))
    assert Inferring(SMALL, "folder", 500, 30, dataset=dataset).result(workshop) == {"inferred": 1.0}
    ((pool, public, config, _), _) = asked[0]
    assert len(pool.images) == 20 and len(public.images) == 30 and not levels(pool) & levels(public) and config == SMALL


@pytest.mark.parametrize(("number", "read", "public"), [(15, 15, 40), (60, 60, 0)])
def test_texts_are_read_in_the_split_to_test_on_or_where_it_is_small_in_all(
    workshop, dataset, number, read, public, monkeypatch
):
    asked = []
    monkeypatch.setattr("tfdeid.attack.reading.read_text", answering(asked, read=2.0))
    assert Reading(SMALL, "folder", number, 40, dataset=dataset).result(workshop) == {"read": 2.0}
    ((pool, _, _, _, _, images, inverts), more) = asked[0]
    assert len(pool.images) == read and len(images) == public and inverts is bool(public) and more == {"mosaics": ()}
    assert not levels(pool) & {int(image[0, 0, 0]) for image in images}


def test_a_source_that_is_cut_in_two_is_read_the_same_way_by_the_pipeline(workshop, dataset):
    from beam.options import parse

    assert workshop.splits(dataset) == Splits("train", "test") and workshop.side(dataset) == 8
    part = Training(SMALL, 0, recipe=QUICK.recipe, dataset=dataset)
    _, source, deid, _ = parse(part.deid_options(workshop))
    assert source == held_out(SourceConfig(dataset)) and deid == SMALL
    assert dict(open_source(source).splits) == {"train": 80, "test": 20} == dict(workshop.source(dataset).splits)
    assert part.name(workshop).startswith("train_seed0_photo_albums_plain_8_16_")
    # Another fifth is another source.
    other = dataclasses.replace(held_out(SourceConfig(dataset)), class_seed=1)
    again = Workshop(workshop.folder, None, workshop.key_reference, other)
    assert part.name(again) != part.name(workshop) and again.data(dataset) != workshop.data(dataset)


def test_the_size_of_a_record_is_that_of_the_split_that_was_tested_on(tmp_path):
    # Whatever splits the source has: a configuration file may draw others from them.
    splits = [{"name": "train", "numBytes": "900", "shardLengths": ["3"]}]
    splits += [{"name": "test", "numBytes": "500", "shardLengths": ["2", "3"]}]
    (tmp_path / "dataset_info.json").write_text(json.dumps({"splits": splits}))
    assert (
        record_bytes(tmp_path, "test") == record_bytes(tmp_path, "test[:2]") == 100 and record_bytes(tmp_path, "train") == 300
    )


@pytest.mark.parametrize(
    ("scheme", "is_trained"), [("plain", False), ("vectorized", True), ("pixelate", True), ("structural", True)]
)
def test_networks_try_to_give_back_whatever_is_missing(scheme, is_trained):
    chosen = set(attackers(DeidConfig(scheme, 32)))
    assert "published" in chosen and ({"learned_inversion", "learned_linkage"} <= chosen) == is_trained
