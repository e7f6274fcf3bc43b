"""Which files a pattern names, and which splits they make."""

import os

import pytest

from tests.conftest import library
from tfdeid.data.sources import files
from tfdeid.data.sources.files import _braces, by_split, common_name, matching_files
from tfdeid.errors import DeidError

PATTERNS = [
    "a.tar",
    "{a,b}",
    "x-{000..003}.tar",
    "x-{3..1}",
    "{1..10..4}",
    "{08..11}",
    "{a,b{1..2},c}d{x,y}",
    "{{a,b},c}",
    "{,x}y",
    "{-1..1}",
]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_braces_are_those_of_the_webdataset_library(pattern):
    assert list(_braces(pattern)) == list(library("braceexpand").braceexpand(pattern))


@pytest.mark.parametrize("pattern", ["{a}", "{", "a}b", "}{", "{}", "x{a,b"])
def test_braces_that_are_none_stay(pattern):
    assert list(_braces(pattern)) == [pattern]


def test_files(tmp_path, monkeypatch):
    names = ("b/2.tar", "a/1.tar", "b/1.tar", "[x] {a,b}.tar", "a/1.json", ".hidden.tar")
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()

    def found(pattern):
        return [file.removeprefix(f"{tmp_path}/") for file in matching_files(pattern, f"wds:{pattern}")]

    os.mkfifo(tmp_path / "pipe.tar")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(files, "_MOST_NAMES", 1000)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert found("*/*.tar") == found(f"{tmp_path}/*/*.tar") == found("~/?/*.tar") == ["a/1.tar", "b/1.tar", "b/2.tar"]
    assert found("{b,a}/{1,2}*.tar") == ["b/1.tar", "b/2.tar", "a/1.tar"]
    assert found("{a,*}/1.tar") == ["a/1.tar", "b/1.tar"], "no file is taken twice"
    assert found("**/*.json") == ["a/1.json"]
    assert found("[x] {a,b}.tar") == ["[x] {a,b}.tar"]
    assert found(f"file://{tmp_path}/a/1.tar") == ["a/1.tar"]
    for pattern, said in (
        ("x*.tar", r"wds:x\*\.tar matches no file"),
        ("a", "must name files, and .* is a folder"),
        ("a/{1..4}.tar", "must name files, and .*/a/2.tar is not there, nor are 2 others"),
        ("pipe*", "must name files, and .*/pipe.tar is no regular file. Mend"),
        ("{0..9999}.tar", "at most 1,000 files"),
        ("foo://b/*.tar", "foo:// can't be used here"),
    ):
        with pytest.raises(DeidError, match=said):
            found(pattern)


@pytest.mark.parametrize(
    ("named", "splits"),
    [
        (["/d/a-0.tar", "/d/a-1.tar"], {"train": [0, 1]}),
        (["/d/train-000000.tar", "/d/val-000000.tar", "/d/train-000001.tar"], {"train": [0, 2], "val": [1]}),
        (["/d/cifar10-train-0001.tar", "/d/cifar10-test-0001.tar"], {"test": [1], "train": [0]}),
        (["/d/Validation/0.tar", "/d/Train/0.tar"], {"train": [1], "validation": [0]}),
        (["/d/test2017.tar"], {"test": [0]}),
        (["/d/latest-0.tar", "/d/pretrained.tar"], {"train": [0, 1]}),
        (["/d/data/train-00000-of-00002.parquet", "/d/data/un.sup-00000-of-00001-3f.parquet"], {"train": [0], "un.sup": [1]}),
        (["/train/0.tar", "/d/0.tar"], None),
    ],
)
def test_splits(named, splits):
    if splits is None:
        with pytest.raises(DeidError, match=r"tell a split by their names \(/train/0.tar\), and 1 that tell none \(/d/0.tar"):
            by_split(named, "wds:x")
    else:
        assert by_split(named, "wds:x") == {split: [named[k] for k in places] for split, places in splits.items()}


@pytest.mark.parametrize(
    ("named", "name"),
    [
        (["/d/pets/0.tar"], "pets"),
        (["/d/pets/train/0.tar", "/d/pets/test/0.tar"], "pets"),
        (["/d/pets/data/train-0.parquet"], "pets"),
        (["gs://bucket/train/0.tar"], "bucket"),
        (["/0.tar"], "images"),
    ],
)
def test_names(named, name):
    assert common_name(named) == name
