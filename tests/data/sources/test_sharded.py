"""What sources of several files have in common: order, labels, the choice of examples, and reading at any places."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.data.prepared import read_all, values
from tests.data.sources import test_parquet, test_webdataset

# Module of tests, its files' pattern, the names of its three classes and how its examples are called.
KINDS = [(test_parquet, "*.parquet", "abc", "n{}.png"), (test_webdataset, "part-*.tar", "012", "{:04d}")]


@pytest.fixture(scope="module", params=KINDS, ids=["parquet", "wds"])
def kind(request, tmp_path_factory):
    """Returns what opens a source of 50 examples in three files, its classes, what examples are called, and all of them."""
    module, pattern, names, called = request.param
    folder = module.write_three(tmp_path_factory.mktemp("some-files"))

    def opened(**config):
        return module.opened(folder / pattern, **config)

    return opened, names, called, read_all(opened(), "train")


def test_reading(kind):
    opened, names, called, examples = kind
    source = opened()
    assert source.splits == {"train": 50} and source.label_names == list(names) and source.name.startswith("some_files")
    assert values(examples) == [e.index for e in examples] == list(range(50))
    assert [e.label for e in examples] == [k % 3 for k in range(50)]
    assert [e.source_id for e in examples] == [called.format(k) for k in range(50)]


def test_a_choice_travels_to_workers(kind):
    opened, names, _, _ = kind
    chosen = opened(classes=(names[2], names[0]), limit=9)
    assert chosen.label_names == [names[0], names[2]] and chosen.splits == {"train": 9}
    for example in read_all(pickle.loads(pickle.dumps(chosen)), "train"):
        assert example.index % 3 == {0: 0, 1: 2}[example.label] and values([example]) == [example.index]


@settings(max_examples=50)
@given(places=st.sets(st.integers(0, 49)).map(sorted))
def test_any_ascending_places_are_those_of_the_whole(kind, places):
    opened, _, _, examples = kind
    assert list(opened()._store.read("train", places)) == [examples[place] for place in places]
