"""`python -m beam.deid`: the main job, what it does about output that exists, and what it says of mistakes."""

from __future__ import annotations

import json
import os
import pathlib
import re
import subprocess
import sys
import warnings

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

import tfdeid
from beam.deid import run
from tests.pipeline.content import content
from tfdeid import DeidConfig, Deidentifier, DeidError, Key
from tfdeid.data.sources import SourceConfig, open_source
from tfdeid.errors import DeidWarning
from tfdeid.image import decode_image, match_channels

SAMPLE = pathlib.Path("lfw_subset_deid/structural_50_224/1.0.0")


def read(data_dir, name: str, split: str) -> list[dict]:
    return list(tfds.as_numpy(tfdeid.load(name, split=split, data_dir=data_dir)))


def check_against_source(records: list[dict], source_config: SourceConfig, split: str, config: DeidConfig, key: Key) -> None:
    """Compares every record with the de-identified image of the source that its id belongs to."""
    source = open_source(source_config)
    deidentify, record_id = Deidentifier(config, key), source.record_ids(key, config.algorithm_version)
    found = {record["id"].decode(): record for record in records}
    assert len(found) == len(records) == source.splits[split]
    for example in source.read(split, 0, source.splits[split]):
        record = found[record_id(split, example)]
        image = decode_image(example.image) if isinstance(example.image, bytes) else example.image
        expected = deidentify(match_channels(image, record["image"].shape[2]), record_id(split, example))
        np.testing.assert_array_equal(record["image"], expected)
        assert record.get("label", example.label) == example.label


