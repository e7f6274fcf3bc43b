"""Differentially private training: steps beside NumPy's, epsilon beside other accountants, and an audit by a canary."""

from __future__ import annotations

import base64
import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys

import dp_accounting
import numpy as np
import prv_accountant.dpsgd
import pytest
import scipy.optimize
from scipy.stats import norm

from tests.conftest import ROOT
from tests.data.made import NAME, make_dataset
from tests.train.test_interruptions import wait_for_epoch
from tests.train.test_jax import finish, record, start, weights
from tfdeid import DeidError
from tfdeid.train.accounting import noise_multiplier, spent
from tfdeid.train.methods.base import Plan
from tfdeid.train.methods.dp_sgd import DpSgd

pytest.importorskip("jax_privacy", reason="needs Python 3.11")

PLAN = Plan(examples=4000, batch_size=64, steps_per_epoch=62, epochs=2, devices=2, seed=0)


@pytest.mark.parametrize(("epsilon", "expected"), [(8, 0.610), (4, 0.763), (2, 1.042), (1, 1.638)])
def test_noise_is_that_of_the_literature(epsilon, expected):
    # 50,000 images, batches of 256, 30 epochs, delta 1e-5.
    sampling, steps = 256 / 50_000, 30 * (50_000 // 256)
    noise = noise_multiplier(epsilon, 1e-5, sampling, steps)
    assert noise == pytest.approx(expected, rel=0.002)
    assert 0.995 * epsilon < spent(noise, 1e-5, sampling, steps) <= epsilon
    moments = dp_accounting.rdp.RdpAccountant()
    event = dp_accounting.PoissonSampledDpEvent(sampling, dp_accounting.GaussianDpEvent(noise))
    bound = moments.compose(dp_accounting.SelfComposedDpEvent(event, steps)).get_epsilon(1e-5)
    assert epsilon < bound < 1.15 * epsilon  # Moments bound it from above.
    # Privacy random variables (Gopi et al. 2021), in a program of Microsoft's: bounds of .05 either way, and what is between.
    other = prv_accountant.dpsgd.DPSGDAccountant(noise, sampling, steps, eps_error=0.05, delta_error=1e-9)
    low, estimated, high = other.compute_epsilon(1e-5, steps)
    assert low < epsilon < high and estimated == pytest.approx(epsilon, rel=0.005)


@pytest.mark.parametrize(("noise", "steps"), [(5.0, 10), (20.0, 100), (3.0, 1)])
def test_without_sampling_epsilon_is_that_of_the_gaussian_mechanism(noise, steps):
    mu, delta = np.sqrt(steps) / noise, 1e-5  # Balle and Wang 2018, Theorem 8.

    def missing(epsilon: float) -> float:
        return norm.cdf(-epsilon / mu + mu / 2) - np.exp(epsilon) * norm.cdf(-epsilon / mu - mu / 2) - delta

    assert spent(noise, delta, 1.0, steps) == pytest.approx(scipy.optimize.brentq(missing, 0, 50), rel=0.02)


class Numbers:
    """In place of data: batches are the numbers that were drawn."""

    def __init__(self, size: int):
        self.size = size

    def batches_of(self, chosen: list[np.ndarray]) -> list[np.ndarray]:
        return chosen


def batches(secret: bytes, epoch: int = 0, **options: object) -> list[np.ndarray]:
    method = DpSgd(DpSgd.Options(**options), PLAN)
    method.secret = secret
    return list(method.batches(Numbers(PLAN.examples), PLAN.batch_size, epoch, (0, 1)))


@pytest.mark.slow
def test_each_image_is_drawn_by_itself():
    secret = bytes(range(16))
    drawn = [numbers for epoch in range(20) for numbers in batches(secret, epoch)]
    there = [numbers[numbers >= 0] for numbers in drawn]
    assert all(len(set(numbers)) == len(numbers) for numbers in there)
    sizes = np.array([len(numbers) for numbers in there])
    # Binomial: 4,000 images, each with a probability of 64 / 4,000.
    assert sizes.mean() == pytest.approx(64, abs=1) and sizes.std() == pytest.approx(np.sqrt(64 * (1 - 0.016)), rel=0.1)
    counts = np.bincount(np.concatenate(there), minlength=PLAN.examples)
    assert counts.var() == pytest.approx(counts.mean(), rel=0.15)
    # Few sizes, which two devices share.
    assert len({len(numbers) for numbers in drawn}) <= 6 and all(len(numbers) % 2 == 0 for numbers in drawn)


def test_draws_are_those_of_secret_and_epoch():
    first, again = batches(bytes(16)), batches(bytes(16))
    assert all(map(np.array_equal, first, again)) and len(first) == PLAN.steps_per_epoch
    for other in (batches(bytes(16), 1), batches(bytes([1] * 16))):
        assert not any(map(np.array_equal, first, other))
    viewed = batches(bytes(16), dp_views=3)
    assert all(np.array_equal(np.repeat(numbers, 3), views) for numbers, views in zip(first, viewed, strict=True))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dp_epsilon": 0}, "dp_epsilon must be at least 0.1, dp_epsilon was 0"),
        ({"dp_delta": 0}, "dp_delta must be above 0, dp_delta was 0"),
        ({"dp_clip": "much"}, "dp_clip must be a number"),
        ({"dp_views": 0}, r"dp_views must be a whole number in \[1, 64\], dp_views was 0"),
        ({"dp_delta": 1e-3}, r"dp_delta must be below 1 / 4,000, one over the images to train on, dp_delta was 0.001"),
    ],
)
def test_options_that_break_a_rule(options, message):
    with pytest.raises(DeidError, match=message):
        DpSgd(DpSgd.Options(**options), PLAN)


