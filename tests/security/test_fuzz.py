"""Damaged input ends in pixels or one clear error: some hundred cases of the fuzzer, and what it has found, each once."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys

import pytest
from PIL import Image

from tests.security import fuzz
from tests.security.mutations import framed, image_case, records_case, run_length_bmp, whole_images, whole_records
from tfdeid import DeidError, Key
from tfdeid.data.example import Example, RecordIds
from tfdeid.data.sources import SourceConfig, open_source
from tfdeid.image import ImageError, decode_image

pytestmark = pytest.mark.filterwarnings(r"ignore:::PIL\.")


def test_damaged_files_are_read_or_refused():
    result = fuzz.fuzz(300, seed=7)
    assert not result.bad
    assert result.counts["image", "decoded"] > 30 and result.counts["image", "refused"] > 100
    assert result.counts["records", "refused"] > 15


def test_whole_files_are_read():
    assert {fuzz.read_image(data) for data in whole_images()} == {"decoded"}


def test_a_case_is_determined_by_its_number():
    assert image_case(0, 3) == image_case(0, 3) != image_case(1, 3)
    assert records_case(0, 3, whole_records()) == records_case(0, 3, whole_records())


class Fake(fuzz.Reader):
    """A child that does what an input of that number would do."""

    def _start(self):
        real, fuzz._child = fuzz._child, _misbehaving
        try:
            super()._start()
        finally:
            fuzz._child = real


def _misbehaving(connection, records, seed):
    import os
    import signal
    import time

    connection.send(None)
    while (number := connection.recv()) is not None:
        if number == 1:
            os.kill(os.getpid(), signal.SIGSEGV)
        if number == 2:
            time.sleep(60)
        if number == 3:
            connection.send(fuzz.Answer("crashed", "ZeroDivisionError"))
            continue
        connection.send(fuzz.Answer("refused", "", 0.0, 10_000.0 if number == 4 else 1.0))


def test_the_fuzzer_notices_what_it_is_for(monkeypatch):
    monkeypatch.setattr(fuzz, "SECONDS", 1.0)
    monkeypatch.setattr(fuzz, "Reader", Fake)
    result = fuzz.fuzz(6, seed=0, kinds=("image",))
    assert {outcome: count for (_, outcome), count in result.counts.items()} == {
        "refused": 2,
        "crashed": 2,
        "hung": 1,
        "over memory": 1,
    }
    assert len(result.bad) == 4 and "ended with -11" in result.bad[0]


# What was found.


def test_a_small_bmp_may_not_stand_for_gigabytes():
    """Four bytes skip 255 rows: with rows of 60 million pixels, Pillow would allocate 15 GB."""
    with pytest.raises(ImageError, match="at most 65535 pixels a side, got 60000000x1"):
        decode_image(run_length_bmp(60_000_000, 1, b"\0\2\0\xff\0\1"))


def test_a_jpeg_may_not_have_endless_scans():
    """A scan of 60 bytes goes over the whole image: 10,000 of them would take minutes at 60 million pixels."""
    file = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(file, "JPEG", progressive=True)
    data = file.getvalue()
    start = data.rindex(b"\xff\xc4", 0, data.rindex(b"\xff\xda"))
    assert decode_image(data[:-2] + data[start:-2] * 50 + data[-2:]).shape == (64, 64, 3)
    with pytest.raises(ImageError, match="at most 100 scans, got 510"):
        decode_image(data[:-2] + data[start:-2] * 500 + data[-2:])


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    """Returns a function from the bytes of a TFRecord file to its examples."""
    folder = tmp_path_factory.mktemp("records")
    fuzz.record_reader(folder)(b"".join(map(framed, whole_records())))
    file = folder / "fuzzed/plain/1.0.0/fuzzed-train.tfrecord-00000-of-00001"

    def read(data: bytes) -> list[Example]:
        file.write_bytes(data)
        return list(open_source(SourceConfig("fuzzed", str(folder))).read("train", 0, 6))

    return read


def test_records_are_read(reader):
    examples = reader(b"".join(map(framed, whole_records())))
    assert [example.image for example in examples] == list(whole_images()[:6])


@pytest.mark.parametrize("length", [10**6, 30 * 10**9, 2**40, 2**62, 2**63 - 1, 2**64 - 1])
def test_a_record_may_not_claim_more_than_its_file_has(reader, length):
    """TensorFlow's reader ends the process at 30 GB, where that much memory can't be had."""
    with pytest.raises(DeidError, match=rf"can't be read .*byte 0 claims {length} bytes.*Prepare the dataset again"):
        reader(framed(b"abc", length))


def test_a_file_that_ends_between_records_is_noticed(reader):
    with pytest.raises(DeidError, match="it breaks off at byte"):
        reader(b"".join(map(framed, whole_records(5))))


def _example(**features) -> bytes:
    import tensorflow as tf

    kinds = {
        bytes: lambda value: tf.train.Feature(bytes_list=tf.train.BytesList(value=[value])),
        int: lambda value: tf.train.Feature(int64_list=tf.train.Int64List(value=[value])),
    }
    made = {name: kinds[type(value)](value) for name, value in features.items()}
    return tf.train.Example(features=tf.train.Features(feature=made)).SerializeToString()


@pytest.mark.parametrize(
    ("features", "match"),
    [
        ({"image": 1, "label": 1, "id": b"a"}, "'image' is no image file"),
        ({"image": b"", "label": b"1", "id": b"a"}, "'label' must be one of 3 labels, got b'1'"),
        ({"image": b"", "label": 3, "id": b"a"}, "'label' must be one of 3 labels, got 3"),
        ({"image": b"", "label": -2, "id": b"a"}, "'label' must be one of 3 labels, got -2"),
        ({"image": b"", "id": b"a"}, "damaged or lacks a feature"),
    ],
)
def test_a_feature_that_is_no_image_or_label_is_one_clear_error(reader, features, match):
    with pytest.raises(DeidError, match=f"example 0.*{match}"):
        reader(framed(_example(**features)) * 6)


def test_an_id_that_is_no_utf_8_counts_as_its_bytes(reader):
    example = reader(framed(_example(image=b"", label=0, id=b"\xff\xfe")) * 6)[0]
    key = Key.generate()
    expected = key.hmac("record", "fuzzed", "train", b"\xff\xfe", "0", hashlib.sha256(b"").digest())[:16].hex()
    assert RecordIds(key, "fuzzed", 2)("train", example) == expected


def test_the_command_counts_and_ends_well():
    command = [sys.executable, "-m", "tests.security.fuzz", "--count", "20", "--seed", "3", "--kinds", "image"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "crashed 0, hung 0, over memory 0" in done.stdout and "20 inputs in" in done.stdout
