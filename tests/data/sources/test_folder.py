"""Tests of class folders as sources."""

import os
import shutil

import pytest

from tests.data.prepared import fails, pixel, read_all
from tfdeid.data.sources import SourceConfig, open_source
from tfdeid.errors import DeidError


def write(root, *names, data=None):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pixel(len(name)) if data is None else data)


def test_folder_with_splits_and_classes(tmp_path):
    root = tmp_path / "My Data-2"
    write(root, "train/dog/b.png", "train/dog/a.JPG", "train/cat/1.png", "test/dog/x.png", "test/emu/x.webp")
    write(root, "train/cat/notes.txt", ".hidden/a.png", "train/dog/.b.png", "train/README", data=b"")
    (root / "train" / "empty").mkdir()
    source = open_source(SourceConfig(f"folder:{root}"))
    assert source.name == "my_data_2" and source.splits == {"test": 2, "train": 3}
    assert source.label_names == ["cat", "dog", "emu"]
    assert source.notes == [
        f"left out of {root}: files that are no images by their extension: 1 .txt, 1 without extension; "
        "2 hidden, by names that start with a dot; folders without images: empty"
    ]
    examples = read_all(source, "train")
    assert [(e.source_id, e.label, e.index) for e in examples] == [
        ("train/cat/1.png", 0, 0),
        ("train/dog/a.JPG", 1, 1),
        ("train/dog/b.png", 1, 2),
    ]
    assert examples[0].image == (root / "train/cat/1.png").read_bytes()
    assert list(source.read("train", 1, 3)) == examples[1:]


def test_folder_of_classes_alone(tmp_path):
    write(tmp_path, "dog/a.png", "cat/a.png", "train/a.png")  # "train" beside classes is a class
    source = open_source(SourceConfig(f"folder:{tmp_path}"))
    assert source.splits == {"train": 3} and source.label_names == ["cat", "dog", "train"]
    chosen = open_source(SourceConfig(f"folder:{tmp_path}", classes=("dog",)))
    assert [e.source_id for e in read_all(chosen, "train")] == ["dog/a.png"]


@pytest.mark.parametrize(
    ("names", "splits"), [(["a.png", "b.png"], {"train": 2}), (["test/a.png", "val/b.png"], {"test": 1, "val": 1})]
)
def test_folder_without_labels(tmp_path, names, splits):
    write(tmp_path, *names)
    source = open_source(SourceConfig(f"folder:{tmp_path}"))
    assert source.splits == splits and source.label_names is None and source.num_classes is None
    examples = [e for split in splits for e in read_all(source, split)]
    assert [(e.source_id, e.label) for e in examples] == [(name, None) for name in names]
    fails("has no labels", dataset=f"folder:{tmp_path}", num_classes=1)


def test_folder_channels(tmp_path):
    write(tmp_path, "a/1.png", "b/2.png", data=pixel(3, channels=1))
    write(tmp_path, "b/0.png", data=b"damaged")
    assert open_source(SourceConfig(f"folder:{tmp_path}")).channels == 1
    write(tmp_path, "b/3.png", data=pixel(3))
    assert open_source(SourceConfig(f"folder:{tmp_path}")).channels == 3


def test_folder_version_follows_names_and_sizes(tmp_path):
    def version():
        return open_source(SourceConfig(f"folder:{tmp_path}")).version

    write(tmp_path, "a/1.png", "b/2.png")
    first = version()
    assert version() == first
    write(tmp_path, "a/1.png", data=pixel(3) + b"more")
    second = version()
    write(tmp_path, "b/3.png")
    assert len({first, second, version()}) == 3


def test_wrong_folders(tmp_path):
    dataset = f"folder:{tmp_path}"
    fails("has no images; expected PATH/split/class", dataset=dataset)
    fails("must name a folder", dataset=f"{dataset}/none")
    write(tmp_path, "cat/a.png", "train/cat/a.png")
    fails("images at several levels", dataset=dataset)
    shutil.rmtree(tmp_path / "train")
    write(tmp_path, "cat/sub/a.png")
    fails("images at several levels", dataset=dataset)
    write(tmp_path, "cat/sub/deep/a.png")
    fails("too deep", dataset=dataset)


