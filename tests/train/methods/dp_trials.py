"""Trials of single steps of DP-SGD, for `test_dp_sgd`: Keras has one backend a process. Prints what was found, as JSON."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator

import jax
import keras
import numpy as np
from jax_privacy.auditing import CanaryScoreAuditor

from tfdeid.train.methods.base import Plan, State
from tfdeid.train.methods.dp_sgd import DpSgd

SIDE, CLASSES, CLIP = 4, 3, 0.5
PLAN = Plan(examples=40, batch_size=20, steps_per_epoch=2, epochs=4, devices=1, seed=0)


class Data:
    """Images in memory, drawn as Grain draws them from files."""

    def __init__(self, images: np.ndarray, labels: np.ndarray):
        self.images, self.labels, self.size = images, labels, len(images)

    def batches_of(self, chosen: list[np.ndarray]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        for numbers in chosen:
            there = (numbers >= 0)[:, None, None, None]
            yield np.where(there, self.images[numbers], 0).astype(np.uint8), np.where(numbers < 0, -1, self.labels[numbers])


class Trial:
    """A linear network, trained from the same weights again and again."""

    def __init__(self, noise: float | None = None, views: int = 1, delta: float = 1e-3):
        """Makes its step; `noise` is put in place of the method's own."""
        image = keras.Input((SIDE, SIDE, 1), dtype="uint8")
        logits = keras.layers.Dense(CLASSES)(keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(image)))
        self.model = keras.Model(image, logits)
        self.optimizer = keras.optimizers.SGD(1.0)
        self.optimizer.build(self.model.trainable_variables)
        self.method = DpSgd(DpSgd.Options(dp_epsilon=2.0, dp_delta=delta, dp_clip=CLIP, dp_views=views), PLAN)
        self.noise_of_its_own = self.method._noise
        if noise is not None:
            self.method._noise = noise
        self.method.secret = bytes(range(16))
        self.step = jax.jit(self.method.build(self.model, self.optimizer))
        variables = (self.model.trainable_variables, self.model.non_trainable_variables, self.optimizer.variables)
        self.state: State = tuple([variable.value for variable in part] for part in variables)

    def weights(self, data: Data, number: int) -> np.ndarray:
        """Returns what the weights of a number's run end as."""
        state, counter = self.state, itertools.count(number * PLAN.steps_per_epoch * PLAN.epochs)
        for epoch in range(PLAN.epochs):
            for images, labels in self.method.batches(data, PLAN.batch_size, number * PLAN.epochs + epoch, (0, 1)):
                state, _, _ = self.step(state, images, labels.astype(np.int32), np.int32(next(counter)))
        return np.asarray(state[0][0])


def one_step() -> dict:
    """One step on images of which some are missing, without noise, beside NumPy's."""
    random = np.random.default_rng(0)
    views = 2
    trial = Trial(noise=0.0, views=views)
    images = random.integers(0, 256, (5 * views, SIDE, SIDE, 1), np.uint8)
    labels = np.repeat([0, 2, -1, 1, -1], views).astype(np.int32)
    state, loss, right = trial.step(trial.state, images, labels, np.int32(0))
    weights, bias = (np.asarray(value, np.float64) for value in trial.state[0])
    x = images.reshape(len(images), -1) / 255
    logits = x @ weights + bias
    likely = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    off = likely - np.eye(CLASSES)[labels]
    total, norms = np.zeros((x.shape[1] + 1, CLASSES)), []
    for k in range(0, len(x), views):
        if labels[k] < 0:
            continue
        gradient = np.mean([np.outer([*x[v], 1], off[v]) for v in range(k, k + views)], 0)
        norms.append(float(np.linalg.norm(gradient)))
        total += gradient * min(1, CLIP / norms[-1])
    expected = np.vstack([weights, bias]) - total / PLAN.batch_size
    found = np.vstack([np.asarray(value) for value in state[0]])
    known = labels >= 0
    return {
        "error": float(abs(found - expected).max()),
        "moved": float(abs(total).max() / PLAN.batch_size),
        "norms": norms,
        "loss": [float(loss), float(-np.log(likely[known, labels[known]]).sum())],
        "right": [int(right), int((logits[known].argmax(1) == labels[known]).sum())],
    }


def noise_alone() -> dict:
    """Steps without any image: they move weights by noise alone."""
    trial = Trial()
    nothing, none = np.zeros((10, SIDE, SIDE, 1), np.uint8), np.full(10, -1, np.int32)
    moves = []
    for number in range(400):
        state, _, _ = trial.step(trial.state, nothing, none, np.int32(number))
        moves.append(np.asarray(state[0][0]) - np.asarray(trial.state[0][0]))
    same, _, _ = trial.step(trial.state, nothing, none, np.int32(0))
    return {
        "deviation": float(np.std(moves)),
        "expected": trial.noise_of_its_own * CLIP / PLAN.batch_size,
        "correlation": float(np.corrcoef(np.ravel(moves[0]), np.ravel(moves[1]))[0, 1]),
        "again": bool((np.asarray(same[0][0]) - np.asarray(trial.state[0][0]) == moves[0]).all()),
    }


def audit(share_of_noise: float, num_trials: int = 400) -> float:
    """Returns what epsilon is at least, with a confidence of 99.9 %, as a canary tells it.

    The canary is the one image that is not black: without it, noise alone moves weights.
    """
    trial = Trial(noise=share_of_noise * Trial().noise_of_its_own)
    images, labels = np.zeros((PLAN.examples, SIDE, SIDE, 1), np.uint8), np.arange(PLAN.examples) % CLASSES
    images[0] = 255
    with_it, without = Data(images, labels), Data(images[1:], labels[1:])

    def score(data: Data, number: int) -> float:
        weights = trial.weights(data, number)
        return float(weights[:, labels[0]].sum() - weights[:, labels[0] + 1 :].sum() / (CLASSES - 1))

    numbers = range(num_trials)
    scores = [[score(data, 2 * k + first) for k in numbers] for first, data in enumerate((with_it, without))]
    return float(CanaryScoreAuditor(*scores).epsilon_clopper_pearson(1e-3, delta=1e-3))


if __name__ == "__main__":
    print(json.dumps({"one_step": one_step(), "noise": noise_alone(), "audit": {str(s): audit(s) for s in (1.0, 0.2)}}))