def files(folder: pathlib.Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_the_sample_comes_out_whole(sample, key_path):
    key = Key.load(key_path)
    for split, size in (("train", 160), ("test", 40)):
        records = read(sample, "lfw_subset_deid", split)
        assert len(records) == size
        assert records[0]["image"].shape == (224, 224, 1)
        check_against_source(records, SourceConfig(), split, DeidConfig(), key)
    assert tfds.builder_from_directory(sample / SAMPLE).info.features["label"].names == ["face", "nonface"]


def test_metadata_tells_how_it_was_made_and_no_secret(sample, key_path):
    facts = json.loads((sample / SAMPLE / "metadata.json").read_text())
    assert facts["key_fingerprint"] == Key.load(key_path).fingerprint
    assert facts["deid"] == DeidConfig().to_dict()
    assert (facts["read"], facts["written"], facts["failed"]) == (200, 200, 0)
    secret = key_path.read_bytes().strip()
    assert not [name for name, content in files(sample).items() if secret in content]


def test_records_of_a_shard_are_sorted_by_id(sample):
    one_after_the_other = tfds.ReadConfig(interleave_cycle_length=1)
    dataset = tfdeid.load("lfw_subset_deid", split="train", data_dir=sample, read_config=one_after_the_other)
    ids = [record["id"] for record in tfds.as_numpy(dataset)]
    shards = [ids[start : start + 40] for start in range(0, 160, 40)]
    assert all(shard == sorted(shard) for shard in shards)
    assert ids != sorted(ids)


def test_the_same_command_again_says_already_complete(deid, capsys):
    assert deid("--limit=4") == 0
    first = capsys.readouterr().out
    assert re.search(r"read 8 = written 8 \+ failed 0", first)
    assert "next: python -c 'import tfdeid; print(tfdeid.load(" in first
    assert deid("--limit=4") == 0
    assert "already complete" in capsys.readouterr().out


def test_resume_makes_missing_shards_only(deid, tmp_path, capsys):
    options = ("--limit=8", "--num_shards=4")
    deid(*options)
    folder = tmp_path / "out" / SAMPLE
    undisturbed = files(folder)
    (folder / "features.json").unlink()
    lost = folder / "lfw_subset_deid-train.tfrecord-00001-of-00004"
    lost.unlink()
    kept = folder / "lfw_subset_deid-train.tfrecord-00002-of-00004"
    written_at = kept.stat().st_mtime_ns
    with pytest.raises(DeidError, match=r"7 of 8 shards.*--mode=resume"):
        deid(*options)
    assert deid(*options, "--mode=resume") == 0
    assert "resuming: 7 of 8 shards" in capsys.readouterr().out
    assert kept.stat().st_mtime_ns == written_at
    for name, written in files(folder).items():
        if "_shards" not in name:  # Reports hold times.
            assert written == undisturbed[name], name


def test_resume_distrusts_a_shard_of_another_size(deid, tmp_path):
    options = ("--limit=4", "--num_shards=2")
    deid(*options)
    folder = tmp_path / "out" / SAMPLE
    (folder / "features.json").unlink()
    cut = folder / "lfw_subset_deid-test.tfrecord-00000-of-00002"
    whole = cut.read_bytes()
    cut.write_bytes(whole[:-10])
    assert deid(*options, "--mode=resume") == 0
    assert cut.read_bytes() == whole


def test_metadata_alone_is_missing(deid, tmp_path):
    deid("--limit=4")
    (tmp_path / "out" / SAMPLE / "features.json").unlink()
    assert deid("--limit=4", "--mode=resume") == 0
    assert len(read(tmp_path / "out", "lfw_subset_deid", "train")) == 4


def test_complete_output_of_another_identity_is_kept(deid, tmp_path):
    deid("--limit=4")
    before = files(tmp_path / "out")
    other = tmp_path / "other"
    Key.generate().save(other)
    with pytest.raises(DeidError, match=r"another key .*--mode=overwrite"):
        deid("--limit=4", key=other)
    with pytest.raises(DeidError, match=r"source_selection.*--mode=overwrite"):
        deid("--limit=5")
    with pytest.raises(DeidError, match="another identity"):
        deid("--limit=5", "--mode=resume")
    assert files(tmp_path / "out") == before
    assert deid("--limit=4", "--mode=overwrite", key=other) == 0


def test_partial_output_of_another_key_is_kept(deid, tmp_path):
    deid("--limit=4")
    (tmp_path / "out" / SAMPLE / "features.json").unlink()
    other = tmp_path / "other"
    Key.generate().save(other)
    with pytest.raises(DeidError, match="another key, configuration or source"):
        deid("--limit=4", "--mode=resume", key=other)


@pytest.mark.parametrize("mode", ["fail", "resume", "overwrite"])
def test_a_folder_of_something_else_is_refused(deid, tmp_path, mode):
    (tmp_path / "out" / SAMPLE).mkdir(parents=True)
    (tmp_path / "out" / SAMPLE / "thesis.tex").write_text("irreplaceable")
    with pytest.raises(DeidError, match="not of this tool"):
        deid(f"--mode={mode}")


def test_a_shard_that_is_gone_is_noticed_and_made_again(deid, sample, tmp_path, capsys):
    assert deid("--num_shards=4") == 0
    whole = files(tmp_path / "out" / SAMPLE)
    one, other = sorted((tmp_path / "out" / SAMPLE).glob("*-train.*"))[:2]
    one.unlink()
    other.write_bytes(other.read_bytes()[:-1])
    with pytest.raises(DeidError, match=r"part of this dataset \(6 of 8 shards\). --mode=resume goes on"):
        deid("--num_shards=4")
    assert deid("--num_shards=4", "--mode=resume") == 0
    assert "resuming: 6 of 8" in capsys.readouterr().out
    again = files(tmp_path / "out" / SAMPLE)
    assert [name for name in whole if "_shards" not in name and whole[name] != again[name]] == []


def test_a_changed_folder_is_another_source(deid, class_folders, capsys):
    image = class_folders / "a" / "0.bmp"
    Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(image)
    assert deid(f"--dataset=folder:{class_folders}") == 0
    data = bytearray(image.read_bytes())
    data[-20] ^= 255
    image.write_bytes(data)  # As large as before.
    with pytest.raises(DeidError, match="1 of 1 shards are of images or labels that have changed in the source since"):
        deid(f"--dataset=folder:{class_folders}")


@pytest.mark.parametrize("kind", ["a folder", "a link to nothing"])
def test_what_is_named_like_an_image(deid, class_folders, kind, tmp_path):
    path = class_folders / "a" / "x.png"
    path.mkdir() if kind == "a folder" else path.symlink_to(tmp_path / "absent")
    with pytest.raises(DeidError, match="a/x.png has the name of an image and can't be read: .*Mend or remove it"):
        deid(f"--dataset=folder:{class_folders}")


def test_class_folders(deid, class_folders, tmp_path, key_path):
    assert deid(f"--dataset=folder:{class_folders}", "--input_size=32", "--output_size=64") == 0
    records = read(tmp_path / "out", "scans_deid/structural_32_64", "train")
    config = DeidConfig(input_size=32, output_size=64)
    check_against_source(records, SourceConfig(f"folder:{class_folders}"), "train", config, Key.load(key_path))
    everything = b"".join(files(tmp_path / "out").values())
    assert b"0.png" not in everything, "file names must not pass"


def test_options_reach_the_result(deid, class_folders, tmp_path):
    dataset = f"--dataset=folder:{class_folders}"
    assert deid(dataset, "--name=mine", "--grayscale", "--scheme=vectorized", "--preset=detailed", "--output_size=64") == 0
    records = read(tmp_path / "out", "mine_deid/vectorized_50_64_presetdetailed_grayscale1", "train")
    assert records[0]["image"].shape == (64, 64, 1)
    assert deid(dataset, "--name=mine", "--coordinate_decimals=0", "--num_shards=6") == 0
    folder = tmp_path / "out" / "mine_deid" / "structural_50_224_coordinate_decimals0" / "1.0.0"
    assert len(list(folder.glob("*.tfrecord-*"))) == 6
    default = json.loads((tmp_path / "out" / "mine_deid" / ".config" / "metadata.json").read_text())
    assert default["default_config_name"] == "vectorized_50_64_presetdetailed_grayscale1", "the first config stays the default"


def test_config_file_and_command_line(deid, tmp_path):
    config = tmp_path / "mine.yaml"
    config.write_text("source: {dataset: lfw_subset, classes: [nonface], limit: 3}\ndeid: {input_size: 32, output_size: 64}\n")
    assert deid(f"--config={config}", "--output_size=48") == 0
    records = read(tmp_path / "out", "lfw_subset_deid/structural_32_48", "test")
    assert [record["label"] for record in records] == [0, 0, 0]


def test_first_use_makes_a_key_and_says_so(tmp_path, home, capsys):
    options = ["--runner=FnApiRunner", f"--output_dir={tmp_path / 'out'}", "--limit=2"]
    assert run(options) == 0
    path = home / "tfdeid" / "key"
    assert path.stat().st_mode & 0o777 == 0o600
    said = capsys.readouterr().out
    assert f"made a new key {path}" in said and Key.load(path).fingerprint in said
    assert path.read_text().strip() not in said
    assert run(options) == 0
    assert f"using the key {path}" in capsys.readouterr().out


def test_sizes_at_which_faces_and_text_survive_are_warned_of_before_and_after(deid, class_folders, capsys):
    options = ("--num_shards=1", "--output_size=32", f"--dataset=folder:{class_folders}")
    with pytest.warns(DeidWarning, match="at input_size 100 faces and text can be recognised"):
        assert deid(*options, "--input_size=100") == 0
    assert "warning: at input_size 100 faces" in capsys.readouterr().out
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "at input_size", DeidWarning)
        assert deid(*options) == 0
    assert "warning" not in capsys.readouterr().out


