"""Re-identification on people made up: what is known must come out."""

from __future__ import annotations

import dataclasses
import functools
import json
from typing import ClassVar

import numpy as np
import pytest

from tests.attack.identity.made import PEOPLE, pool
from tfdeid import DeidConfig, Deidentifier, Key
from tfdeid.attack.identity import IdentityOptions, engine, reidentify
from tfdeid.attack.identity.base import Form, Recognizer
from tfdeid.attack.identity.findings import Way
from tfdeid.attack.identity.recognizers.trained import Trained
from tfdeid.attack.pool import Pool
from tfdeid.attack.text import section_text
from tfdeid.errors import DeidError, DeidWarning

KEY = Key("A" * 42 + "g=")
QUICK = ["hog", "fisher"]
PLAIN = DeidConfig("plain", 16, 16)
CHANCE = 2 / PEOPLE


class Told(Recognizer):
    """Reads who it is off the first pixel, and notes what it is given."""

    name, about = "told", "reads the first pixel"
    seen: ClassVar[dict] = {}

    def fit(self, view):
        type(self).seen = {"view": view}

    def embed(self, images, form):
        type(self).seen.setdefault(form, []).append(list(images))
        return np.stack([image[0, 0].astype(np.float32) - 128 for image in images])


@pytest.fixture
def told(monkeypatch) -> type[Told]:
    monkeypatch.setitem(engine.RECOGNIZERS, "told", Told)
    return Told


def test_a_planted_identity_is_found():
    found = reidentify(pool(planted=True), PLAIN, None, recognizers=QUICK)
    assert found.plain["fisher"].rank1.mean == 1 and found.best.recognizer == "fisher"
    best = found.best.figures
    assert (best.rank1.mean, best.auc.mean, best.eer.mean) == pytest.approx((1, 1, 0))
    result = found.result()
    assert result["reidentified"] == result["rank1_fisher_plain"] == result["plain_rank1_fisher"] == 100
    assert result["reidentified_low"] < 100 and result["reidentified_chance"] == pytest.approx(100 * CHANCE)


def test_people_who_have_nothing_in_common_are_not_found():
    """Images of noise: on plain ones and on records, intervals hold chance, but for one in twenty."""
    found = reidentify(pool(people=60), PLAIN, None, recognizers=QUICK)
    for figures in [*found.plain.values(), *(attempt.figures for attempt in found.attempts)]:
        assert figures.rank1.mean < 0.09 and abs(figures.auc.mean - 0.5) < 0.08


def test_constant_records_are_at_chance_for_all(monkeypatch):
    """Whatever images say plainly: equal vectors have equal scores, of which none is the highest."""
    monkeypatch.setitem(engine.RECOGNIZERS, "trained", functools.partial(Trained, 3))
    found = reidentify(pool(planted=True), DeidConfig("blackout", 16, 16), None, recognizers=[*QUICK, "trained"])
    assert {attempt.recognizer for attempt in found.attempts} == {*QUICK, "trained"}
    for attempt in found.attempts:
        figures = attempt.figures
        assert figures.rank1.mean == pytest.approx(CHANCE), attempt
        assert figures.rank5.mean == pytest.approx(5 * CHANCE) and figures.auc.mean == pytest.approx(0.5)
    assert found.plain["fisher"].rank1.mean > 0.9


def test_attackers_never_see_what_the_owner_s_key_makes_of_others(told):
    """Probes alone are made by the owner's key, with the ids that they have in the dataset; the rest by others."""
    config = DeidConfig("negative_positive", 16, 16, key_scope="image")
    people = pool(planted=True)
    found = reidentify(people, config, KEY, recognizers=["told"])
    division = engine.divide(people, IdentityOptions(), 0)
    owner = Deidentifier(config, KEY)
    gallery, probes = told.seen[Form.RECORD]
    assert all(np.array_equal(record, owner(people.images[k], people.ids[k])) for k, record in zip(division.probes, probes))
    by_owner = {owner(image, name).tobytes() for image, name in zip(people.images, people.ids)}
    view = told.seen["view"]
    assert not by_owner & {record.tobytes() for record in [*gallery, *view.images[Form.RECORD]]}
    assert len(view.images[Form.RECORD]) == 2 * len(view.images[Form.PLAIN])
    assert list(view.people[Form.RECORD]) == list(view.people[Form.PLAIN][view.origins[Form.RECORD]])
    assert Form.CLEANED not in view.images and {attempt.way for attempt in found.attempts} == {Way.PLAIN, Way.SCHEME}
    with pytest.raises(DeidError, match="needs a key"):
        reidentify(people, config, None, recognizers=["told"])


