"""People of attackers' training and those looked for are others, and so are images of gallery and probes."""

from __future__ import annotations

import numpy as np
import pytest

from tests.attack.identity.made import EACH, PEOPLE, pool
from tfdeid.attack.identity.division import divide
from tfdeid.attack.identity.options import IdentityOptions
from tfdeid.errors import DeidError


@pytest.mark.parametrize(("share", "gallery"), [(0.5, 5), (0.25, 1), (0.7, 7)])
def test_all_parts_are_disjoint(share, gallery):
    people = pool()
    division = divide(people, IdentityOptions(attacker_people=share, gallery_images=gallery), seed=3)
    parts = (division.training, division.gallery, division.probes)
    assert sorted(np.concatenate(parts)) == list(range(PEOPLE * EACH))
    trained = {people.values[number] for number in division.training}
    assert len(trained) == round(share * PEOPLE) and not trained & set(division.names)
    for numbers, whose, count in (
        (division.gallery, division.gallery_people, gallery),
        (division.probes, division.probe_people, EACH - gallery),
    ):
        assert [people.values[number] for number in numbers] == [division.names[person] for person in whose]
        assert list(np.bincount(whose)) == [count] * len(division.names)
    again = divide(people, IdentityOptions(attacker_people=share, gallery_images=gallery), seed=3)
    assert all(np.array_equal(a, b) for a, b in zip(parts, (again.training, again.gallery, again.probes)))


def test_numbers_say_nothing_of_names():
    names = [divide(pool(), IdentityOptions(), seed).names for seed in (0, 1)]
    assert names[0] != sorted(names[0]) and names[0] != names[1]


def test_who_has_few_images_is_left_to_attackers():
    people = pool()
    few = people.taking([k for k in range(PEOPLE * EACH) if k % EACH < (2 if k // EACH < 6 else EACH)])
    division = divide(few, IdentityOptions(gallery_images=5), 0)
    assert len(division.names) == 9 and len(set(division.training_people)) == 15
    assert not {f"name {k:02}" for k in range(6)} & set(division.names)


@pytest.mark.parametrize(("options", "people"), [({"gallery_images": 8}, 24), ({}, 9), ({"attacker_people": 0.9}, 24)])
def test_too_few_people_or_images(options, people):
    rule = r"5 people at least to look for, with more than gallery_images \d images each, and 5 others"
    with pytest.raises(DeidError, match=rf"{rule}, with two; of {people} values of 'who', .* Give more images, or lower"):
        divide(pool(people), IdentityOptions(**options), 0)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"attacker_people": 1.0}, r"attacker_people must be a share in \(0, 1\), attacker_people was 1.0"),
        ({"attacker_people": 0.0}, r"attacker_people must be a share in \(0, 1\)"),
        ({"distinctive_people": 1.5}, r"distinctive_people must be a share in \(0, 1\], distinctive_people was 1.5"),
        ({"distinctive_people": True}, "distinctive_people must be a share"),
        ({"gallery_images": 0}, r"gallery_images must be a whole number in \[1, 1000\], gallery_images was 0"),
    ],
)
def test_options_check_themselves(options, said):
    with pytest.raises(DeidError, match=said):
        IdentityOptions(**options)