def test_cifar10_equals_the_python_api(deid, shared_tfds, tmp_path, key_path):
    source = SourceConfig("cifar10", str(shared_tfds), limit=100)
    assert deid("--dataset=cifar10", f"--data_dir={shared_tfds}", "--limit=100", "--num_shards=3") == 0
    for split in ("train", "test"):
        records = read(tmp_path / "out", "cifar10_deid", split)
        check_against_source(records, source, split, DeidConfig(), Key.load(key_path))
    names = tfds.builder_from_directory(tmp_path / "out/cifar10_deid/structural_50_224/1.0.0").info.features["label"].names
    assert names == tfds.builder("cifar10", data_dir=shared_tfds).info.features["label"].names


def test_imagenet_equals_the_python_api(deid, shared_tfds, tmp_path, key_path):
    source = SourceConfig("imagenet2012", str(shared_tfds), splits=("validation",), limit=20)
    options = ("--dataset=imagenet2012", f"--data_dir={shared_tfds}", "--splits=validation", "--limit=20", "--input_size=224")
    assert deid(*options) == 0
    records = read(tmp_path / "out", "imagenet2012_deid/structural_224_224", "validation")
    check_against_source(records, source, "validation", DeidConfig(input_size=224), Key.load(key_path))


@pytest.mark.slow
def test_two_worker_processes_write_the_same_records(deid, sample, tmp_path):
    assert deid("--num_shards=4", "--direct_running_mode=multi_processing", "--direct_num_workers=2") == 0
    ours, theirs = files(tmp_path / "out" / SAMPLE), files(sample / SAMPLE)
    assert ours.keys() == theirs.keys()
    assert content(tmp_path / "out" / SAMPLE) == content(sample / SAMPLE)
    # What depends on the bytes of records: their sizes and checksums.
    varying = ("_shards", ".tfrecord-", "dataset_info.json")
    assert [name for name in ours if ours[name] != theirs[name] and not any(part in name for part in varying)] == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--sceme=plain"], "--scheme"),
        (["--direct_num_worker=2"], "--direct_num_workers"),
        (["surplus"], "surplus"),
        (["--dataset=cifar11"], "cifar11"),
        (["--splits=tran"], "train"),
        (["--scheme=structurl"], "structural"),
        (["--key_scope=pool:1"], "key_scope pool:K takes a whole number K in [2, 4096], key_scope was 'pool:1'"),
        (["--scheme=plain", "--axes=independent"], "axes is for the scheme structural alone, scheme was 'plain'"),
        (["--scheme=plain", "--colors=keyed"], "colors is for the scheme structural alone, scheme was 'plain'"),
        (["--scheme=vectorized", "--bend"], "bend is for the scheme structural alone, scheme was 'vectorized'"),
        (["--colors=key"], "Did you mean 'keyed'"),
        (["--bend", "--input_size=732"], "at most 731 at coordinate_decimals 1 with bend"),
        (["--preset=detaild"], "detailed"),
        (["--mode=overwite"], "overwrite"),
        (["--file_format=tfrecords"], "tfrecord"),
        (["--input_size=1000"], "at most 995"),
        (["--input_size=0"], "input_size must be"),
        (["--limit=0"], "limit must be"),
        (["--num_shards=0"], "num_shards must be"),
        (["--max_failed_ratio=2"], "max_failed_ratio must be"),
        (["--config=absent.yaml"], "absent.yaml"),
        (["--dataset=folder:/absent"], "/absent"),
        (["--input_size=abc"], "invalid int value: 'abc'"),
        (["--runner=DirctRunner"], "unknown runner 'DirctRunner'. Did you mean 'DirectRunner'"),
    ],
)
def test_mistakes_are_one_error_before_any_work(deid, tmp_path, options, message):
    with pytest.raises(DeidError, match=re.escape(message)):
        deid(*options)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("deid: {input_sise: 5}", "input_size"),
        ("surce: {}", "source"),
        ("source: {datset: x}", "dataset"),
        ("- 1", "sections"),
        ("deid: {scheme: [plain]}", "line 1: scheme must be one value, it holds list"),
        ("source: {split_sizes: 5}", "split_sizes must hold"),
        ("source: {dataset: [5]}", "line 1: dataset must be one value, it holds list"),
        ("source: {classes: [[1]]}", r"line 1: classes\[0\] must be one value, it holds list"),
        ("source: {limit: four}", "line 1: limit must be a whole number"),
        ("deid: {algorithm_version: 1}", "unknown key in section 'deid' 'algorithm_version'"),
    ],
)
def test_mistakes_in_the_config_file(deid, tmp_path, content, message):
    (tmp_path / "c.yaml").write_text(content)
    with pytest.raises(DeidError, match=message):
        deid(f"--config={tmp_path / 'c.yaml'}")


