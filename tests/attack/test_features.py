"""What follows from records is worked out once for all that attack them, and for other records anew."""

from __future__ import annotations

import dataclasses

import numpy as np

from tests.attack.test_linkers import CONFIG, pictures
from tfdeid.attack.base import View
from tfdeid.attack.comparing import keyless
from tfdeid.attack.features import Features, features_of
from tfdeid.attack.shadow_keys import shadow_key

VIEW = View(keyless(CONFIG, pictures(4)), list("0123"), CONFIG, pictures(3, seed=1))


def test_who_knows_more_shares_them():
    granted = VIEW.knowing(key=shadow_key(0, 0))
    assert features_of(granted) is features_of(VIEW) and granted.key is not None and VIEW.key is None
    assert features_of(VIEW).cleaned is features_of(granted).cleaned


def test_they_hold_nothing_that_only_some_know():
    assert {field.name for field in dataclasses.fields(Features)} == {"records", "config", "public", "seed"}


def test_other_records_have_others():
    dark = dataclasses.replace(VIEW, records=np.zeros_like(VIEW.records))
    assert features_of(dark) is not features_of(VIEW)
    assert not features_of(dark).cleaned.any() and features_of(VIEW).cleaned.any()
