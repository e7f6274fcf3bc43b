"""`tfdeid verify` finds each thing that can go wrong with a dataset, and nothing in one that is in order."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import re
import shutil

import numpy as np
import pytest
import tensorflow as tf
from etils import epath

from beam.deid import run
from tests.data.made import make_dataset
from tfdeid import DeidError, Key
from tfdeid.cli import main
from tfdeid.data.shard_report import REPORTS, ShardReport
from tfdeid.deidentifier import Deidentifier
from tfdeid.files import crc32c
from tfdeid.image import decode_image, encode_png
from tfdeid.verify import Owner, verify

NAME, FOLDER = "lfw_subset_deid", "lfw_subset_deid/structural_50_32/1.0.0"


@pytest.fixture
def copied(faces, tmp_path) -> pathlib.Path:
    """Returns the folder of a copy that a test may damage."""
    shutil.copytree(faces / NAME, tmp_path / NAME)
    return tmp_path / FOLDER


def owner(faces, num_images=None) -> Owner:
    return Owner(Key.load(faces / "key"), "lfw_subset", num_images=num_images)


def check(copied, owner=None) -> list[str]:
    return [str(problem) for problem in verify(NAME, str(copied.parents[2]), owner).problems]


def shard(copied, number: int = 0, split: str = "train") -> pathlib.Path:
    return sorted(copied.glob(f"*-{split}.*"))[number]


def rewrite(path: pathlib.Path, change, forged: bool) -> None:
    """Changes a shard's first record; if forged, so that its report and all checksums fit."""
    first, *others = records(path)
    example = tf.train.Example.FromString(first)
    change(example.features.feature)
    write(path, [example.SerializeToString(deterministic=True), *others], forged)


def records(path: pathlib.Path) -> list[bytes]:
    return list(tf.data.TFRecordDataset(str(path)).as_numpy_iterator())


def write(path: pathlib.Path, records: list[bytes], forged: bool = True) -> None:
    with tf.io.TFRecordWriter(str(path)) as writer:
        for data in records:
            writer.write(data)
    if forged:
        report(path, file_bytes=path.stat().st_size, crc32c=crc32c(epath.Path(path)))


def report(path: pathlib.Path, **values) -> None:
    """Changes values of a shard's report."""
    file = path.parent / REPORTS / f"{path.name}.json"
    file.write_text(dataclasses.replace(ShardReport.from_json(file.read_text()), **values).to_json())


def facts(copied: pathlib.Path, **values) -> None:
    """Changes facts of the metadata; None takes one away."""
    file = copied / "metadata.json"
    changed = {**json.loads(file.read_text()), **values}
    file.write_text(json.dumps({name: value for name, value in changed.items() if value is not None}))


def test_a_dataset_in_order(faces):
    found = verify(NAME, str(faces), owner(faces))
    assert not found.problems and (found.shards, found.records, found.known, found.compared) == (6, 200, 200, 200)
    sampled = verify(NAME, str(faces), owner(faces, num_images=7))
    assert not sampled.problems and (sampled.known, sampled.compared) == (200, 14)
    shards = []
    assert str(verify(NAME, str(faces), on_shard=lambda: shards.append(1))).endswith("\nin order: whole") and len(shards) == 6
    assert str(sampled).endswith("\nin order: whole, and what the key makes of the source")