def test_the_text_of_a_key_is_not_repeated(deid, tmp_path):
    text = Key.generate().material.decode()
    with pytest.raises(DeidError, match="looks like the text of a key") as caught:
        deid(key=text)
    assert text not in str(caught.value)


def test_places(deid, tmp_path, key_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    options = ["--runner=FnApiRunner", f"--key={key_path}", "--limit=2"]
    assert run([*options, "--output_dir=~/data"]) == 0
    assert (tmp_path / "home" / "data" / SAMPLE / "features.json").exists()
    (tmp_path / "file").write_text("")
    with pytest.raises(DeidError, match="can't be written: Not a directory. Choose another --output_dir"):
        run([*options, f"--output_dir={tmp_path / 'file' / 'x'}"])


def test_a_key_that_others_can_read_is_refused(deid, tmp_path):
    Key.generate().save(tmp_path / "open")
    (tmp_path / "open").chmod(0o644)
    with pytest.raises(DeidError, match="chmod 600"):
        deid(key=tmp_path / "open")


@pytest.mark.parametrize("key", ["/absent/key", "env:TFDEID_TEST_KEY"])
def test_a_remote_runner_refuses_a_key_of_this_machine(key, tmp_path, monkeypatch):
    monkeypatch.setenv("TFDEID_TEST_KEY", "irrelevant")
    with pytest.raises(DeidError, match="gcp-secret"):
        run(["--runner=SparkRunner", f"--output_dir={tmp_path}", f"--key={key}"])


def test_a_remote_runner_needs_a_key(tmp_path):
    with pytest.raises(DeidError, match="needs --key"):
        run(["--runner=SparkRunner", f"--output_dir={tmp_path}"])


def command(*options: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-m", "beam.deid", *options], capture_output=True, text=True, env=dict(os.environ))


def test_the_command_prints_one_line_for_a_mistake():
    result = command("--datset=x")
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1 and result.stderr.startswith("beam.deid: error: unknown option '--datset'")


@pytest.mark.slow
def test_the_command_is_quiet_about_all_but_progress(tmp_path, key_path):
    result = command("--runner=DirectRunner", f"--output_dir={tmp_path / 'out'}", f"--key={key_path}", "--limit=4")
    assert result.returncode == 0
    lines = [line for line in re.split("[\r\n]", result.stderr) if line.strip()]
    assert lines and all(line.startswith("de-identifying:") for line in lines)
    assert "8/8" in lines[-1]


def test_help_reads_well():
    result = command("--help")
    assert result.returncode == 0
    assert all(word in result.stdout for word in ("--coordinate_decimals", "examples:", "--direct_running_mode", "lfw_subset"))
    words = " ".join(result.stdout.split())
    assert "For structural the last two are not in the paper" in words and "or independent, which is not in the paper" in words
