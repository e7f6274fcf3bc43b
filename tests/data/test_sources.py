"""Tests of the sources: bundled sample, class folders, TFDS datasets, and the choice of examples."""

import io
import json
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage.data import lfw_subset

from tfdeid.data.sources import SourceConfig, open_source
from tfdeid.errors import DeidError
from tfdeid.image import decode_image, encode_png

REAL = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "tfds"
needs_real_data = pytest.mark.skipif(not REAL.is_dir(), reason="no real data on this machine")


def read_all(source, split):
    return list(source.read(split, 0, source.splits[split]))


def fails(match, **config):
    with pytest.raises(DeidError, match=match) as error:
        open_source(SourceConfig(**config))
    assert "\n" not in str(error.value)


def pixel(value, channels=3):
    return encode_png(np.full((2, 2, channels), value, np.uint8))


# The config.


@pytest.mark.parametrize(
    ("config", "match"),
    [
        ({"classes": [True, False]}, r"must be a list of names, got \[True, False\]"),
        ({"label_feature": 3}, "label_feature must be a feature's name, got 3"),
        ({"dataset": ""}, "must name a dataset"),
        ({"dataset": "folder:"}, "must name a dataset"),
        ({"splits": ()}, "at least one"),
        ({"classes": ["a", "a"]}, "must be distinct"),
        ({"classes": ["a"], "num_classes": 2}, "not both"),
        ({"limit": 1, "first": 1}, "give limit or first, not both"),
        ({"num_classes": 0}, "num_classes must be .* got 0"),
        ({"limit": 1.5}, "limit must be .* got 1.5"),
        ({"split_sizes": {"train": -1}}, r"split_sizes\[train\] must be .* got -1"),
        ({"class_seed": -1}, "class_seed must be"),
    ],
)
def test_config_checks_itself(config, match):
    with pytest.raises(DeidError, match=match):
        SourceConfig(**config)


def test_config_takes_lists_and_lone_names_and_can_be_hashed():
    config = SourceConfig(splits="train", classes=["face"], split_sizes={"train": 3})
    assert config.splits == ("train",) and config.classes == ("face",)
    assert hash(config) == hash(pickle.loads(pickle.dumps(config)))


def test_selection_is_what_determines_the_examples():
    assert SourceConfig(splits=("train",), class_seed=3).selection(2) == {}
    config = SourceConfig(num_classes=2, class_seed=3, split_sizes={"train": 4}, limit=5)
    assert config.selection(2) == {"num_classes": 2, "class_seed": 3, "split_sizes": {"train": 4}, "limit": 5}
    json.dumps(SourceConfig(classes=("a", 1)).selection(2))
    chosen = SourceConfig("made", image_feature="a/b", label_feature="none", limit=3, class_seed=7)
    assert chosen.selection(2) == {"limit": 3, "class_seed": 7, "image_feature": "a/b", "label_feature": "none"}
    for version, config in ((1, SourceConfig(first=4)), (2, SourceConfig(first=4)), (2, chosen)):
        facts = {"source_selection": config.selection(version), "algorithm_version": version}
        assert SourceConfig(config.dataset).selecting_as(facts) == config


def test_importing_is_light():
    code = "import sys, tfdeid.data.sources; print({'tensorflow', 'tensorflow_datasets', 'apache_beam'} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()"


# The bundled sample.


def test_sample():
    source = open_source(SourceConfig())
    assert (source.name, source.splits, source.channels) == ("lfw_subset", {"train": 160, "test": 40}, 1)
    assert source.label_names == ["face", "nonface"] and source.num_classes == 2
    train, test = read_all(source, "train"), read_all(source, "test")
    assert [e.label for e in train] == [0] * 80 + [1] * 80 and [e.label for e in test] == [0] * 20 + [1] * 20
    assert [e.source_id for e in test] == [str(k) for k in range(40)] and [e.index for e in train] == list(range(160))
    patches = np.concatenate([lfw_subset()[[*range(80), *range(100, 180)]], lfw_subset()[[*range(80, 100), *range(180, 200)]]])
    stored = np.stack([e.image for e in train + test])
    np.testing.assert_array_equal(stored[..., 0], np.floor(255 * patches.astype(float) + 0.5))
    assert stored.dtype == np.uint8


