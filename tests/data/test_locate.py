"""Folders and datasets are found as people write them: paths are paths, never patterns, and a dataset's folder is a dataset."""

from __future__ import annotations

import os
import pathlib
import shutil

import pytest

import tfdeid
from beam.deid import run
from tfdeid import DeidError
from tfdeid.cli import main
from tfdeid.data.locate import dataset_folder
from tfdeid.data.sources import SourceConfig, open_source
from tfdeid.verify import verify

NAME = "lfw_subset_deid/structural_50_32"
ODD = [
    "scans [2024]",
    "a*b?c",
    "{x,y}",
    'it\'s "so" $HOME',
    "Größe 日本",
    "-k",
    "#1 %20",
    "~backup",
    "back\\slash",
    "two\nlines",
]


@pytest.fixture(scope="module")
def odd(faces, tmp_path_factory) -> pathlib.Path:
    """Returns a folder with copies of a data directory under all odd names."""
    folder = tmp_path_factory.mktemp("odd")
    for name in ODD:
        shutil.copytree(faces, folder / name)
    return folder


@pytest.mark.parametrize("name", ODD)
def test_paths_are_no_patterns(odd, name, monkeypatch):
    monkeypatch.chdir(odd)
    relative = name if name[0] not in "~-" else f"./{name}"
    for data_dir in (str(odd / name), relative):
        assert len(tfdeid.load(NAME, split="test", data_dir=data_dir)) == 40
        assert len(tfdeid.load(f"{data_dir}/{NAME}", split="test")) == 40
        assert len(list(open_source(SourceConfig("lfw_subset_deid", data_dir)).read("test", 0, 40))) == 40
    outcome = verify("lfw_subset_deid", str(odd / name))
    assert (outcome.problems, outcome.records) == ([], 200)


@pytest.mark.parametrize("name", ["scans [2024]", 'it\'s "so" $HOME'])
@pytest.mark.parametrize("file_format", ["tfrecord", "array_record"])
def test_a_run_into_an_odd_folder(tmp_path, faces, name, file_format, capsys):
    options = [f"--output_dir={tmp_path / name}", f"--key={faces / 'key'}", "--limit=4", "--num_shards=2", "--output_size=32"]
    assert run(["--runner=FnApiRunner", *options, f"--file_format={file_format}"]) == 0
    (tmp_path / name / NAME / "1.0.0" / "features.json").unlink()
    assert run(["--runner=FnApiRunner", *options, f"--file_format={file_format}", "--mode=resume"]) == 0
    assert run(["--runner=FnApiRunner", *options, f"--file_format={file_format}"]) == 0
    assert "already complete" in capsys.readouterr().out
    read = tfdeid.load if file_format == "tfrecord" else tfdeid.data_source
    assert len(read(NAME, split="train", data_dir=tmp_path / name)) == 4


def test_a_dataset_is_also_named_by_its_folder(faces, tmp_path, monkeypatch, capsys):
    folder = faces / NAME / "1.0.0"
    monkeypatch.setenv("HOME", str(faces.parent))
    monkeypatch.chdir(faces)
    whole = [str(folder), f"{folder}/", f"file://{folder}", f"FILE://localhost{folder}", f"~/{faces.name}/{NAME}", folder]
    for name in (
        *whole,
        str(folder.parent),
        str(faces / "lfw_subset_deid"),
        "./lfw_subset_deid",
        f"../{faces.name}/{NAME}/1.0.0",
    ):
        assert dataset_folder(name) == folder, name
    for name in ("lfw_subset_deid", NAME, f"{NAME}:1.0.0", "lfw_subset_deid:1.*.*", f"{NAME}/1.0.0"):
        assert dataset_folder(name, faces) == dataset_folder(name, f"file://{faces}/") == folder
    assert dataset_folder(NAME, "") == folder, "relative to where one is"
    moved = tmp_path / "downloaded"
    shutil.copytree(folder, moved)
    assert len(tfdeid.load(moved, split="test", as_supervised=True, batch_size=8)) == 5
    (tmp_path / "link").symlink_to(folder)
    assert dataset_folder(tmp_path / "link").name == "link"
    assert main(["verify", str(moved), "--source=lfw_subset", f"--key={faces / 'key'}", "--num_images=2"]) == 0
    assert "in order" in capsys.readouterr().out


def test_what_is_no_dataset_is_said_in_one_line(faces, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "half" / "_shards").mkdir(parents=True)
    for name, message in {
        "./none": "there is no folder './none' that could hold a dataset",
        str(faces / NAME / "1.0.0" / "features.json"): "a dataset is a folder, and .* is a file",
        str(faces): f"not the folder of one dataset. Below it are: {NAME}:1.0.0. Name one",
        str(tmp_path): "is not complete. The command that made .*half goes on with --mode=resume",
        "~nosuchuser/x": "there is no such user",
        "two words": "a dataset must be name, name/config",
        "cifar10_deid:1.0.0": "This makes it: python -m beam.deid --dataset cifar10",
        "cifar10": "no dataset 'cifar10' in .*Nothing is downloaded",
        "s3://bucket/x": "s3:// can't be used here. Known: a local path, file://, gs://",
        "foo://x": "foo:// can't be used here",
    }.items():
        with pytest.raises(DeidError, match=message) as caught:
            tfdeid.load(name, data_dir=None if "/" in name else str(faces))
        assert "\n" not in str(caught.value)


def test_damaged_metadata_is_said_in_one_line(faces, tmp_path):
    shutil.copytree(faces / "lfw_subset_deid", tmp_path / "lfw_subset_deid")
    folder = tmp_path / NAME / "1.0.0"
    default = tmp_path / "lfw_subset_deid" / ".config" / "metadata.json"
    for content in ("", "[]", '{"default_config_name": "gone"}'):
        default.write_text(content)
        assert dataset_folder("lfw_subset_deid", tmp_path) == folder, "there is no other"
    for file, message in (("metadata.json", "metadata.json can't be read"), ("dataset_info.json", "the metadata of")):
        kept = (folder / file).read_text()
        for content in ("", "{", "[1]"):
            (folder / file).write_text(content)
            with pytest.raises(DeidError, match=message) as caught:
                verify("lfw_subset_deid", str(tmp_path))
            assert "\n" not in str(caught.value)
        (folder / file).write_text(kept)


def test_a_folder_that_is_no_utf8(faces, tmp_path):
    odd = os.path.join(tmp_path, "nicht\udcff")
    shutil.copytree(faces, odd)
    assert verify("lfw_subset_deid", odd).problems == []
    with pytest.raises(DeidError, match="in UTF-8, which TensorFlow needs.*Rename it"):
        tfdeid.load("lfw_subset_deid", data_dir=odd)
    with pytest.raises(DeidError, match="output_dir must have a name in UTF-8"):
        run(["--runner=FnApiRunner", f"--output_dir={odd}/new", f"--key={faces / 'key'}"])
