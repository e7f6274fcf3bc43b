"""Datasets of TFDS, written by TFDS itself."""

import io
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.data.made import NAME, make_dataset
from tests.data.prepared import fails, labelled, png_rows, read_all, store, values
from tfdeid.data.record_files import READERS_AT
from tfdeid.data.sources import SourceConfig, open_source
from tfdeid.errors import DeidError
from tfdeid.image import decode_image

REAL = Path(__file__).resolve().parents[3].parent / "shared" / "data" / "tfds"
needs_real_data = pytest.mark.skipif(not REAL.is_dir(), reason="no real data on this machine")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """50 examples in three files, and 6 in one; the image's value tells its position."""
    data_dir = tmp_path_factory.mktemp("tiny")
    splits = {split: png_rows(count, file_name="n{}.png".format) for split, count in (("train", 50), ("test", 6))}
    store(data_dir, lambda tfds: labelled(tfds, file_name=tfds.features.Text()), splits, shards=3)
    return data_dir


def test_tfds_dataset(tiny):
    source = open_source(SourceConfig("tiny", str(tiny)))
    assert (source.name, source.version, source.channels) == ("tiny", "1.0.0", 3)
    assert source.splits == {"train": 50, "test": 6} and source.label_names == ["a", "b", "c"]
    examples = read_all(source, "train")
    assert len(list((tiny / "tiny/1.0.0").glob("tiny-train*"))) == 3
    assert values(examples) == [e.index for e in examples] == list(range(50))
    assert [e.label for e in examples] == [k % 3 for k in range(50)]
    assert [e.source_id for e in examples] == [f"n{k}.png" for k in range(50)]
    assert all(isinstance(e.image, bytes) for e in examples)
    for start, stop in ((0, 0), (0, 1), (13, 40), (49, 50)):
        assert list(source.read("train", start, stop)) == examples[start:stop]


def test_tfds_choice(tiny):
    source = open_source(SourceConfig("tiny", str(tiny), classes=("c", "a"), split_sizes={"train": 20}))
    assert source.splits == {"train": 20, "test": 4} and source.label_names == ["a", "c"]
    examples = read_all(source, "train")
    assert all(value % 3 == {0: 0, 1: 2}[e.label] for value, e in zip(values(examples), examples))
    assert [e.index for e in examples] == sorted(values(examples)) == values(examples)
    copy = pickle.loads(pickle.dumps(source))
    assert list(copy.read("train", 3, 11)) == examples[3:11]
    assert [e.index for e in read_all(source, "test")] == [0, 2, 3, 5]


def test_tfds_names(tiny):
    for name in ("tiny:1.0.0", "tiny:1.*.*"):
        assert open_source(SourceConfig(name, str(tiny))).version == "1.0.0"
    fails(
        "unknown dataset 'tinny'. Did you mean 'tiny:1.0.0'.*Looked in .*Nothing is downloaded",
        dataset="tinny",
        data_dir=str(tiny),
    )
    fails("unknown dataset 'tiny:2.0.0'", dataset="tiny:2.0.0", data_dir=str(tiny))
    fails("unknown dataset 'tiny/big'", dataset="tiny/big", data_dir=str(tiny))
    fails("there is no dataset in", dataset="tiny", data_dir=str(tiny / "none"))
    fails("a dataset must be name", dataset="ti ny", data_dir=str(tiny))
    fails("unknown split 'validation'", dataset="tiny", data_dir=str(tiny), splits=("validation",))


def test_tfds_default_directory(tiny, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tiny))
    assert open_source(SourceConfig("tiny")).splits["train"] == 50


def test_tfds_config_versions_and_index_ids(tmp_path):
    store(tmp_path, labelled, {"train": png_rows(2)}, config="small-1", version="1.2.0")
    store(tmp_path, labelled, {"train": png_rows(3)}, config="small-1", version="1.10.0")
    for name in ("tiny", "tiny/small-1"):
        source = open_source(SourceConfig(name, str(tmp_path)))
        assert (source.name, source.version, source.splits) == ("tiny_small_1", "1.10.0", {"train": 3})
    assert open_source(SourceConfig("tiny:1.2.0", str(tmp_path))).splits == {"train": 2}
    assert [e.source_id for e in source.read("train", 1, 3)] == ["1", "2"]


def test_tfds_without_labels_and_with_ids(tmp_path):
    rows = [{"picture": np.full((2, 2, 1), k, np.uint8), "id": 100 + k} for k in range(4)]
    store(tmp_path, lambda tfds: {"picture": tfds.features.Image(shape=(None, None, 1)), "id": np.int64}, {"all_of_it": rows})
    source = open_source(SourceConfig("tiny", str(tmp_path)))
    assert source.label_names is None and source.channels == 1
    examples = read_all(source, "all_of_it")
    assert [(e.label, e.source_id) for e in examples] == [(None, f"{100 + k}") for k in range(4)]
    assert values(examples) == [0, 1, 2, 3]


def test_tfds_features_that_are_ambiguous_or_missing(tmp_path):
    def two(tfds):
        return labelled(tfds, mask=tfds.features.Image(shape=(None, None, 1)), coarse=tfds.features.ClassLabel(num_classes=2))

    rows = png_rows(2, mask=lambda k: np.zeros((2, 2, 1), np.uint8), coarse=lambda k: k % 2)
    store(tmp_path, two, {"train": rows}, name="ambiguous")
    fails("several features of kind Image.*: image, mask", dataset="ambiguous", data_dir=str(tmp_path))
    store(tmp_path, two, {"train": rows}, name="told", supervised_keys=("image", "coarse"))
    assert [e.label for e in read_all(open_source(SourceConfig("told", str(tmp_path))), "train")] == [0, 1]
    store(tmp_path, two, {"train": rows}, name="twice", supervised_keys=("image", "image"))
    fails("several features of kind ClassLabel.*: coarse, label", dataset="twice", data_dir=str(tmp_path))
    store(tmp_path, lambda tfds: {"x": np.int64}, {"train": [{"x": 1}]}, name="numbers")
    fails("no Image among its features: x", dataset="numbers", data_dir=str(tmp_path))