@pytest.mark.parametrize(("split", "start", "stop"), [("train", -1, 2), ("train", 3, 2), ("test", 0, 41)])
def test_ranges_are_checked(split, start, stop):
    with pytest.raises(DeidError, match=r"must lie in 0\.\."):
        open_source(SourceConfig()).read(split, start, stop)
    with pytest.raises(DeidError, match="Did you mean 'train'"):
        open_source(SourceConfig()).read("trian", 0, 1)


# Choosing examples.


def test_classes_are_renumbered_in_the_original_order():
    source = open_source(SourceConfig(classes=("nonface",)))
    assert source.label_names == ["nonface"] and source.splits == {"train": 80, "test": 20}
    examples = list(source.read("train", 10, 12))
    assert [(e.label, e.source_id, e.index) for e in examples] == [(0, "90", 90), (0, "91", 91)]
    both = open_source(SourceConfig(classes=(1, "face")))
    assert both.label_names == ["face", "nonface"] and both.splits == {"train": 160, "test": 40}


def test_a_name_wins_over_an_index(tmp_path):
    for name in ("0", "1", "7", "no"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.png").write_bytes(pixel(0))

    def chosen(*classes):
        return open_source(SourceConfig(f"folder:{tmp_path}", classes=classes)).label_names

    assert chosen("7", "no") == ["7", "no"] and chosen(1) == ["1"] and chosen(7) == ["7"]
    assert chosen(2) == chosen("2") == ["7"] and chosen("3") == ["no"]  # No class has such a name.
    for wrong in ("02", "4", -1, "²", "1.0"):
        fails(f"unknown class {str(wrong)!r}", dataset=f"folder:{tmp_path}", classes=(wrong,))


def test_unknown_choices():
    fails("unknown class 'fase'. Did you mean 'face'", classes=("fase",))
    fails("unknown class '2'", classes=(2,))
    fails("names a class twice", classes=(0, "face"))
    fails("at most the 2 classes", num_classes=3)
    fails("unknown split 'trian'. Did you mean 'train'", splits=("trian",))
    fails("unknown split 'trian'", split_sizes={"trian": 3})
    fails("unknown split 'trian'", split_sizes={"new=trian": 3})
    fails("exists already", split_sizes={"test=train": 3})
    fails("asks for 41 examples, and split 'test' of lfw_subset has 40", split_sizes={"test": 41})


def test_drawn_classes_are_stable_and_nested(tmp_path):
    for k in range(20):
        (tmp_path / f"class{k:02}").mkdir()
        (tmp_path / f"class{k:02}" / "a.png").write_bytes(pixel(k))

    def drawn(count, seed):
        return open_source(SourceConfig(f"folder:{tmp_path}", num_classes=count, class_seed=seed)).label_names

    assert drawn(4, 0) == ["class03", "class06", "class07", "class15"]  # never to change
    assert set(drawn(4, 0)) < set(drawn(9, 0)) and drawn(4, 0) != drawn(4, 1)
    assert drawn(20, 5) == [f"class{k:02}" for k in range(20)]


def test_split_sizes_draw_disjoint_examples_in_source_order():
    config = SourceConfig(split_sizes={"train": 30, "a=train": 20, "b=test": 10}, class_seed=1)
    source = open_source(config)
    assert source.splits == {"train": 30, "test": 30, "a": 20, "b": 10}
    indices = {split: [e.index for e in read_all(source, split)] for split in source.splits}
    for chosen in indices.values():
        assert chosen == sorted(chosen)
    assert not set(indices["train"]) & set(indices["a"])
    assert sorted(indices["test"] + indices["b"]) == list(range(40))  # a split without a size gets the rest
    assert indices["b"] == [8, 9, 10, 15, 19, 20, 22, 29, 33, 37]  # never to change
    assert 5 < sum(e.label for e in read_all(source, "a")) < 15  # not just the first class
    again = open_source(SourceConfig(split_sizes=config.split_sizes, class_seed=2))
    assert [e.index for e in read_all(again, "b")] != indices["b"]


def test_limit_draws_from_each_class_alike():
    source = open_source(SourceConfig(limit=7))
    assert source.splits == {"train": 7, "test": 7}
    examples = read_all(source, "train")
    assert sorted(e.label for e in examples) in ([0] * 3 + [1] * 4, [0] * 4 + [1] * 3)
    assert [e.index for e in examples] == [15, 22, 37, 97, 103, 113, 145]  # never to change
    assert "limit 7: 7 of train, 7 of test, drawn by class_seed 0, as many of each class as can be" in source.notes
    others = open_source(SourceConfig(limit=7, class_seed=1))
    assert [e.index for e in read_all(others, "train")] != [e.index for e in examples]
    # All of a split that has no more, and classes that have fewer give way to the others.
    assert open_source(SourceConfig(limit=1000)).splits == {"train": 160, "test": 40}
    assert [e.label for e in read_all(open_source(SourceConfig(limit=150)), "train")].count(0) == 75


def test_the_first_are_taken_as_limit_did_until_algorithm_version_1():
    source = open_source(SourceConfig(classes=(1,), first=7))
    assert source.splits == {"train": 7, "test": 7}
    assert [e.index for e in read_all(source, "train")] == list(range(80, 87))
    facts = {"source_selection": {"classes": ["nonface"], "limit": 7}}
    assert SourceConfig().selecting_as(facts) == SourceConfig(classes=("nonface",), first=7)


def test_a_pickled_source_reads_the_same():
    source = open_source(SourceConfig(num_classes=1, split_sizes={"train": 9}))
    copy = pickle.loads(pickle.dumps(source))
    assert [e.index for e in read_all(copy, "train")] == [e.index for e in read_all(source, "train")]


# TFDS.


def store(data_dir, features, splits, name="tiny", config=None, version="1.0.0", shards=None, **options):
    """Writes a TFDS dataset by TFDS itself."""
    import tensorflow_datasets as tfds

    class Tiny(tfds.core.GeneratorBasedBuilder, skip_registration=True):
        VERSION = tfds.core.Version(version)
        if config:
            BUILDER_CONFIGS = [tfds.core.BuilderConfig(name=config)]

        def _info(self):
            # Source order is the order of writing.
            return tfds.core.DatasetInfo(
                builder=self, features=tfds.features.FeaturesDict(features(tfds)), disable_shuffling=True, **options
            )

        def _split_generators(self, dl_manager):
            return {split: enumerate(examples) for split, examples in splits.items()}

        def _generate_examples(self):
            raise NotImplementedError

    Tiny.name = name
    builder = Tiny(data_dir=data_dir)
    builder.download_and_prepare(download_config=tfds.download.DownloadConfig(num_shards=shards))
    return builder


def labelled(tfds, **more):
    return {
        "image": tfds.features.Image(encoding_format="png"),
        "label": tfds.features.ClassLabel(names=["a", "b", "c"]),
        **more,
    }


def png_rows(count, **more):
    return [
        {"image": np.full((2, 3, 3), k, np.uint8), "label": k % 3, **{key: make(k) for key, make in more.items()}}
        for k in range(count)
    ]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """50 examples in three files, and 6 in one; the image's value tells its position."""
    data_dir = tmp_path_factory.mktemp("tiny")
    splits = {split: png_rows(count, file_name="n{}.png".format) for split, count in (("train", 50), ("test", 6))}
    store(data_dir, lambda tfds: labelled(tfds, file_name=tfds.features.Text()), splits, shards=3)
    return data_dir


def values(examples):
    return [int(decode_image(e.image)[0, 0, 0]) for e in examples]


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