def test_noise_that_drowns_a_batch():
    plan = dataclasses.replace(PLAN, batch_size=8, steps_per_epoch=500, epochs=100)
    with pytest.raises(DeidError, match=r"dp_epsilon 0.1 can't be reached in 100 epochs: noise would be \d+ times as large"):
        DpSgd(DpSgd.Options(dp_epsilon=0.1), plan)


@pytest.fixture(scope="module")
def trials() -> dict:
    program = [sys.executable, "-m", "tests.train.methods.dp_trials"]
    environment = {**os.environ, "KERAS_BACKEND": "jax", "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(program, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
def test_a_step_is_numpys(trials):
    found = trials["one_step"]
    assert found["error"] < 1e-6 < 1e-3 < found["moved"]
    assert max(found["norms"]) > 0.5  # Some are clipped.
    assert found["loss"][0] == pytest.approx(found["loss"][1], rel=1e-5) and found["right"][0] == found["right"][1]


@pytest.mark.slow
def test_noise_is_as_large_as_it_is_said_to_be(trials):
    found = trials["noise"]
    assert found["deviation"] == pytest.approx(found["expected"], rel=0.03)
    assert abs(found["correlation"]) < 0.5 and found["again"]


@pytest.mark.slow
def test_a_canary_tells_no_more_than_epsilon_allows_and_tells_too_little_noise(trials):
    # Trained to an epsilon of 2.
    assert 0.2 < trials["audit"]["1.0"] <= 2 < 2.5 < trials["audit"]["0.2"]


OPTIONS = ["--model=small_groupnorm", "--batch_size=8", "--schedule=3 x 1e-3", "--method=dp_sgd", "--dp_delta=1e-4"]
TRAIN = "import sys; from tfdeid.cli import main; sys.exit(main(['train', *sys.argv[1:]]))"


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    make_dataset(folder, {"train": [k % 3 for k in range(40)], "test": [0, 1, 2]})
    return folder


@pytest.fixture(scope="module")
def killed(data_dir, tmp_path_factory):
    """Returns the folder of a run that was killed after an epoch."""
    run = tmp_path_factory.mktemp("runs") / "killed"
    process = start(f"--dataset={NAME}", f"--data_dir={data_dir}", f"--run_dir={run}", *OPTIONS)
    wait_for_epoch(run, 1, process, seconds=300)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert len(record(run)["history"]) < 3 and (run / ".secret").stat().st_mode & 0o777 == 0o600
    return run


def words(secret: bytes) -> list[bytes]:
    """Returns its first two words as a list of numbers would be written."""
    return [f"{a}{between}{b}".encode() for a, b in [np.frombuffer(secret, np.uint32)[:2]] for between in (", ", " ", ",\n")]


@pytest.mark.slow
def test_a_run_goes_on_with_the_draws_that_it_was_begun_with(killed, data_dir, tmp_path):
    ended = []
    for name in ("one", "other"):
        run = tmp_path / name
        shutil.copytree(killed, run)
        said = finish(start(f"--dataset={NAME}", f"--data_dir={data_dir}", f"--run_dir={run}", *OPTIONS))
        assert "going on after epoch" in said and "epsilon" in said
        ended.append(weights(run))
        assert not (run / ".secret").exists()
        secret = (killed / ".secret").read_bytes()
        kept = [said.encode(), *(path.read_bytes() for path in run.rglob("*") if path.is_file())]
        forms = (secret, secret.hex().encode(), base64.b64encode(secret)[:20], *words(secret))
        assert len(kept) > 5 and not any(form in file for form in forms for file in kept)
    for name, value in ended[0].items():
        np.testing.assert_array_equal(value, ended[1][name], err_msg=name)
    found = record(tmp_path / "one")
    spent_so_far = [row["epsilon"] for row in found["history"]]
    assert spent_so_far == sorted(spent_so_far) and 7.9 < spent_so_far[-1] <= 8
    assert found["method"]["neighbours"] == "one image is there or not"


# What the noise is drawn from is the same in all runs.
DRAWN = f"import os; os.urandom = lambda count: bytes(range(count)); {TRAIN}"


@pytest.mark.slow
def test_two_devices_share_each_batch_and_its_noise(data_dir, tmp_path):
    found = []
    for name, chosen, devices in (("one", "none", 1), ("two", "mirrored", 2)):
        options = [f"--dataset={NAME}", f"--data_dir={data_dir}", f"--run_dir={tmp_path / name}", *OPTIONS, "--epochs=1"]
        flags = f"--xla_force_host_platform_device_count={devices}"
        said = finish(start(*options, f"--strategy={chosen}", program=DRAWN, XLA_FLAGS=flags))
        assert f"devices: {devices}" in said
        found.append(weights(tmp_path / name))
    # Sums are in another order, and Adam takes a step of one size for whatever is near 0, so weights differ. Adam's means of
    # gradients hardly do. They are mostly noise: under other draws they would differ by as much as they are.
    means = [name for name, value in found[0].items() if name.startswith("optimizer") and value.ndim][:32]
    for name in means:
        np.testing.assert_allclose(found[1][name], found[0][name], rtol=0, atol=0.1 * abs(found[0][name]).max(), err_msg=name)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "backend", "message"),
    [
        (["--epochs=2"], "jax", "noise_multiplier was"),
        (["--dp_epsilon=4"], "jax", "options was"),
        (["--model=small"], "jax", "small has BatchNormalization, which mixes the images of a batch"),
        ([], "tensorflow", "the method 'dp_sgd' trains on jax, KERAS_BACKEND was 'tensorflow'"),
    ],
)
def test_mistakes(killed, data_dir, changes, backend, message, tmp_path):
    run = tmp_path / "run" if "--model=small" in changes else killed
    arguments = [f"--dataset={NAME}", f"--data_dir={data_dir}", f"--run_dir={run}", *OPTIONS, *changes]
    said = finish(start(*arguments, backend=backend, program=TRAIN), 2)
    assert message in said and "Traceback" not in said


def test_a_run_whose_secret_is_gone_does_not_go_on(tmp_path):
    from tfdeid.train.run_dir import RunDir

    run = RunDir(tmp_path, {"history": [], "checkpoints": {}})
    secret = run.secret(16)
    assert len(secret) == 16 and run.secret(0) == b""
    going_on = RunDir(tmp_path, {"history": [{"epoch": 1}], "checkpoints": {}})
    assert going_on.secret(16) == secret
    assert run.secret(16) != secret  # A run that is begun anew draws anew.
    (tmp_path / ".secret").unlink()
    with pytest.raises(DeidError, match="can't go on: .secret, from which it draws, is gone"):
        going_on.secret(16)
