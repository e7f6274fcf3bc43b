"""Parquet files of images, written by Hugging Face's datasets library and by pyarrow."""

import pickle

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest

from tests.conftest import library
from tests.data.prepared import fails, image_structs, pixel, read_all, values, write_parquet
from tfdeid.data.sources import SourceConfig, open_source, parquet
from tfdeid.errors import DeidError, ImageError
from tfdeid.image import decode_image

IMAGE, LABEL = {"_type": "Image"}, {"_type": "ClassLabel", "names": ["a", "b", "c"]}


def columns(start, stop, **more):
    """Returns columns of which each image's value is its row."""
    rows = range(start, stop)
    made = {"image": image_structs([pixel(k) for k in rows], [f"n{k}.png" for k in rows]), "label": [k % 3 for k in rows]}
    return {**made, **{name: [make(k) for k in rows] for name, make in more.items()}}


def opened(path, **config):
    return open_source(SourceConfig(f"parquet:{path}", **config))


def write_three(folder):
    """50 rows in three files, of row groups of 7."""
    for part, (start, stop) in enumerate(((0, 20), (20, 21), (21, 50))):
        write_parquet(folder / f"{part}.parquet", columns(start, stop), {"image": IMAGE, "label": LABEL}, rows_a_group=7)
    return folder


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    return write_three(tmp_path_factory.mktemp("three"))


def test_what_the_library_writes(tmp_path):
    datasets = library("datasets")
    datasets.disable_progress_bars()
    label = datasets.ClassLabel(names=["cat", "dog"])
    nested = {"n": datasets.Value("int32"), "kind": label}
    features = {"image": datasets.Image(), "label": label, "name": datasets.Value("string"), "more": nested}
    features["boxes"] = datasets.List(datasets.Value("float32"))
    random = np.random.RandomState(0)
    for split, count in (("train", 23), ("test", 5)):
        images = [random.randint(0, 256, (8, 8, 3)).astype(np.uint8) for _ in range(count)]
        rows = [
            {"image": image, "label": k % 2, "name": f"n{k}", "more": {"n": k, "kind": 0}, "boxes": [1.0]}
            for k, image in enumerate(images)
        ]
        rows[1]["label"] = None
        made = datasets.Dataset.from_list(rows, features=datasets.Features(features))
        path = tmp_path / "pets" / "data" / f"{split}-00000-of-00001.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        made.to_parquet(path, batch_size=10)
        source = opened(path)
        assert source.splits == {split: count} and source.label_names == ["cat", "dog"] and source.channels == 3
        ours = read_all(source, split)
        assert [e.label for e in ours] == [-1 if row["label"] is None else row["label"] for row in rows]
        for example, image in zip(ours, images, strict=True):
            np.testing.assert_array_equal(decode_image(example.image), image)
        assert source.values(split, "more/n") == [f"{k}" for k in range(count)]
        assert source.values(split, "label")[:3] == ["cat", "", "cat"]
        assert source.value_features == ["label", "more/kind", "more/n", "name"]
    both = opened(tmp_path / "pets" / "data" / "*.parquet")
    assert both.name == "pets" and both.splits == {"test": 5, "train": 23} and both.stated_version == ""
    assert both.notes == [f"left out of parquet:{tmp_path}/pets/data/*.parquet: name, more/... (2), boxes"]


def test_no_row_group_is_read_twice_and_no_other(three, monkeypatch):
    read = []

    class Watched(pyarrow.parquet.ParquetFile):
        def iter_batches(self, *arguments, **options):
            read.append((options["row_groups"], options["columns"]))
            return super().iter_batches(*arguments, **options)

    source = opened(three / "0.parquet")
    monkeypatch.setattr(pyarrow.parquet, "ParquetFile", Watched)
    assert values(source._store.read("train", [1, 3, 6, 14, 19])) == [1, 3, 6, 14, 19]
    assert read == [([0], ["image", "label"]), ([2], ["image", "label"])]


def test_a_worker_looks_only_at_files_that_it_reads(three, monkeypatch):
    config = SourceConfig(f"parquet:{three}/*.parquet")
    source = open_source(config)
    looked = []
    opened = parquet._opened
    monkeypatch.setattr(parquet, "_opened", lambda file: looked.append(file[-9]) or opened(file))
    worker = open_source(config, source.all_label_names, pickle.loads(pickle.dumps(source.outline)))
    assert worker.splits == source.splits and not looked
    assert values(worker.read("train", 20, 21)) == [20] and set(looked) <= {"0", "1"}
    write_parquet(three.parent / "other" / "0.parquet", columns(0, 2))
    changed = SourceConfig(f"parquet:{three.parent}/other/*.parquet")
    source = open_source(changed)
    write_parquet(three.parent / "other" / "0.parquet", columns(0, 3))
    with pytest.raises(DeidError, match="has changed: it has 3 images now"):
        list(open_source(changed, source.all_label_names, source.outline).read("train", 0, 2))


