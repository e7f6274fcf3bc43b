"""Which features of a TFDS dataset become image and label, and what is said of the others."""

from __future__ import annotations

import numpy as np
import pytest

from tests.data.prepared import fails, labelled, png_rows, read_all, store, values
from tfdeid.data.label_choice import INTEGER, TEXT
from tfdeid.data.sources import SourceConfig, open_source
from tfdeid.key import Key

KEY = Key.generate()

IMAGE = np.zeros((2, 3, 3), np.uint8)


def rows(count: int, **make) -> list[dict]:
    return [{"image": np.full((2, 3, 3), k, np.uint8), **{name: f(k) for name, f in make.items()}} for k in range(count)]


def image(tfds, **more):
    return {"image": tfds.features.Image(encoding_format="png"), **more}


def opened(tmp_path, **options):
    return open_source(SourceConfig("tiny", str(tmp_path), **options))


def test_texts_become_classes(tmp_path):
    names = ["Zoe", "Ann", "Zoe", "Éva", "Ann"]
    splits = {"train": rows(5, label=names.__getitem__), "test": rows(1, label=lambda k: "Bob")}
    store(tmp_path, lambda t: image(t, label=t.features.Text()), splits, supervised_keys=("label", "image"))
    source = opened(tmp_path)
    assert source.label_names == ["Ann", "Bob", "Zoe", "Éva"]  # of all splits, sorted
    assert [e.label for e in read_all(source, "train")] == [2, 0, 2, 3, 0]
    assert any("'label' is text" in note and "in the clear" in note for note in source.notes)
    assert any("4 values of the label 'label' (text) become classes: Ann, Bob, Zoe, Éva" in note for note in source.notes)
    chosen = opened(tmp_path, classes=("Zoe", "Éva"))
    assert [e.label for e in read_all(chosen, "train")] == [0, 0, 1] and chosen.splits == {"test": 0, "train": 3}
    again = open_source(SourceConfig("tiny", str(tmp_path)), source.all_label_names)
    assert [e.label for e in read_all(again, "train")] == [2, 0, 2, 3, 0]


def test_few_whole_numbers_become_classes_in_their_order(tmp_path):
    numbers = [10, -1, 2, 10]
    store(tmp_path, lambda t: image(t, label=np.int64), {"train": rows(4, label=numbers.__getitem__)})
    source = opened(tmp_path)
    assert source.label_names == ["-1", "2", "10"]  # Of what is no ClassLabel, -1 is a value like others.
    assert [e.label for e in read_all(source, "train")] == [2, 0, 1, 2]


def test_many_whole_numbers_are_no_classes(tmp_path, monkeypatch):
    monkeypatch.setattr("tfdeid.data.label_choice._MOST", {TEXT: 10_000, INTEGER: 3})
    store(tmp_path, lambda t: image(t, label=np.int64), {"train": rows(4, label=lambda k: k)})
    fails("'label' of tiny has more than 3 different values.*--label_feature none", dataset="tiny", data_dir=str(tmp_path))
    assert opened(tmp_path, label_feature="none").label_names is None


def test_booleans_are_classes_only_if_asked_for(tmp_path):
    def attributes(t):
        return image(t, attributes={"Bald": np.bool_, "Male": np.bool_}, points=t.features.Tensor(shape=(3,), dtype=np.int64))

    made = [{**row, "attributes": {"Bald": k % 2 == 0, "Male": True}, "points": [1, 2, 3]} for k, row in enumerate(rows(3))]
    store(tmp_path, attributes, {"train": made})
    fails(
        r"no single label, but attributes/\.\.\. \(2\)\. Choose: --label_feature attributes/Bald \(boolean\).*none",
        dataset="tiny",
        data_dir=str(tmp_path),
    )
    bald = opened(tmp_path, label_feature="attributes/Bald")
    assert bald.label_names == ["false", "true"] and [e.label for e in read_all(bald, "train")] == [1, 0, 1]
    assert bald.notes == [
        "left out of tiny/1.0.0: attributes/Male, points",
        "the label 'attributes/Bald' (boolean) becomes the classes false and true",
    ]
    none = opened(tmp_path, label_feature="none")
    assert none.label_names is None and none.notes == ["left out of tiny/1.0.0: attributes/... (2), points"]
    fails("'points' of tiny/1.0.0 is of kind Tensor", dataset="tiny", data_dir=str(tmp_path), label_feature="points")
    misspelt = {"dataset": "tiny", "data_dir": str(tmp_path), "label_feature": "attributes/Bold"}
    fails("unknown label_feature 'attributes/Bold'. Did you mean 'attributes/Bald'", **misspelt)


