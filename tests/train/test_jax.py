"""Training on JAX, in processes of their own: Keras has one backend a process."""

from __future__ import annotations

import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile

import numpy as np
import pytest

from tests.conftest import ROOT
from tests.data.made import NAME, make_dataset
from tests.train.test_interruptions import wait_for_epoch
from tfdeid.data.batches import DataConfig
from tfdeid.train.config import TrainConfig
from tfdeid.train.trainer import train

pytestmark = pytest.mark.slow

OPTIONS = ["--model=small", "--batch_size=8", "--schedule=4 x 1e-3", "--rotation=10", "--deterministic=true"]
# Steps are compiled once for all processes.
_COMPILED = tempfile.TemporaryDirectory()
# Ends a run in the middle of its work if TensorFlow was loaded on the way.
PROGRAM = """
import sys
from tfdeid.train.__main__ import run
code = run(sys.argv[1:])
assert "tensorflow" not in sys.modules
sys.exit(code)
"""


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("data")
    labels = [k % 3 for k in range(52)]
    make_dataset(folder, {"train": labels, "test": [0, 1, 2, 0, 1, 2, -1]})
    return folder


def start(*options: object, backend: str | None = "jax", program: str = PROGRAM, **environment: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", program, *map(str, options)],
        cwd=ROOT,
        env={
            **os.environ,
            **({"KERAS_BACKEND": backend} if backend else {}),
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "JAX_COMPILATION_CACHE_DIR": _COMPILED.name,
            **environment,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(process: subprocess.Popen, code: int = 0) -> str:
    said, _ = process.communicate(timeout=300)
    assert process.returncode == code, said[-3000:]
    return said


def options(data_dir: pathlib.Path, run: pathlib.Path) -> list[str]:
    return [f"--dataset={NAME}", f"--data_dir={data_dir}", f"--run_dir={run}", *OPTIONS]


def record(run: pathlib.Path) -> dict:
    return json.loads((run / "run.json").read_text())


def weights(run: pathlib.Path) -> dict[str, np.ndarray]:
    with np.load(run / "checkpoints" / f"epoch-{record(run)['checkpoints']['last']:04d}.npz") as arrays:
        return dict(arrays)


@pytest.fixture(scope="module")
def whole(data_dir, tmp_path_factory) -> pathlib.Path:
    """Returns the folder of a finished run."""
    run = tmp_path_factory.mktemp("runs") / "whole"
    said = finish(start(*options(data_dir, run)))
    assert "by JAX" in said and "test accuracy" in said
    return run


def test_a_run_learns_without_tensorflow(whole):
    found = record(whole)
    history = found["history"]
    assert history[-1]["loss"] < 0.7 * history[0]["loss"]
    assert found["backend"] == "jax" and "jax" in found["versions"] and "tensorflow" not in found["versions"]
    assert (whole / "last.keras").exists() and list((whole / "tensorboard").iterdir())


def test_a_run_that_is_killed_ends_with_the_weights_of_one_that_is_not(whole, data_dir, tmp_path):
    run = tmp_path / "killed"
    killed = start(*options(data_dir, run))
    wait_for_epoch(run, 1, killed, seconds=200)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    done = len(record(run)["history"])
    assert done < 4
    assert f"going on after epoch {done} of 4" in finish(start(*options(data_dir, run)))
    expected, again = weights(whole), weights(run)
    assert expected.keys() == again.keys() and len(again) > 50
    for name, value in expected.items():
        np.testing.assert_array_equal(again[name], value, err_msg=name)


def test_two_devices_share_each_batch(whole, data_dir, tmp_path):
    run = tmp_path / "two"
    said = finish(start(*options(data_dir, run), "--strategy=mirrored", XLA_FLAGS="--xla_force_host_platform_device_count=2"))
    assert "devices: 2" in said
    one, two = record(whole)["history"][0], record(run)["history"][0]
    # The same batches and warps; sums are in another order.
    assert two["loss"] == pytest.approx(one["loss"], rel=1e-2)


def test_a_finished_run_is_evaluated_on_jax_alone(whole):
    evaluate = PROGRAM.replace("tfdeid.train.__main__ import run", "tfdeid.commands.evaluate import run")
    # The run says on which; KERAS_BACKEND need not.
    said = finish(start(whole, program=evaluate, backend=None))
    assert "accuracy" in said
    figures = json.loads((whole / "evaluation.json").read_text())
    assert figures["examples"] == 6 and figures["unlabelled"] == 1
    assert figures["accuracy"] == pytest.approx(record(whole)["history"][-1]["test_accuracy"])
    command = "import sys; from tfdeid.cli import main; sys.exit(main(['evaluate', *sys.argv[1:]]))"
    said = finish(start(whole, program=command, backend="tensorflow"), 2)
    assert "it was trained on jax, and KERAS_BACKEND is 'tensorflow'" in said and "last.keras" in said


def test_it_is_trained_as_on_tensorflow(whole, data_dir, tmp_path):
    config = TrainConfig(model="small", batch_size=8, schedule="4 x 1e-3")
    done = train(DataConfig(NAME, str(data_dir), rotation=10), config, str(tmp_path / "run"))
    ours, theirs = record(whole)["history"][-1], done.history[-1]
    assert abs(ours["loss"] - theirs["loss"]) < 0.5 and ours["learning_rate"] == theirs["learning_rate"]


@pytest.mark.parametrize(
    ("changes", "backend", "message"),
    [
        (["--precision=mixed_float16"], "jax", "mixed_bfloat16, precision was mixed_float16"),
        (["--strategy=multi_worker"], "jax", "on JAX all devices are of one machine"),
        ([], "tensorflow", "backend was 'jax', now None"),
    ],
)
def test_mistakes(whole, data_dir, changes, backend, message, tmp_path):
    program = "import sys; from tfdeid.cli import main; sys.exit(main(['train', *sys.argv[1:]]))"
    run = tmp_path / "run" if changes else whole
    said = finish(start(*options(data_dir, run), *changes, backend=backend, program=program), 2)
    assert message in said and "Traceback" not in said


@pytest.mark.parametrize(
    "command", [["attack", "--dataset=nowhere_deid", "--originals=lfw_subset"], ["compare", "--dataset=lfw_subset"]]
)
def test_attackers_need_tensorflow(command, tmp_path):
    program = "import sys; from tfdeid.cli import main; sys.exit(main(sys.argv[1:]))"
    said = finish(start(*command, f"--output_dir={tmp_path}", program=program, XDG_CONFIG_HOME=str(tmp_path)), 2)
    assert "KERAS_BACKEND was 'jax': unset it for this command." in said and "Traceback" not in said
