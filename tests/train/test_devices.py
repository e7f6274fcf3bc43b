"""Which of several workers speaks, and what is refused; tests/train/test_interruptions.py trains on several."""

from __future__ import annotations

import pytest
import tensorflow as tf

from tfdeid import DeidError
from tfdeid.train.devices import Devices, is_chief, make_strategy, other_workers


@pytest.mark.parametrize(
    ("cluster", "task", "expected"),
    [
        ({"chief": ["a:1"], "worker": ["b:1"]}, ("chief", 0), True),
        ({"chief": ["a:1"], "worker": ["b:1"]}, ("worker", 0), False),
        ({"worker": ["a:1", "b:1"]}, ("worker", 0), True),
        ({"worker": ["a:1", "b:1"]}, ("worker", 1), False),
    ],
)
def test_one_worker_is_the_chief(cluster, task, expected):
    spec = tf.train.ClusterSpec(cluster)
    resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(spec, task_type=task[0], task_id=task[1])
    assert is_chief(resolver) == expected


def test_workers_without_a_list_of_them_are_refused(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    with pytest.raises(DeidError, match="TF_CONFIG"):
        make_strategy("multi_worker")


def test_one_device_sums_nothing_and_waits_for_nobody():
    devices = Devices("none")
    assert (devices.count, devices.is_chief, devices.compiles) == (1, True, False)
    assert str(devices) == "devices: 1; XLA: off on a CPU"
    double = devices.everywhere(lambda value: (2 * value,))
    assert [float(value) for value in double(tf.constant(3.0))] == [6.0]
    devices.wait_for_all()


def test_a_worker_that_has_stopped_is_one_clear_error():
    with pytest.raises(DeidError, match=r"another worker has stopped \(lost it\)\. Start all of them again"), other_workers():
        raise tf.errors.UnavailableError(None, None, "lost it\nsomewhere")