def test_a_flipped_byte(copied):
    data = bytearray(shard(copied).read_bytes())
    data[len(data) // 2] ^= 1
    shard(copied).write_bytes(data)
    problems = check(copied)
    assert any("its content has changed" in problem for problem in problems) and all(
        problem.startswith((shard(copied).name, "metadata.json")) for problem in problems
    )
    assert any("checksum" in problem for problem in problems), "which record is damaged"


def test_a_missing_shard(copied):
    path = shard(copied, 1)
    path.unlink()
    assert f"{path.name}: the shard is missing" in check(copied)


def test_what_can_not_be_read_is_a_problem_and_no_traceback(copied):
    one, other = shard(copied, 0), shard(copied, 1)
    report = copied / REPORTS / f"{other.name}.json"
    for path in (one, report):
        path.unlink()
        path.mkdir()
    problems = check(copied)
    assert any(problem.startswith(f"{one.name}: ") and "Is a directory" in problem for problem in problems)
    assert any(problem.startswith(f"{other.name}: its report") and "IsADirectoryError" in problem for problem in problems)


def test_a_shard_that_was_cut(copied):
    path = shard(copied)
    length = len(records(path))
    path.write_bytes(path.read_bytes()[:-100])
    problems = check(copied)
    assert any("bytes, and has" in problem for problem in problems)
    assert any(f"must hold {length} records by the metadata, and {length - 1} can be read" in problem for problem in problems)


def test_what_a_forger_of_checksums_leaves(copied):
    """All checksums fit, and yet each of these is seen without a key."""
    path = shard(copied)
    whole = records(path)
    write(path, whole[1:])
    assert f"{path.name}: it must hold {len(whole)} records by the metadata, and {len(whole) - 1} can be read" in check(copied)
    assert "metadata.json: it says 200 records, and 199 can be read" in check(copied)
    write(path, [whole[1], whole[0], *whole[2:]])
    assert check(copied) == [f"{path.name}: its records must be sorted by id, and they are not"]

    def rename(features):
        features["id"].bytes_list.value[0] = b"0" * 31 + b"G"

    write(path, whole)
    rewrite(path, rename, forged=True)
    assert f"{path.name}: record 0: an id must be 32 hex digits, it is {'0' * 31 + 'G'!r}" in check(copied)
    write(path, whole)
    report(path, split="test")
    assert check(copied) == [f"{path.name}: its report is that of {path.name}, split test"]
    report(path, split="train", written=7)
    assert check(copied) == [f"{path.name}: it must hold {len(whole)} records by the metadata, 7 by its report"]
    report(path, written=len(whole), failures=(("0" * 32, "decode"),))
    assert check(copied) == ["metadata.json: it says that 0 images failed, the reports list 1"]
    report(path, failures=())
    assert check(copied) == []


def test_facts_that_are_missing(copied, faces):
    facts(copied, scheme=None, read=None)
    (problem,) = check(copied, owner(faces))
    assert problem == "metadata.json: it must say scheme, read, and does not: this is no dataset of this tool"


def test_only_the_first_problems_are_shown(copied):
    for k in range(3):
        write(shard(copied, k), [b"no record"] * 54)
    found = str(verify(NAME, str(copied.parents[2])))
    assert found.count("\nwrong: ") == 20 and "\n... and " in found and "NOT in order" in found


def test_swapped_shards(copied, faces):
    one, other = shard(copied, 0), shard(copied, 1)
    kept = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(kept)
    assert sum("has changed" in problem or "bytes, and has" in problem for problem in check(copied)) == 2


def test_a_missing_and_a_foreign_report(copied):
    one, other, third = (copied / REPORTS / f"{shard(copied, k).name}.json" for k in range(3))
    one.unlink()
    third.write_text(other.read_text())
    problems = check(copied)
    assert any("can't be read: FileNotFoundError" in problem for problem in problems)
    assert any(f"its report is that of {shard(copied, 1).name}" in problem for problem in problems)


@pytest.mark.parametrize("forged", [False, True])
def test_a_wrong_label(copied, faces, forged):
    def change(features):
        features["label"].int64_list.value[0] ^= 1

    rewrite(shard(copied), change, forged)
    assert bool(check(copied)) != forged  # A forger who has no key can make all checksums fit ...
    assert any(
        "as in the source" in problem for problem in check(copied, owner(faces, num_images=1))
    )  # ... but not the source.


def test_a_label_out_of_range(copied):
    def change(features):
        features["label"].int64_list.value[0] = 2

    rewrite(shard(copied), change, forged=True)
    assert check(copied) == [f"{shard(copied).name}: record 0: a label must be in [0, 1], or -1 for none, it is 2"]


def test_a_label_below_none(copied):
    def change(features):
        features["label"].int64_list.value[0] = -2

    rewrite(shard(copied), change, forged=True)
    assert check(copied) == [f"{shard(copied).name}: record 0: a label must be in [0, 1], or -1 for none, it is -2"]


def test_a_label_that_was_taken_away(copied, faces):
    """-1 is TFDS's mark of an example without a label, which the source of this one has."""

    def change(features):
        features["label"].int64_list.value[0] = -1

    rewrite(shard(copied), change, forged=True)
    assert check(copied) == []
    (problem,) = check(copied, owner(faces, num_images=1))
    assert re.search(r"record 0: its label must be [01], as in the source, and is -1", problem)


def test_a_source_without_some_labels(tmp_path, faces):
    make_dataset(tmp_path, {"train": [0, -1, 2], "test": [-1, -1]}, name="made")
    options = [f"--output_dir={tmp_path}", f"--data_dir={tmp_path}", f"--key={faces / 'key'}", "--dataset=made"]
    assert run(["--runner=FnApiRunner", *options, "--output_size=32"]) == 0
    found = verify("made_plain_32_32_deid", str(tmp_path), Owner(Key.load(faces / "key"), "made", str(tmp_path)))
    assert found.problems == [] and (found.records, found.known, found.compared) == (5, 5, 5)


def test_another_pixel(copied, faces):
    def change(features):
        image = decode_image(features["image"].bytes_list.value[0]).copy()
        image[3, 3] ^= 1
        features["image"].bytes_list.value[0] = encode_png(image)

    rewrite(shard(copied), change, forged=True)
    assert check(copied) == []
    seen = {bool(check(copied, dataclasses.replace(owner(faces, num_images=80), seed=seed))) for seed in range(6)}
    assert seen == {True, False}, "it is seen where it is drawn"
    assert check(copied, owner(faces)) == [
        f"{shard(copied).name}: record 0: its pixels are not those that the key makes of the source's image"
    ]


@pytest.mark.parametrize(
    ("data", "message"),
    [(b"no image", "can't be decoded"), (encode_png(np.zeros((5, 5, 1), np.uint8)), "must be [32, 32, 1], it is [5, 5, 1]")],
)
def test_what_is_no_image_of_the_dataset(copied, data, message):
    def change(features):
        features["image"].bytes_list.value[0] = data

    rewrite(shard(copied), change, forged=True)
    assert any(message in problem for problem in check(copied))


def test_records_of_another_key(copied, faces, faces_of_another_key):
    path = shard(copied, 1)
    foreign = faces_of_another_key / FOLDER
    (one,) = (other for other in foreign.glob("*-train.*") if other.name == path.name)
    shutil.copyfile(one, path)
    shutil.copyfile(foreign / REPORTS / f"{path.name}.json", copied / REPORTS / f"{path.name}.json")
    problems = check(copied, owner(faces))
    assert sum("not that of any example of the source under this key" in problem for problem in problems) > 40
    assert any(problem.startswith("source: ") and "neither there nor listed" in problem for problem in problems)


def test_records_in_another_order(copied):
    path = shard(copied)
    first, second, *others = list(tf.data.TFRecordDataset(str(path)).as_numpy_iterator())
    with tf.io.TFRecordWriter(str(path)) as writer:
        for data in (second, first, *others):
            writer.write(data)
    rewrite(path, lambda features: None, forged=True)
    assert check(copied) == [f"{path.name}: its records must be sorted by id, and they are not"]


def test_a_record_twice(copied):
    path = shard(copied)
    second = records(path)[1]

    def change(features):
        first = tf.train.Example.FromString(second)
        features["id"].CopyFrom(first.features.feature["id"])

    rewrite(path, change, forged=True)
    assert any("occurs 2 times" in problem for problem in check(copied))


def test_array_record(tmp_path, faces):
    options = [f"--output_dir={tmp_path}", f"--key={faces / 'key'}", "--file_format=array_record", "--output_size=32"]
    assert run(["--runner=FnApiRunner", *options, "--num_shards=2"]) == 0
    assert verify(NAME, str(tmp_path), owner(faces)).problems == []
    path = shard(tmp_path / FOLDER)
    data = bytearray(path.read_bytes())
    data[-3000] ^= 1
    path.write_bytes(data)
    assert any("its content has changed" in problem for problem in check(tmp_path / FOLDER))
    data[3000] ^= 1  # In the first records, and not in what pads the file.
    path.write_bytes(data)
    assert any("Corrupted" in problem for problem in check(tmp_path / FOLDER)), "and no traceback"


def test_a_choice_of_the_source(tmp_path, faces):
    """Splits that are made of others, and classes that are chosen, are found again by what the metadata says."""
    config = tmp_path / "mine.yaml"
    config.write_text("source: {classes: [face], splits: [train], split_sizes: {train: 20, val=train: 9}}\n")
    options = [f"--output_dir={tmp_path}", f"--key={faces / 'key'}", "--output_size=32", f"--config={config}"]
    assert run(["--runner=FnApiRunner", *options]) == 0
    found = verify(NAME, str(tmp_path), owner(faces))
    assert found.problems == [] and (found.records, found.compared) == (29, 29)


def test_what_can_not_be_made_again_differs(faces, monkeypatch):
    def fails(*_):
        raise DeidError("no more")

    monkeypatch.setattr(Deidentifier, "__call__", fails)
    problems = verify(NAME, str(faces), owner(faces, num_images=3)).problems
    assert len(problems) == 6 and all("its pixels are not those" in problem.what for problem in problems)


def test_a_file_format_that_cannot_be_read(copied):
    info = copied / "dataset_info.json"
    info.write_text(info.read_text().replace('"fileFormat": "tfrecord"', '"fileFormat": "riegeli"'))
    for path in copied.glob("*.tfrecord-*"):
        path.replace(path.parent / path.name.replace("tfrecord", "riegeli"))
    assert any("files of the format riegeli can't be read, only tfrecord and array_record" in one for one in check(copied))


def test_images_that_failed_are_not_missing(tmp_path, faces):
    folder = tmp_path / "scans" / "a"
    folder.mkdir(parents=True)
    for name, data in {"good.png": encode_png(np.full((9, 9, 3), 7, np.uint8)), "bad.png": b"x"}.items():
        (folder / name).write_bytes(data)
    source = f"folder:{tmp_path / 'scans'}"
    options = [f"--output_dir={tmp_path}", f"--key={faces / 'key'}", "--max_failed_ratio=0.5", f"--dataset={source}"]
    assert run(["--runner=FnApiRunner", *options]) == 0
    found = verify("scans_deid", str(tmp_path), Owner(Key.load(faces / "key"), source))
    assert found.problems == [] and (found.records, found.compared) == (1, 1)


def test_the_command(faces, copied, tmp_path, capsys):
    options = [NAME, f"--data_dir={copied.parents[2]}", "--source=lfw_subset", f"--key={faces / 'key'}"]
    assert main(["verify", *options, "--all", f"--output={tmp_path / 'report.json'}"]) == 0
    assert "200 records made again and compared" in capsys.readouterr().out
    assert json.loads((tmp_path / "report.json").read_text())["compared"] == 200
    shard(copied).unlink()
    assert main(["verify", *options]) == 1
    said = capsys.readouterr().out
    assert "wrong: " in said and "NOT in order" in said


def test_mistakes(faces, faces_of_another_key, tmp_path, capsys):
    (tmp_path / "0.png").write_bytes(encode_png(np.zeros((9, 9, 3), np.uint8)))
    with pytest.raises(DeidError, match="fingerprint [0-9a-f]{16}; the one given has [0-9a-f]{16}"):
        verify(NAME, str(faces), owner(faces_of_another_key))
    with pytest.raises(DeidError, match="source must be lfw_subset version 1.0.0"):
        verify(NAME, str(faces), dataclasses.replace(owner(faces), dataset=f"folder:{tmp_path}"))
    for options, message in (
        (["nothing_deid", f"--data_dir={faces}"], "there is no dataset 'nothing_deid'"),
        ([NAME, f"--key={faces / 'key'}"], "give --source too"),
        ([NAME, "--num_images=0"], "num_images must be at least 1"),
    ):
        assert main(["verify", *options]) == 2
        assert message in capsys.readouterr().err