def test_labels(tmp_path):
    more = {"kind": lambda k: "ab"[k % 2], "on": lambda k: k > 2, "deep": lambda k: {"n": 10 - k, "f": 0.1}}
    lists = {"tags": lambda k: [k], "score": lambda k: k / 3}
    path = write_parquet(tmp_path / "x.parquet", columns(0, 5, **more, **lists))
    dataset = f"parquet:{path}"
    for label, names, labels in (
        (None, ["0", "1", "2"], [0, 1, 2, 0, 1]),
        ("kind", ["a", "b"], [0, 1, 0, 1, 0]),
        ("deep/n", ["6", "7", "8", "9", "10"], [4, 3, 2, 1, 0]),
        ("on", ["false", "true"], [0, 0, 0, 1, 1]),
    ):
        source = opened(path, label_feature=label)
        assert source.label_names == names and [e.label for e in read_all(source, "train")] == labels
        assert source._store.labels("train").tolist() == labels
    assert opened(path, label_feature="none").label_names is None
    assert source.values("train", "score")[:2] == ["0.0", "0.33333334"] and "deep/f" in source.value_features
    fails("must be a ClassLabel, a text, .* and 'tags' of .* is of type list", dataset=dataset, label_feature="tags")
    fails("'image' of .* is an image", dataset=dataset, label_feature="image")
    fails("unknown label_feature 'labels'. Did you mean 'label'", dataset=dataset, label_feature="labels")
    fails("unknown image_feature 'img'", dataset=dataset, image_feature="img")
    rows = columns(0, 5, **more)
    del rows["label"]
    write_parquet(path, rows)
    fails(r"has no single label, but on. Choose: .*--label_feature kind \(text\)", dataset=dataset)


def test_categories_and_missing_labels(tmp_path):
    rows = columns(0, 4)
    rows["label"] = pa.array(["x", None, "y", "x"]).dictionary_encode()
    rows["deep"] = pa.array([{"n": 1}, None, {"n": None}, {"n": 2}])
    path = write_parquet(tmp_path / "a.parquet", rows)
    source = opened(path)
    assert source.label_names == ["x", "y"] and [e.label for e in read_all(source, "train")] == [0, -1, 1, 0]
    assert [e.label for e in read_all(opened(path, label_feature="deep/n"), "train")] == [0, -1, -1, 1]
    assert source.values("train", "deep/n") == ["1", "", "", "2"]


def test_labels_that_are_no_class(tmp_path):
    rows = {**columns(0, 3), "label": [0, 3, -1]}
    path = write_parquet(tmp_path / "a.parquet", rows, {"image": IMAGE, "label": LABEL})
    with pytest.raises(DeidError, match=r"a\.parquet: 'label' must be one of 3 labels, got 3"):
        read_all(opened(path), "train")
    rows = {"image": [pixel(0)] * 1001, "label": list(range(1001))}
    write_parquet(path, rows)
    fails("more than 1,000 different values, too many for classes", dataset=f"parquet:{path}")
    write_parquet(path, columns(0, 3), {"image": IMAGE, "label": LABEL, "x": [1]})
    other = {"image": IMAGE, "label": {**LABEL, "names": ["b", "a", "c"]}}
    write_parquet(tmp_path / "b.parquet", columns(0, 3), other)
    fails(r"must have the same columns, and .*b\.parquet has others than .*: label\. Give", dataset=f"parquet:{tmp_path}/*")
    write_parquet(tmp_path / "b.parquet", columns(0, 3, more=str))
    fails("the same columns.*: label, more. Give", dataset=f"parquet:{tmp_path}/*")


FEATURES_OF_OTHERS = '{"info": {"features": {"label": {"_type": "ClassLabel", "names": 3}}}}'


@pytest.mark.parametrize("metadata", ["[]", "{", '{"info": {"features": [1]}}', FEATURES_OF_OTHERS])
def test_metadata_of_others_says_nothing(tmp_path, metadata):
    path = tmp_path / "a.parquet"
    pyarrow.parquet.write_table(pa.table(columns(0, 3)).replace_schema_metadata({"huggingface": metadata}), path)
    assert opened(path).label_names == ["0", "1", "2"]


