"""A reference leads to its store: ours by name or prefix, others' like ours, and all else to TFDS."""

from __future__ import annotations

import pickle
import sys
import types
from importlib.metadata import EntryPoints

import numpy as np
import pytest

from tests.data.prepared import fails, read_all
from tests.test_plugins import Distribution
from tfdeid import plugins
from tfdeid.data.draw import draw_images
from tfdeid.data.sources import SOURCES, SourceConfig, absolute_dataset, open_source, store_class
from tfdeid.data.sources.base import Example, Store
from tfdeid.data.sources.folder import FolderStore
from tfdeid.data.sources.lfw_subset import LfwSubset
from tfdeid.data.sources.parquet import ParquetStore
from tfdeid.data.sources.tfds import TfdsStore
from tfdeid.data.sources.webdataset import WebDatasetStore
from tfdeid.errors import DeidError, DeidWarning


class Disks(Store):
    """As few methods as a store may have."""

    name, argument = "disks", "COUNT"

    @property
    def sizes(self):
        return {"train": int(self.rest), "test": 3}

    def read(self, split, indices):
        for index in map(int, indices):
            yield Example(np.full((4, 4, 3), index, np.uint8), None, f"{index}", index)


class Stripes(Disks):
    """One that is its name alone, with labels and what else can be told."""

    name, argument = "stripes", ""
    label_names = ["up", "down"]  # noqa: RUF012
    sizes = {"train": 6}  # noqa: RUF012
    version = "2.1"
    channels = 3
    notes = ["no stripes are left out"]  # noqa: RUF012

    def read(self, split, indices):
        for example in super().read(split, indices):
            yield Example(example.image, example.index % 2, example.source_id, example.index)


@pytest.fixture
def stores(monkeypatch):
    """Installs the two stores above, as a distribution does."""
    module = types.ModuleType("stores_of_tests")
    for store in (Disks, Stripes):
        # Pickle looks a class up by its module; the registry does so by the entry point.
        setattr(module, store.__name__, store)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    lines = "[tfdeid.sources]\ndisks = stores_of_tests:Disks\nstripes = stores_of_tests:Stripes\n"
    entries = Distribution("drawn-images", lines).entry_points
    monkeypatch.setattr(plugins.importlib.metadata, "entry_points", EntryPoints(entries).select)
    monkeypatch.delitem(SOURCES.__dict__, "_others", raising=False)
    yield
    SOURCES.__dict__.pop("_others", None)


@pytest.mark.parametrize(
    ("reference", "store", "rest"),
    [
        ("lfw_subset", LfwSubset, ""),
        ("folder:/data/scans", FolderStore, "/data/scans"),
        ("folder:gs://bucket/a:b", FolderStore, "gs://bucket/a:b"),
        ("wds:/data/train-{00..09}.tar", WebDatasetStore, "/data/train-{00..09}.tar"),
        ("parquet:gs://bucket/data/*.parquet", ParquetStore, "gs://bucket/data/*.parquet"),
        ("cifar10", TfdsStore, "cifar10"),
        ("cifar10:3.0.2", TfdsStore, "cifar10:3.0.2"),
        ("imagenet_resized/8x8:0.1.0", TfdsStore, "imagenet_resized/8x8:0.1.0"),
        ("tfds:lfw_subset", TfdsStore, "lfw_subset"),
        ("tfds", TfdsStore, "tfds"),
        # A name that takes no argument with a version is TFDS's, as is the folder of a dataset, whatever it is called.
        ("lfw_subset:1.0.0", TfdsStore, "lfw_subset:1.0.0"),
        ("folder", TfdsStore, "folder"),
        ("parquet", TfdsStore, "parquet"),
        ("./folder:x", TfdsStore, "./folder:x"),
        ("gs://bucket/cifar10/3.0.2", TfdsStore, "gs://bucket/cifar10/3.0.2"),
    ],
)
def test_a_reference_leads_to_its_store(reference, store, rest):
    assert store_class(reference) == (store, rest)


def test_references_of_other_people_s_stores(stores):
    assert store_class("disks:5") == (Disks, "5") and store_class("stripes") == (Stripes, "")
    assert store_class("tfds:disks") == (TfdsStore, "disks") and store_class("stripes:1.0.0") == (TfdsStore, "stripes:1.0.0")
    assert store_class("folder") == (TfdsStore, "folder")
    with pytest.raises(DeidError, match="'disks' is asked for as disks:COUNT. A TFDS dataset is tfds:disks."):
        store_class("disks")
    assert list(SOURCES) == ["lfw_subset", "folder", "wds", "parquet", "tfds", "disks", "stripes"]


