"""Records have the bytes that TensorFlow gives them, and are read as it reads them."""

from __future__ import annotations

import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from tfdeid import DeidError
from tfdeid.data import tf_example, tfrecord

VALUES = st.one_of(st.binary(max_size=300), st.integers(-(2**63), 2**63 - 1))


def message(features: dict[str, bytes | int]) -> tf.train.Example:
    lists = {
        name: tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
        if isinstance(value, bytes)
        else tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))
        for name, value in features.items()
    }
    return tf.train.Example(features=tf.train.Features(feature=lists))


@given(st.dictionaries(st.text(max_size=20), VALUES, max_size=5))
def test_the_bytes_are_tensorflows(features):
    record = tf_example.serialize(features)
    assert record == message(features).SerializeToString(deterministic=True)
    read = tf_example.parse(record)
    for name, value in features.items():
        values = read[name].bytes_list.value if isinstance(value, bytes) else read[name].int64_list.value
        assert list(values) == [value]


def test_what_is_no_record_is_told():
    with pytest.raises(DeidError, match="no record of a TFDS dataset"):
        tf_example.parse(b"\xff\xff\xff")


@given(st.lists(st.binary(max_size=200), max_size=6))
def test_a_file_has_the_bytes_of_tensorflows_writer(tmp_path_factory, records):
    folder = tmp_path_factory.mktemp("files")
    tfrecord.write_records(folder / "ours", records)
    with tf.io.TFRecordWriter(str(folder / "theirs")) as writer:
        for record in records:
            writer.write(record)
    assert (folder / "ours").read_bytes() == (folder / "theirs").read_bytes()
    assert list(tf.data.TFRecordDataset(str(folder / "ours")).as_numpy_iterator()) == records