def test_columns_of_images(tmp_path):
    path, dataset = tmp_path / "a.parquet", f"parquet:{tmp_path}/a.parquet"
    rows = columns(0, 3)
    rows["mask"] = image_structs([pixel(10 + k) for k in range(3)])
    write_parquet(path, rows)
    fails("several columns of images. Choose by --image_feature: image, mask", dataset=dataset)
    source = opened(path, image_feature="mask")
    assert values(read_all(source, "train")) == [10, 11, 12] and source.notes[0].endswith("a.parquet: image")
    assert [e.source_id for e in read_all(source, "train")] == ["0", "1", "2"]
    write_parquet(path, {"png": [pixel(k) for k in range(3)], "id": [7, 8, 9]})
    source = opened(path)
    assert [(e.source_id, e.label) for e in read_all(source, "train")] == [("7", None), ("8", None), ("9", None)]
    write_parquet(path, {**columns(0, 3), "hash": [b"x"] * 3})
    assert values(read_all(opened(path), "train")) == [0, 1, 2]
    write_parquet(path, {"a": [{"b": {"bytes": pixel(k), "path": None}, "x": k} for k in range(3)]})
    assert values(read_all(opened(path, label_feature="a/x"), "train")) == [0, 1, 2]
    write_parquet(path, {"url": ["x"], "label": [1]})
    fails("must have a column of images, .* and has none among: url, label. Where it has only paths", dataset=dataset)


def test_missing_images_fail_alone(tmp_path):
    rows = {"image": image_structs([pixel(1), None, b""])}
    rows["image"] = pa.concat_arrays([rows["image"], pa.nulls(1, rows["image"].type)])
    examples = read_all(opened(write_parquet(tmp_path / "a.parquet", rows)), "train")
    assert [len(e.image) > 0 for e in examples] == [True, False, False, False]
    with pytest.raises(ImageError):
        decode_image(examples[3].image)


def test_images_that_lie_beside_the_file(tmp_path):
    path = write_parquet(tmp_path / "a.parquet", {"image": image_structs([None, None], ["x/0.png", "x/1.png"])})
    (tmp_path / "x").mkdir()
    for k in range(2):
        (tmp_path / "x" / f"{k}.png").write_bytes(pixel(k))
    examples = read_all(opened(path), "train")
    assert values(examples) == [0, 1] and [e.source_id for e in examples] == ["x/0.png", "x/1.png"]
    (tmp_path / "x" / "1.png").unlink()
    with pytest.raises(DeidError, match=r"has no bytes of the image 'x/1\.png', which can't be read beside it: No such"):
        read_all(opened(path), "train")
    for place in ("/etc/passwd", "x/../../secret", "gs://bucket/x.png"):
        write_parquet(path, {"image": image_structs([None], [place])})
        with pytest.raises(DeidError, match="that is no path below its folder. Write the file with its images"):
            read_all(opened(path), "train")


def test_wrong_files(tmp_path):
    path, dataset = tmp_path / "a.parquet", f"parquet:{tmp_path}/a.parquet"
    fails(r"must name files, and .*a\.parquet is not there. Mend", dataset=dataset)
    fails("matches no file", dataset=f"parquet:{tmp_path}/*.parquet")
    whole = write_parquet(path, columns(0, 40)).read_bytes()
    for data in (b"", b"PAR1", b"no Parquet" * 9, whole[:-1], whole[: len(whole) // 2], whole[9:]):
        path.write_bytes(data)
        with pytest.raises(DeidError, match=r"a\.parquet can't be read: .* Mend it, or leave it out") as error:
            read_all(opened(path), "train")
        assert "\n" not in str(error.value)
    path.write_bytes(whole[:4] + bytes(4000) + whole[4004:])
    with pytest.raises(DeidError, match=r"a\.parquet can't be read: "):
        read_all(opened(path), "train")
    fails("has no images", dataset=f"parquet:{write_parquet(path, columns(0, 0))}", label_feature="none")


def test_channels_and_version(tmp_path):
    path = write_parquet(tmp_path / "a.parquet", {"image": [pixel(1, channels=1), b"damaged", None]})
    source = opened(path)
    first = source.version
    assert source.channels == 1 and source.version == first and not source.is_remote
    write_parquet(path, {"image": [pixel(1, channels=1), pixel(2)]})
    assert opened(path).channels == 3 and opened(path).version != first