@pytest.mark.parametrize("inner", ["classes", "numbers", "boxes"])
def test_several_labels_an_image_are_refused(tmp_path, inner):
    def several(t):
        labels = t.features.ClassLabel(names=["a", "b"])
        kinds = {
            "classes": labels,
            "numbers": np.int64,
            "boxes": {"box": t.features.Tensor(shape=(4,), dtype=np.float32), "label": labels},
        }
        return image(t, labels=t.features.Sequence(kinds[inner]))

    box = {"box": [[0.0, 0.0, 1.0, 1.0]], "label": [1]}
    store(tmp_path, several, {"train": rows(2, labels=lambda k: box if inner == "boxes" else [0, 1])})
    fails(r"no single label, but labels\. Choose: --label_feature none", dataset="tiny", data_dir=str(tmp_path))
    fails("'labels' of tiny/1.0.0 is a sequence of", dataset="tiny", data_dir=str(tmp_path), label_feature="labels")
    assert opened(tmp_path, label_feature="none").notes == ["left out of tiny/1.0.0: labels"]


def test_a_named_label_that_is_no_class_is_refused(tmp_path):
    store(tmp_path, lambda t: image(t, age=np.float32), {"train": rows(1, age=float)}, supervised_keys=("image", "age"))
    fails("names as its label what is no single class: 'age'", dataset="tiny", data_dir=str(tmp_path))


def test_what_may_be_a_label_is_said_where_none_is_clear(tmp_path):
    features = {"caption": "Text", "file_name": "Text"}
    store(
        tmp_path,
        lambda t: image(t, **{name: t.features.Text() for name in features}),
        {"train": rows(2, caption="a dog {}".format, file_name="{}.png".format)},
    )
    source = opened(tmp_path)
    assert source.label_names is None and source.notes == [
        "left out of tiny/1.0.0: caption",
        "tiny/1.0.0 is written without labels, since it has none; --label_feature takes one of caption",
    ]
    assert opened(tmp_path, label_feature="caption").label_names == ["a dog 0", "a dog 1"]


def test_image_and_label_by_path(tmp_path):
    def nested(t):
        return {
            "left": image(t, label=t.features.ClassLabel(names=["x", "y"])),
            "right": image(t),
            "label": t.features.ClassLabel(names=["a"]),
        }

    made = [{"left": {**row, "label": k % 2}, "right": {"image": IMAGE}, "label": 0} for k, row in enumerate(rows(3))]
    store(tmp_path, nested, {"train": made})
    fails("Choose by --image_feature: left/image, right/image", dataset="tiny", data_dir=str(tmp_path))
    source = opened(tmp_path, image_feature="left/image", label_feature="left/label")
    examples = read_all(source, "train")
    assert values(examples) == [0, 1, 2] and [e.label for e in examples] == [0, 1, 0] and source.label_names == ["x", "y"]
    assert source.notes == ["left out of tiny/1.0.0: label, right/image"]
    fails("unknown image_feature 'label'", dataset="tiny", data_dir=str(tmp_path), image_feature="label")


def test_features_are_for_sources_that_have_some(tmp_path):
    fails("label_feature is for TFDS datasets, wds: and parquet:, and lfw_subset has no features", label_feature="none")
    fails("image_feature is for TFDS datasets", dataset=f"folder:{tmp_path}", image_feature="x")


def test_a_source_that_has_nothing_more_has_nothing_to_say(tmp_path):
    store(tmp_path, lambda t: labelled(t, id=t.features.Text()), {"train": png_rows(3, id=str)})
    assert opened(tmp_path).notes == []


def test_datasets_of_one_name_have_no_id_in_common(tmp_path):
    ids = {}
    for place, value in (("one", 0), ("two", 1), ("same", 0)):
        made = [{"image": np.full((2, 3, 3), value, np.uint8), "label": 0} for _ in range(3)]
        store(tmp_path / place, labelled, {"train": made})
        source = opened(tmp_path / place)
        record_id = source.record_ids(KEY, 2)
        ids[place] = {record_id("train", example) for example in read_all(source, "train")}
        assert len(ids[place]) == 3
    assert ids["one"] == ids["same"] and not ids["one"] & ids["two"]


@pytest.mark.parametrize("large", [False, True])
def test_a_limit_draws_by_class_where_labels_are_at_hand(tmp_path, monkeypatch, large):
    made = [{"image": np.full((2, 3, 3), k, np.uint8), "label": k // 100} for k in range(250)]  # Sorted by class.
    store(tmp_path, labelled, {"train": made}, shards=3)
    if large:
        monkeypatch.setattr("tfdeid.data.sources.tfds._QUICKLY_READ", 0)
    source = opened(tmp_path, limit=9)
    examples = read_all(source, "train")
    assert len(examples) == 9 and values(examples) == [e.index for e in examples] == sorted(e.index for e in examples)
    if not large:
        assert sorted(e.label for e in examples) == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert ("as many of each class as can be" in source.notes[0]) == (not large)
    assert len({e.label for e in examples}) > 1


def test_what_lies_between_is_passed_over(tmp_path):
    store(tmp_path, labelled, {"train": png_rows(50)}, shards=3)
    store_read = opened(tmp_path)._store.read
    for wanted in ([0], [49], [0, 49], [3, 4, 20, 21, 22, 40], list(range(50)), [1, 7, 13, 19], []):
        assert values(store_read("train", np.array(wanted, np.intp))) == wanted