def test_what_can_not_be_read_is_left_out_and_said(tmp_path, monkeypatch):
    write(tmp_path, "cat/a.png", "lost+found/b.png", "dog/c.heic", "dog/d.HEIC", "dog/e.png.part")
    scan = os.scandir

    def refuse(path):
        if os.fspath(path).endswith("lost+found"):
            raise PermissionError(13, "Permission denied")
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    source = open_source(SourceConfig(f"folder:{tmp_path}"))
    assert source.splits == {"train": 1} and source.label_names == ["cat"]
    assert source.notes == [
        f"left out of {tmp_path}: files that are no images by their extension: 2 .heic, 1 .part; folders without images: dog; "
        "folders that can't be read: lost+found (Permission denied)"
    ]
    monkeypatch.setattr(os, "scandir", lambda path: refuse(f"{path}/lost+found"))
    fails("can't be read: Permission denied", dataset=f"folder:{tmp_path}")


@pytest.mark.parametrize("kind", ["a pipe", "a folder", "a link to nothing", "what may not be read"])
def test_what_has_the_name_of_an_image_and_is_none_is_named_and_not_waited_for(tmp_path, monkeypatch, kind):
    write(tmp_path, "cat/a.png")
    path = tmp_path / "cat/b.png"
    make = {"a pipe": os.mkfifo, "a folder": os.mkdir, "a link to nothing": lambda path: os.symlink("absent", path)}
    if kind == "what may not be read":  # Root may read everything.
        path.touch()
        monkeypatch.setattr(os, "access", lambda file, mode: not os.fspath(file).endswith("b.png"))
    else:
        make[kind](path)
    reason = {"a pipe": "no regular file", "a folder": "a folder", "a link to nothing": "No such"}.get(
        kind, "Permission denied"
    )
    fails(rf"cat/b\.png has the name of an image and can't be read: .*{reason}.*Mend", dataset=f"folder:{tmp_path}")


def test_names_that_are_no_utf_8(tmp_path):
    folder = os.fsencode(tmp_path) + b"/caf\xe9"
    os.mkdir(folder)
    with open(folder + b"/\xff.png", "wb") as file:
        file.write(pixel(1))
    source = open_source(SourceConfig(f"folder:{tmp_path}"))
    assert len(source.version) == 16
    (example,) = read_all(source, "train")
    assert os.fsencode(example.source_id) == b"caf\xe9/\xff.png"


@pytest.mark.parametrize("way", ["relative", "~", "file://", "brackets"])
def test_ways_to_write_a_folder(tmp_path, monkeypatch, way):
    place = tmp_path / ("my scans [2024] {a}*?" if way == "brackets" else "my scans")
    write(place, "cat/a.png")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    path = {"relative": "my scans", "~": "~/my scans", "file://": f"file://{tmp_path}/my%20scans", "brackets": str(place)}[way]
    source = open_source(SourceConfig(f"folder:{path}"))
    assert source.splits == {"train": 1} and source.version
    fails("foo:// can't be used here", dataset="folder:foo://bucket/scans")


def test_a_vanished_file_is_named(tmp_path):
    write(tmp_path, "cat/a.png", "cat/b.png")
    source = open_source(SourceConfig(f"folder:{tmp_path}"))
    (tmp_path / "cat/b.png").unlink()
    with pytest.raises(DeidError, match=r"image cat/b\.png .*can't be read"):
        read_all(source, "train")


def test_the_folder_of_each_image_is_a_feature(tmp_path):
    write(tmp_path, "x/train/ann/1.png", "x/train/bob/1.png", "x/train/bob/2.png", "x/test/ann/9.png", "y/1.png", "y/2.png")
    source = open_source(SourceConfig(f"folder:{tmp_path / 'x'}"))
    assert source.value_features == ["folder"]
    assert source.values("train", "folder") == ["ann", "bob", "bob"] and source.values("test", "folder") == ["ann"]
    chosen = open_source(SourceConfig(f"folder:{tmp_path / 'x'}", classes=("bob",)))
    assert chosen.values("train", "folder") == ["bob", "bob"]
    with pytest.raises(DeidError, match="unknown feature 'folders'. Did you mean 'folder'"):
        source.values("train", "folders")
    with pytest.raises(DeidError, match="unknown split 'val'"):
        source.values("val", "folder")
    # No folder but the split's, or the source's own.
    with pytest.raises(DeidError, match="feature 'folder' was asked for, and y has no features"):
        open_source(SourceConfig(f"folder:{tmp_path / 'y'}")).values("train", "folder")
