"""The paper's figures."""

from __future__ import annotations

import json

import pytest

from tests.conftest import SHARED, absent
from tfdeid import DeidConfig
from tfdeid.reproduce import paper


def test_table_2_is_transcribed():
    path = SHARED / "oracle" / "paper_tables.json"
    if not path.exists():
        absent("the paper's figures in ../shared")
    table = json.loads(path.read_text())["table2"]
    assert list(paper.SIZES) == [row[0] for row in table["rows"]]
    for row in table["rows"]:
        printed = dict(zip(table["columns"], row, strict=True))
        assert paper.table_2(printed.pop("size")) == pytest.approx(printed, abs=6e-5)
    assert paper.table_2(33) == {}


@pytest.mark.parametrize(
    ("changes", "more", "apart"),
    [
        ({}, {}, ""),
        ({"input_size": 32, "backend": "cairo"}, {}, ""),
        ({"scheme": "vectorized"}, {}, "scheme vectorized"),
        ({"output_size": 75}, {}, "output_size 75"),
        ({"preset": "detailed"}, {}, "preset detailed"),
        ({"grayscale": True}, {}, "grayscale True"),
        ({"coordinate_decimals": 0, "axes": "independent"}, {}, "coordinate_decimals 0, axes independent"),
        ({"key_scope": "image"}, {}, "key_scope image"),
        ({"colors": "keyed", "bend": True}, {}, "colors keyed, bend True"),
        ({}, {"key": None}, "another key than 'paper'"),
        ({}, {"key": "papers.key"}, "another key than 'paper'"),
        ({}, {"alpha": 0.4}, "alpha 0.4"),
        ({}, {"split": None}, "another split than 'test'"),
        ({}, {"is_selection": True}, "a selection of its images"),
    ],
)
def test_what_is_apart_from_the_papers_setting(changes, more, apart):
    usual = {"key": "paper", "split": "test", "alpha": 0.5, "is_selection": False}
    assert paper.apart_from_table_2(DeidConfig(**changes), **{**usual, **more}) == apart