def test_a_store_that_tells_only_what_it_must(stores):
    source = open_source(SourceConfig("disks:5"))
    assert (source.name, source.splits, source.label_names) == ("disks_5", {"train": 5, "test": 3}, None)
    assert (source.version, source.stated_version, source.channels, source.is_remote) == ("", "", None, False)
    assert source.notes == source.warnings == []
    assert [example.index for example in read_all(source, "train")] == list(range(5))
    assert str(source.plugin) == "'disks' of drawn-images 1.2" and open_source(SourceConfig()).plugin is None
    assert [int(image[0, 0, 0]) for image in draw_images(SourceConfig("disks:5"), "test", 3, 0)] == [0, 1, 2]
    limited = open_source(SourceConfig("disks:100", limit=4, splits=("train",)))
    assert limited.splits == {"train": 4} and "as many of each class" not in limited.notes[0]
    fails(
        "image_feature is for TFDS datasets, wds: and parquet:, and disks:5 has no features",
        dataset="disks:5",
        image_feature="x",
    )
    fails("disks:5 has no labels, so no classes can be chosen", dataset="disks:5", num_classes=1)
    with pytest.raises(DeidError, match="dataset must name a dataset, got 'disks:'"):
        SourceConfig("disks:")


def test_a_store_with_labels_is_chosen_from_like_ours(stores):
    source = open_source(SourceConfig("stripes", classes=("down",)))
    assert source.splits == {"train": 3} and source.label_names == ["down"]
    assert [(example.label, example.index) for example in read_all(source, "train")] == [(0, 1), (0, 3), (0, 5)]
    assert (source.stated_version, source.channels, source.notes) == ("2.1", 3, ["no stripes are left out"])
    assert source.warnings == [] and source.plugin.distribution == "drawn-images"
    copy = pickle.loads(pickle.dumps(source))
    assert [example.index for example in copy.read("train", 1, 3)] == [3, 5]


def test_a_store_that_can_do_nothing_is_one_warning(monkeypatch):
    entries = Distribution("broken", "[tfdeid.sources]\nempty = tests.data.sources.test_registry:Empty\n").entry_points
    monkeypatch.setattr(plugins.importlib.metadata, "entry_points", EntryPoints(entries).select)
    monkeypatch.delitem(SOURCES.__dict__, "_others", raising=False)
    with pytest.warns(DeidWarning, match="lacks read, sizes"):
        assert store_class("lfw_subset")[0] is LfwSubset
    SOURCES.__dict__.pop("_others", None)


class Empty(Store):
    name = "empty"


def test_names_stay_and_paths_are_absolute(tmp_path, monkeypatch, stores):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "out" / "x_deid" / "1.0.0").mkdir(parents=True)
    (tmp_path / "out" / "x_deid" / "1.0.0" / "features.json").touch()
    for name in ("lfw_subset", "cifar10", "cifar10_deid/structural_50_224", "a/b:1.0.0", "disks:5", "stripes", "tfds:mnist"):
        assert absolute_dataset(name) == name
    assert absolute_dataset("folder:my scans") == f"folder:{tmp_path}/my scans"
    assert absolute_dataset("folder:gs://b/x") == "folder:gs://b/x"
    assert absolute_dataset("wds:x/a-{0..3}.tar") == f"wds:{tmp_path}/x/a-{{0..3}}.tar"
    assert absolute_dataset("parquet:*/[a-c].parquet") == f"parquet:{tmp_path}/*/[a-c].parquet"
    assert absolute_dataset("wds:gs://b/*.tar") == "wds:gs://b/*.tar"
    assert absolute_dataset("out/x_deid/1.0.0") == f"{tmp_path}/out/x_deid/1.0.0" == absolute_dataset("./out/x_deid/1.0.0")
    assert absolute_dataset("tfds:./out") == f"tfds:{tmp_path}/out"


def test_a_name_is_looked_for_in_the_data_directory_before_it_is_a_path(tmp_path, monkeypatch):
    for place in ("here", "data"):
        (tmp_path / place / "x_deid" / "plain_32_64").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    name = "x_deid/plain_32_64"
    assert absolute_dataset(name, str(tmp_path / "data")) == name
    assert absolute_dataset(name, str(tmp_path / "elsewhere")) == absolute_dataset(name) == f"{tmp_path}/here/{name}"
