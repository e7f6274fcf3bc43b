"""What a run says of its source, and what it does when the source is not what it was."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import shutil

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

import tfdeid
from beam import options as beam_options
from tests.data.prepared import store
from tfdeid import DeidConfig, DeidError, Key
from tfdeid.verify import Owner, verify

SIZES = ("--input_size=16", "--output_size=32")
SCANS = "scans_deid/structural_16_32/1.0.0"


def write_scans(folder: pathlib.Path, redacted: str = "") -> None:
    """Writes two uncompressed scans a class, of which one may be blacked out from its middle on: same size, same beginning."""
    for label, number in (("a", 0), ("a", 1), ("b", 0), ("b", 1)):
        (folder / label).mkdir(parents=True, exist_ok=True)
        pixels = np.random.RandomState(number).randint(0, 256, (300, 200, 3), np.uint8)
        if f"{label}/{number}" == redacted:
            pixels[:100] = 0  # A BMP begins with its last row.
        Image.fromarray(pixels).save(folder / label / f"{number}.bmp")


def records(out: pathlib.Path) -> dict[str, bytes]:
    rows = tfds.as_numpy(tfdeid.load("scans_deid", split="train", data_dir=out))
    return {row["id"].decode(): row["image"].tobytes() for row in rows}


@pytest.mark.parametrize("change", ["redacted", "another file"])
def test_an_image_that_was_changed_in_place_is_made_again(deid, tmp_path, key_path, capsys, change):
    scans, out = tmp_path / "scans", tmp_path / "out"
    options = (f"--dataset=folder:{scans}", *SIZES, "--num_shards=4")
    write_scans(scans)
    assert deid(*options) == 0
    before, times = records(out), {path.name: path.stat().st_mtime_ns for path in (out / SCANS).glob("*tfrecord*")}
    old = (scans / "b" / "0.bmp").stat()
    if change == "redacted":
        write_scans(scans, redacted="b/0")
        assert (scans / "b" / "0.bmp").stat().st_size == old.st_size
    else:
        Image.new("RGB", (9, 9)).save(scans / "b" / "0.bmp")
    os.utime(scans / "b" / "0.bmp", ns=(old.st_atime_ns, old.st_mtime_ns))
    owner = Owner(Key.load(key_path), f"folder:{scans}")
    said = [str(problem) for problem in verify("scans_deid", str(out), owner).problems]
    assert len([one for one in said if "its id is not that of any example" in one]) == 1
    assert "source: 1 of its examples, as they are now, are neither there nor listed as failed" in said
    with pytest.raises(DeidError, match="1 of 4 shards are of images or labels that have changed .*--mode=resume"):
        deid(*options)
    assert records(out) == before
    assert deid(*options, "--mode=resume") == 0
    assert "resuming: 3 of 4 shards" in capsys.readouterr().out
    after = records(out)
    assert len(after) == 4 and len(after.keys() & before.keys()) == 3, "the ids of the others stay"
    redone = [path.name for path in (out / SCANS).glob("*tfrecord*") if path.stat().st_mtime_ns != times[path.name]]
    assert len(redone) == 1
    assert not verify("scans_deid", str(out), owner).problems
    assert deid(*options) == 0 and "already complete" in capsys.readouterr().out


def test_a_label_that_was_changed_is_made_again_and_a_class_is_another_dataset(deid, tmp_path, key_path):
    def prepare(names: list[str], labels: list[int]) -> None:
        def features(t):
            return {"image": t.features.Image(encoding_format="png"), "label": t.features.Text()}

        rows = [{"image": np.full((4, 4, 3), k, np.uint8), "label": names[label]} for k, label in enumerate(labels)]
        shutil.rmtree(tmp_path / "data", ignore_errors=True)
        store(tmp_path / "data", features, {"train": rows})

    options = ("--dataset=tiny", f"--data_dir={tmp_path / 'data'}", *SIZES)
    owner = Owner(Key.load(key_path), "tiny", str(tmp_path / "data"))
    prepare(["cat", "dgo"], [0, 1, 0])
    assert deid(*options) == 0
    prepare(["cat", "dgo"], [0, 1, 1])
    assert "label must be 1, as in the source" in str(verify("tiny_deid", str(tmp_path / "out"), owner))
    assert "have changed in the source since" in str(verify("tiny_deid", str(tmp_path / "out"), owner))
    with pytest.raises(DeidError, match="have changed in the source since"):
        deid(*options)
    prepare(["cat", "dog"], [0, 1, 0])
    with pytest.raises(DeidError, match="classes of the source must be the 2 .*'dgo' is 'dog' now"):
        verify("tiny_deid", str(tmp_path / "out"), owner)
    with pytest.raises(DeidError, match="of another identity"):
        deid(*options)


def test_a_dataset_that_was_prepared_anew_with_another_image(deid, tmp_path, capsys):
    def prepare(value: int) -> None:
        def features(t):
            return {"image": t.features.Image(encoding_format="png"), "label": t.features.ClassLabel(names=["a", "b"])}

        rows = [{"image": np.full((4, 4, 3), k, np.uint8), "label": k % 2} for k in range(100)]
        rows[9]["image"] = np.full((4, 4, 3), value, np.uint8)
        store(tmp_path / "data", features, {"train": rows})

    options = ("--dataset=tiny", f"--data_dir={tmp_path / 'data'}", *SIZES)
    prepare(1)
    assert deid(*options) == 0 and deid(*options) == 0
    assert "already complete" in capsys.readouterr().out
    shutil.rmtree(tmp_path / "data")
    prepare(1)  # Other bytes, since TFDS orders features anew, and the same images.
    assert deid(*options) == 0
    assert "already complete" in capsys.readouterr().out
    shutil.rmtree(tmp_path / "data")
    prepare(2)
    with pytest.raises(DeidError, match="have changed in the source since"):
        deid(*options)


def test_what_has_no_place_in_the_output_is_said_before_and_after(deid, class_folders, tmp_path, capsys):
    (class_folders / "a" / "IMG_1.HEIC").write_bytes(b"x")
    frames = [Image.new("RGB", (8, 8), color) for color in ("red", "green", "blue")]
    frames[0].save(class_folders / "a" / "pages.tiff", save_all=True, append_images=frames[1:])
    frames[0].save(class_folders / "b" / "film.gif", save_all=True, append_images=frames[1:])
    frames[0].save(class_folders / "b" / "one.gif")
    assert deid(f"--dataset=folder:{class_folders}", *SIZES) == 0
    said = capsys.readouterr().out
    assert said.count("files that are no images by their extension: 1 .heic") == 2
    assert "read 9 = written 9 + failed 0" in said
    assert "2 image files hold several frames or pages, of which the first was taken" in said


def test_labels_of_text_reach_the_result(deid, tmp_path, key_path, capsys):
    def features(t):
        return {"image": t.features.Image(encoding_format="png"), "label": t.features.Text(), "age": np.int64}

    rows = [{"image": np.full((4, 4, 3), k, np.uint8), "label": ["Zoe", "Ann"][k % 2], "age": k} for k in range(6)]
    store(tmp_path / "data", features, {"train": rows})
    options = ("--dataset=tiny", f"--data_dir={tmp_path / 'data'}", *SIZES)
    assert deid(*options) == 0
    said = capsys.readouterr().out
    assert said.count("left out of tiny/1.0.0: age") == 2 and said.count("stand in the clear") == 2
    builder = tfds.builder_from_directory(tmp_path / "out" / "tiny_deid" / "structural_16_32" / "1.0.0")
    assert builder.info.features["label"].names == ["Ann", "Zoe"]
    assert sorted(int(row["label"]) for row in builder.as_dataset(split="train")) == [0, 0, 0, 1, 1, 1]
    owner = Owner(Key.load(key_path), "tiny", str(tmp_path / "data"))
    assert not verify("tiny_deid", str(tmp_path / "out"), owner).problems
    # Another label is another dataset, and one that is chosen is remembered for the check.
    assert deid(*options, "--name=ages", "--label_feature=age") == 0
    assert not verify("ages_deid", str(tmp_path / "out"), owner).problems


@pytest.mark.parametrize("options", [{}, {"scheme": "negative_positive", "key_scope": "image"}, {"bend": True}], ids=str)
def test_a_dataset_of_algorithm_version_1_is_still_verified(deid, tmp_path, key_path, class_folders, options, capsys):
    flags = [f"--{name}" if value is True else f"--{name}={value}" for name, value in options.items()]
    config, parse = tmp_path / "first.yaml", beam_options.parse
    config.write_text("source: {first: 2}")

    def of_version_1(*given):
        run, source, config, rest = parse(*given)
        return run, source, dataclasses.replace(config, algorithm_version=1), rest

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(beam_options, "parse", of_version_1)
        assert deid(f"--dataset=folder:{class_folders}", *SIZES, *flags, f"--config={config}") == 0
    (folder,) = (tmp_path / "out" / "scans_deid").glob("*/1.0.0")
    facts = json.loads((folder / "metadata.json").read_text())
    assert facts["algorithm_version"] == 1 and facts["source_selection"] == {"limit": 2}
    assert "algorithm_version" not in facts["deid"] and DeidConfig.of_facts(facts).algorithm_version == 1
    owner = Owner(Key.load(key_path), f"folder:{class_folders}")
    found = verify("scans_deid", str(tmp_path / "out"), owner)
    assert not found.problems and found.known == found.compared == 2
    # The same command makes other ids now, and says so.
    with pytest.raises(DeidError, match=r"an earlier version of this program made \(algorithm 1, now 2\)\. It can be used"):
        deid(f"--dataset=folder:{class_folders}", *SIZES, *flags, "--limit=2")


def test_a_later_versions_dataset_is_refused(faces):
    facts = json.loads((faces / "lfw_subset_deid/structural_50_32/1.0.0/metadata.json").read_text())
    with pytest.raises(DeidError, match="algorithm_version must be at most 2"):
        DeidConfig.of_facts({**facts, "algorithm_version": 3})
    with pytest.raises(DeidError, match="options that this program does not know: wobble"):
        DeidConfig.of_facts({**facts, "deid": {**facts["deid"], "wobble": 1}})
