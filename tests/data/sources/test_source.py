"""What is read of a source: ranges of what was chosen."""

import pickle

import pytest

from tests.data.prepared import read_all
from tfdeid.data.sources import SourceConfig, open_source
from tfdeid.errors import DeidError


@pytest.mark.parametrize(("split", "start", "stop"), [("train", -1, 2), ("train", 3, 2), ("test", 0, 41)])
def test_ranges_are_checked(split, start, stop):
    with pytest.raises(DeidError, match=r"must lie in 0\.\."):
        open_source(SourceConfig()).read(split, start, stop)
    with pytest.raises(DeidError, match="Did you mean 'train'"):
        open_source(SourceConfig()).read("trian", 0, 1)


def test_a_pickled_source_reads_the_same():
    source = open_source(SourceConfig(num_classes=1, split_sizes={"train": 9}))
    copy = pickle.loads(pickle.dumps(source))
    assert [e.index for e in read_all(copy, "train")] == [e.index for e in read_all(source, "train")]


def test_places_of_what_was_chosen():
    source = open_source(SourceConfig(classes=("nonface",)))
    assert [e.index for e in source.read_at("train", [0, 5, 79])] == [80, 85, 159]
    assert [e.label for e in source.read_at("train", [0, 5, 79])] == [0, 0, 0] and list(source.read_at("train", [])) == []
    with pytest.raises(DeidError, match=r"places in split 'train' must lie in 0\.\.79, got -1\.\.80"):
        source.read_at("train", [-1, 3, 80])
    with pytest.raises(DeidError, match="Did you mean 'train'"):
        source.read_at("trian", [0])