def test_tfds_float_images(tmp_path):
    rows = [{"image": np.zeros((2, 2, 1), np.float32)}]
    store(tmp_path, lambda tfds: {"image": tfds.features.Image(shape=(2, 2, 1), dtype=np.float32)}, {"train": rows})
    fails("must be stored as uint8 or uint16, and 'image' is float32", dataset="tiny", data_dir=str(tmp_path))


@pytest.mark.parametrize("damage", ["truncated", "flipped", "missing"])
def test_tfds_damaged_file(tiny, tmp_path, damage):
    shutil.copytree(tiny, tmp_path, dirs_exist_ok=True)
    file = sorted((tmp_path / "tiny/1.0.0").glob("tiny-train*"))[1]
    data = bytearray(file.read_bytes())
    if damage == "truncated":
        file.write_bytes(data[:-20])
    elif damage == "flipped":
        data[len(data) // 2] ^= 1
        file.write_bytes(data)
    else:
        file.unlink()
    source = open_source(SourceConfig("tiny", str(tmp_path)))
    assert len(list(source.read("train", 0, 10))) == 10
    with pytest.raises(DeidError, match=r"tiny can't be read \(split 'train', examples 5 to 50, in .*1\.0\.0\)"):
        list(source.read("train", 5, 50))


@needs_real_data
def test_real_cifar10():
    import tensorflow_datasets as tfds

    source = open_source(SourceConfig("cifar10", str(REAL)))
    assert source.splits == {"train": 10_000, "test": 2_000} and source.num_classes == 10 and source.channels == 3
    part = list(source.read("test", 1_900, 2_000))
    rows = tfds.as_numpy(tfds.load("cifar10", split="test[1900:]", data_dir=REAL, download=False))
    for example, row in zip(part, rows):
        np.testing.assert_array_equal(decode_image(example.image), row["image"])
        assert (example.label, example.source_id) == (row["label"], row["id"].decode())
    assert len(part) == 100 and [e.index for e in part] == list(range(1_900, 2_000))
    cats = open_source(SourceConfig("cifar10", str(REAL), classes=("cat",), splits=("test",)))
    assert cats.splits == {"test": 200} and {e.label for e in read_all(cats, "test")} == {0}


@needs_real_data
def test_real_imagenet():
    source = open_source(SourceConfig("imagenet2012", str(REAL)))
    assert source.splits == {"train": 150, "validation": 30} and source.num_classes == 1000
    examples = read_all(source, "validation")
    assert all(e.source_id.endswith(".JPEG") for e in examples)
    with Image.open(io.BytesIO(examples[0].image)) as image:
        assert decode_image(examples[0].image).shape[:2] == (image.height, image.width)


@pytest.mark.parametrize("file_format", ["tfrecord", "array_record"])
def test_no_other_files_are_opened(tmp_path, file_format, monkeypatch):
    make_dataset(tmp_path, {"train": [k % 3 for k in range(50)], "test": [0]}, shards=3, file_format=file_format)
    read, opened = READERS_AT[file_format], []
    monkeypatch.setitem(READERS_AT, file_format, lambda path, places: opened.append((path.name, places)) or read(path, places))
    source = open_source(SourceConfig(NAME, str(tmp_path)))
    assert [e.index for e in source.read("train", 20, 30)] == list(range(20, 30))
    assert [(name[-14:-9], places) for name, places in opened] == [("00001", list(range(3, 13)))]
    opened.clear()
    assert [e.index for e in source.read_at("train", [0, 16, 40])] == [0, 16, 40]
    assert [(name[-14:-9], places) for name, places in opened] == [("00000", [0, 16]), ("00002", [6])]
    opened.clear()
    chosen = open_source(SourceConfig(NAME, str(tmp_path), classes=("b",), label_feature="label"))
    opened.clear()  # Classes are chosen by all labels.
    assert [e.index for e in chosen.read("train", 12, 17)] == [37, 40, 43, 46, 49] and len(opened) == 1


def test_tfds_values_of_scalar_features(tmp_path):
    def features(tfds):
        deep = {
            "age": np.int32,
            "share": np.float32,
            "glasses": np.bool_,
            "box": tfds.features.Tensor(shape=(4,), dtype=np.float32),
        }
        return labelled(tfds, name=tfds.features.Text(), face=deep)

    def face(k):
        return {"age": 20 + k, "share": k / 10, "glasses": k % 2 == 0, "box": np.zeros(4, np.float32)}

    rows = png_rows(4, name="person {}".format, face=face)
    store(tmp_path, features, {"train": rows, "test": rows[:2]}, shards=2)
    source = open_source(SourceConfig("tiny", str(tmp_path), classes=("a", "b")))
    assert source.value_features == ["face/age", "face/glasses", "face/share", "label", "name"]
    # As TFDS itself reads them, for the chosen classes.
    assert source.values("train", "name") == ["person 0", "person 1", "person 3"]
    assert source.values("train", "label") == ["a", "b", "a"]
    assert source.values("train", "face/age") == ["20", "21", "23"]
    assert source.values("train", "face/share") == ["0.0", "0.1", "0.3"]
    assert source.values("train", "face/glasses") == ["true", "false", "false"]
    with pytest.raises(DeidError, match="unknown feature 'face/box'"):
        source.values("train", "face/box")
