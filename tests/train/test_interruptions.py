"""Runs that are killed, and runs on several devices and machines; all in processes of their own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf

from tests.conftest import ROOT
from tests.train.conftest import ON_TWO_DEVICES

pytestmark = pytest.mark.slow


def start(*options: object, program: str = "", **environment: str) -> subprocess.Popen:
    command = [sys.executable, *(["-c", program] if program else ["-m", "tfdeid.train"]), *map(str, options)]
    return subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def finish(process: subprocess.Popen) -> str:
    said, _ = process.communicate(timeout=240)
    assert process.returncode == 0, said[-3000:]
    return said


def wait_for_epoch(run_dir, epochs: int, process: subprocess.Popen, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and process.poll() is None:
        if (run_dir / "run.json").exists() and len(json.loads((run_dir / "run.json").read_text())["history"]) >= epochs:
            return
        time.sleep(0.01)
    pytest.fail(f"no epoch {epochs}: {process.communicate()[0][-2000:]}")


def weights(run_dir) -> dict[str, np.ndarray]:
    record = json.loads((run_dir / "run.json").read_text())
    reader = tf.train.load_checkpoint(str(run_dir / "checkpoints" / f"epoch-{record['checkpoints']['last']:04d}"))
    names = reader.get_variable_to_shape_map()
    return {name: reader.get_tensor(name) for name in names if "CHECKPOINTABLE" not in name and "save_counter" not in name}


def test_a_run_that_is_killed_ends_with_the_weights_of_one_that_is_not(arguments, tmp_path):
    options = [argument for argument in arguments if not argument.startswith(("--run_dir", "--schedule"))]
    options += ["--deterministic=true", "--schedule=4 x 1e-3, 2 x 1e-4", "--seed=5"]
    undisturbed = start(*options, f"--run_dir={tmp_path / 'whole'}")
    killed = start(*options, f"--run_dir={tmp_path / 'killed'}")
    wait_for_epoch(tmp_path / "killed", 2, killed)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    finish(undisturbed)
    done = len(json.loads((tmp_path / "killed" / "run.json").read_text())["history"])
    assert 2 <= done < 6
    assert f"going on after epoch {done} of 6" in finish(start(*options, f"--run_dir={tmp_path / 'killed'}"))
    whole, again = weights(tmp_path / "whole"), weights(tmp_path / "killed")
    assert whole.keys() == again.keys() and len(whole) > 50
    for name, value in whole.items():
        np.testing.assert_array_equal(again[name], value, err_msg=name)


# Two devices of one machine: gradients are summed, and both copies of every variable are the same at the end.
MIRRORED = (
    ON_TWO_DEVICES
    + """
import keras
import numpy as np
for variable in trainers[0]._model.variables:
    if variable.dtype != "float32":
        continue
    first, second = (copy.numpy() for copy in variable.value.values)
    np.testing.assert_array_equal(first, second)

strategy = trainers[0]._engine._devices._strategy  # A second one in this process would get into the first one's way.
with strategy.scope():
    weight, optimizer = keras.Variable([10.0]), keras.optimizers.SGD(1.0)
    optimizer.build([weight])

@tf.function
def step():
    replica = tf.cast(tf.distribute.get_replica_context().replica_id_in_sync_group, tf.float32)
    optimizer.apply([tf.reshape(1 + replica, [1])], [weight])

strategy.run(step)
assert [float(copy[0]) for copy in weight.value.values] == [7.0, 7.0], weight.value
"""
)


def test_two_devices_of_one_machine(arguments, tmp_path):
    said = finish(start(*arguments, "--strategy=mirrored", program=MIRRORED))
    assert "devices: 2" in said and "XLA: off for the network under mirrored" in said
    history = json.loads((tmp_path / "run" / "run.json").read_text())["history"]
    assert history[-1]["loss"] < 0.8 * history[0]["loss"]


# A worker that tells when it has exported, or left the work, and what its weights are at the end.
WORKER = """
import hashlib, sys, time
from tfdeid.train import trainer
from tfdeid.train.__main__ import run

trainers = []
original, export = trainer.Trainer.run, trainer.export
trainer.Trainer.run = lambda self: (trainers.append(self), original(self))[1]


def export_slowly(*arguments):
    time.sleep(1)
    export(*arguments)
    print("exported", time.time())

trainer.export = export_slowly
run(sys.argv[1:])
print("left", time.time())
weights = hashlib.sha256()
for variable in trainers[0]._model.variables:
    if variable.dtype == "float32":
        weights.update(variable.numpy().tobytes())
print("weights", weights.hexdigest())
"""


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for free in sockets:
            free.bind(("127.0.0.1", 0))
        return [free.getsockname()[1] for free in sockets]


def run_two_workers(*options: str) -> list[str]:
    """Returns what two workers say. Other ports are tried where another program took one before TensorFlow could."""
    for _ in range(3):
        workers = [f"127.0.0.1:{port}" for port in free_ports(2)]
        processes = [
            start(
                *options,
                "--strategy=multi_worker",
                program=WORKER,
                TF_CONFIG=json.dumps({"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}}),
            )
            for index in range(2)
        ]
        # One that can't have its port ends at once, and the other would wait for it.
        deadline, codes = time.monotonic() + 480, [None, None]
        while None in codes and not any(codes) and time.monotonic() < deadline:
            time.sleep(0.1)
            codes = [process.poll() for process in processes]
        for process in processes:
            process.kill()  # Which does nothing to one that has ended.
        said = [process.communicate()[0] for process in processes]
        if codes == [0, 0]:
            return said
        if "Could not start gRPC server" not in "".join(said):
            break
    pytest.fail("\n".join(text[-3000:] for text in said))


def told(said: str, name: str) -> str:
    """Returns what a worker tells by a name; TensorFlow's own lines may come after it."""
    (value,) = [line.removeprefix(f"{name} ") for line in said.splitlines() if line.startswith(f"{name} ")]
    return value


def test_two_machines(arguments, tmp_path):
    chief, other = run_two_workers(*arguments, "--epochs=2")
    assert "devices: 2" in chief and "next: python -m tfdeid.evaluate" in chief
    assert "epoch" not in other  # Only the chief speaks and writes.
    assert told(chief, "weights") == told(other, "weights")
    # A worker that leaves while the chief still works is taken for crashed.
    assert float(told(other, "left")) >= float(told(chief, "exported"))
    chief, other = run_two_workers(*arguments)
    assert "going on after epoch 2 of 3" in chief
    assert told(chief, "weights") == told(other, "weights")
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert len(record["history"]) == 3 and record["history"][-1]["loss"] < 0.8 * record["history"][0]["loss"]
    assert record["results"]["epochs"] == 3