def test_what_is_traced_is_cleaned_too(told):
    found = reidentify(pool(planted=True), DeidConfig("structural", 16, 32), KEY, recognizers=["told", "hog"])
    assert {attempt.way for attempt in found.attempts} == set(Way)
    assert {"rank1_hog_plain", "rank1_hog_plain_cleaned", "rank1_hog_scheme", "rank1_hog_cleaned"} < found.result().keys()


def test_the_most_distinctive_people_are_kept():
    """A third of the people have a planted pixel of their own colour; the others share one."""
    people = pool(people=36, planted=True)
    images = [image.copy() for image in people.images]
    for number, image in enumerate(images):
        if number // 8 % 3:
            image[0, 0] = 128
    mixed = Pool(images, people.ids, people.values, "who")
    options = IdentityOptions(distinctive_people=0.3)
    found = reidentify(mixed, PLAIN, None, options, recognizers=QUICK)
    planted = {f"name {person:02}" for person in range(0, 36, 3)}
    assert len(found.names) == 5 and set(found.names) <= planted
    assert found.chance == 1 / 5 and found.probes == 15 and found.best.figures.rank1.mean == 1
    everybody = reidentify(mixed, PLAIN, None, recognizers=QUICK)
    assert everybody.best.figures.rank1.mean < 0.6
    assert {everybody.names[place] for place in everybody.worst_served(3)} <= planted


def test_one_that_fails_is_said_and_others_go_on(monkeypatch):
    class Broken(Told):
        name = "broken"

        def fit(self, view):
            raise DeidError("the extra faces must be installed.")

    class Odd(Told):
        name = "odd"

        def embed(self, images, form):
            return np.full((len(images), 2), np.nan, np.float32)

    for recognizer in (Broken, Odd):
        monkeypatch.setitem(engine.RECOGNIZERS, recognizer.name, recognizer)
    with pytest.warns(DeidWarning, match="the recognizer broken failed: the extra faces"):
        found = reidentify(pool(planted=True), PLAIN, None, recognizers=["broken", "odd", "fisher"])
    assert set(found.failed) == {"broken", "odd"} and found.best.recognizer == "fisher"
    assert "`broken` failed, which proves nothing" in section_text(found.section())
    with pytest.warns(DeidWarning):
        none = reidentify(pool(), PLAIN, None, recognizers=["broken"])
    assert none.best is None and "No recognizer could be carried out" in none.sentence()
    assert none.result().keys() == {"reidentified_chance"}


def test_names_of_people_are_on_the_private_page_alone():
    found = reidentify(pool(planted=True), PLAIN, None, recognizers=QUICK)
    section = found.section()
    assert all("name " in line for line in section.private) and len(section.private) == 5
    assert "name 0" not in section_text(section) + json.dumps(section.figures) + repr(found)
    assert {row[0] for row in section.rows} == {*QUICK} and all(len(row) == len(section.head) for row in section.rows)
    worst = section.figures["worst_served"]
    assert [line["rank1"] for line in worst] == [1.0] * 5 and worst[0]["person"] in found.numbers


def test_the_same_seed_gives_the_same():
    config = DeidConfig("negative_positive", 16, 16)
    first, again = (reidentify(pool(planted=True), config, KEY, seed=4, recognizers=QUICK) for _ in range(2))
    assert first.result() == again.result() != reidentify(pool(planted=True), config, KEY, seed=5, recognizers=QUICK).result()
    assert first.section().private == again.section().private
    assert [dataclasses.asdict(one.figures.rank1) for one in first.attempts] == [
        dataclasses.asdict(one.figures.rank1) for one in again.attempts
    ]
