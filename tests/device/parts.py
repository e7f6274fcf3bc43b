"""The experiments, in the order of what is worth most."""

from __future__ import annotations

import dataclasses
import itertools
import pathlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import jax
import keras
import numpy as np

from tests.device.cifar10 import CLASSES, METHODS, Cifar10
from tfdeid.data.augment import RandomAffine
from tfdeid.models import make_model
from tfdeid.train.config import TrainConfig
from tfdeid.train.engines.jax import Engine
from tfdeid.train.methods import METHODS as TRAINING_METHODS
from tfdeid.train.methods.base import Method, Plan
from tfdeid.train.run_dir import RunDir
from tfdeid.train.schedule import make_optimizer
from tfdeid.train.trainer import Trainer

_RESNET = {
    "model": "resnet9_wide",
    "optimizer": "sgd",
    "schedule": "one_cycle 30 x 0.4",
    "batch_size": 512,
    "weight_decay": 5e-3,
    "label_smoothing": 0.1,
    "precision": "mixed_bfloat16",
}
_INCEPTION = {"schedule": "30 x 1e-3, 10 x 1e-4", "batch_size": 256, "precision": "mixed_bfloat16"}
_PRIVATE = {
    "model": "small_groupnorm",
    "method": "dp_sgd",
    "dp_epsilon": 8.0,
    "optimizer": "adam",
    "schedule": "30 x 1e-3",
    "batch_size": 1024,
}
_TOY = {"model": "small", "schedule": "2 x 1e-3", "batch_size": 16}
_TOY_PRIVATE = {"schedule": "2 x 1e-3", "batch_size": 16, "dp_delta": 1e-3}

_RATED_SECONDS = 5

Part = tuple[str, float, Callable[[], dict[str, Any]]]


def all_of(data: Cifar10, decoded: dict[int, float], runs: pathlib.Path, toy: bool) -> Iterator[Part]:
    """Yields parts, as (name, seconds that it may take, function that returns its figures).

    Args:
      data: images.
      decoded: PNG images a second that all processors decode, by pixels a side.
      runs: folder of training runs.
      toy: make everything small.
    """

    def rated(side: int) -> Part:  # XLA takes more than two minutes to compile it for an H200, and nothing stops it meanwhile.
        return f"InceptionResNetV2 at {side}", 300, lambda: _rate(side, 2 if toy else 256, decoded[side])

    def trained(name: str, config: dict[str, Any], kind: str, side: int | None = None) -> Callable[[], dict[str, Any]]:
        return lambda: _trained(data, name, TrainConfig(**config), runs / f"{kind} {name}".replace(":", " "), side)

    side, batch = (64, 4) if toy else (224, 256)
    yield "augment", 60, lambda: _augmenting(side, batch)
    for name in METHODS:
        yield f"ResNet-9, {name}", 150, trained(name, {**_RESNET, **(_TOY if toy else {})}, "resnet")
    yield "DP-SGD at epsilon 8", 200, trained("plain", {**_PRIVATE, **(_TOY_PRIVATE if toy else {})}, "private")
    yield from map(rated, (75, 224))
    for name in itertools.islice(METHODS, 3):
        config = {**_INCEPTION, **(_TOY if toy else {})}
        yield f"InceptionResNetV2, {name}", 240, trained(name, config, "inception", 75)


def _device() -> dict[str, Any]:
    return {"device": jax.devices()[0].device_kind, "jax": jax.__version__, "keras": keras.__version__}


def _augmenting(side: int, batch: int) -> dict[str, Any]:
    """Times warps of a batch, ours and those of Keras's three layers, compiled, in turns; milliseconds, medians."""
    images = jax.numpy.asarray(np.random.default_rng(0).integers(0, 256, (batch, side, side, 3), np.uint8))
    ours, filled = RandomAffine(), {"fill_mode": "constant", "fill_value": 255.0}
    theirs = keras.Sequential(
        [
            keras.layers.RandomRotation(15 / 360, **filled),
            keras.layers.RandomTranslation(0.1, 0.1, **filled),
            keras.layers.RandomFlip("horizontal"),
        ]
    )
    theirs.build(images.shape)
    programs = {
        "ours": jax.jit(lambda images, k: ours(images, seed=jax.numpy.stack([0, k]))),
        "keras": jax.jit(lambda images, k: theirs(images.astype("float32"), training=True)),
    }
    times: dict[str, list[float]] = {name: [] for name in programs}
    for k in range(21):
        for name, program in programs.items():
            started = time.perf_counter()
            jax.block_until_ready(program(images, np.int32(k)))
            times[name].append(1000 * (time.perf_counter() - started))
    medians = {name: float(np.median(values[1:])) for name, values in times.items()}
    return {**_device(), "shape": list(images.shape), "milliseconds": medians, "ratio": medians["keras"] / medians["ours"]}


def _rate(side: int, batch: int, decoded: float) -> dict[str, Any]:
    """Times steps of the paper's network in bfloat16 on images that are on the device; a loader's share is set beside it."""
    config = TrainConfig(batch_size=batch, precision="mixed_bfloat16")
    images = np.random.default_rng(0).integers(0, 256, (batch, side, side, 3), np.uint8)
    data = Arrays("random", images, np.arange(batch, dtype=np.int32) % len(CLASSES))
    engine, method = _begun(data, config)
    model = make_model(config.model, side, 3, len(CLASSES), config.precision)
    optimizer = make_optimizer(config, 1)
    optimizer.build(model.trainable_variables)
    engine.build(model, optimizer, method, RandomAffine())
    on_device = jax.numpy.asarray(images), jax.numpy.asarray(data.targets)
    seconds = []
    while len(seconds) < 4 or sum(seconds[2:]) < _RATED_SECONDS:
        started = time.perf_counter()
        jax.block_until_ready(engine.step(*on_device, len(seconds)))
        seconds.append(time.perf_counter() - started)
    rate = batch / float(np.median(seconds[2:]))  # Those before compile and warm up.
    return {
        **_device(),
        "images_per_second": round(rate, 1),
        "decoded_per_second": round(decoded, 1),
        "loaders_share": rate / decoded,
    }


def _trained(data: Cifar10, name: str, config: TrainConfig, run: pathlib.Path, side: int | None) -> dict[str, Any]:
    """Trains and tests; goes on with what an earlier call left."""
    train, test = (Arrays(name, data.images(name, split), data.labels(split), side) for split in ("train", "test"))
    engine, method = _begun(train, config)
    augment = RandomAffine(0, 0.125, fill=128)
    record = {"train": config.to_dict(), "network": {"model": config.model}, "method": method.record(), "backend": "jax"}
    with RunDir.begin(run, record, {**config.identity(), **method.identity(), "data": name}) as begun:
        Trainer(train, test, augment, config, method, begun, engine).run()
        rows = begun.history
    return {
        **_device(),
        "test_accuracy": rows[-1]["test_accuracy"],
        "epochs": len(rows),
        "losses": [round(row["loss"], 4) for row in rows],
        "images_per_second": float(np.median([row["images_per_second"] for row in rows])),
        "train": {**config.to_dict(), "options": dataclasses.asdict(config.options)},
        **({"epsilon": rows[-1]["epsilon"]} if "epsilon" in rows[-1] else {}),
    }


def _begun(data: Arrays, config: TrainConfig) -> tuple[Engine, Method]:
    engine = Engine(config.strategy, config.deterministic)
    engine.seed(config.seed)
    steps = max(1, data.size // config.batch_size)
    plan = Plan(data.size, config.batch_size, steps, config.total_epochs, engine.count, config.seed)
    return engine, TRAINING_METHODS[config.method](config.options, plan)


class Arrays:
    """Images on the device, in place of a dataset in files.

    Args:
      name: what is done to them.
      images: uint8[N, S, S, 3].
      targets: int32[N].
      side: pixels a side that they are resized to, on the device; None for S.
    """

    def __init__(self, name: str, images: np.ndarray, targets: np.ndarray, side: int | None = None):
        self.name, self.images, self.targets = name, images, targets
        self.size, self.image_size, self.channels = len(images), side or images.shape[1], 3
        self.label_names, self.unlabelled = CLASSES, 0
        self._on_device: Any = None

    def train_batches(self, batch_size: int, seed: int, epoch: int, shard: tuple[int, int]) -> Iterator[tuple[Any, Any]]:
        order = np.random.default_rng([seed, epoch]).permutation(self.size)
        for start in range(0, self.size - batch_size + 1, batch_size):
            yield self._taken(order[start : start + batch_size])

    def test_batches(self, batch_size: int) -> Iterator[tuple[Any, Any]]:
        for start in range(0, self.size, batch_size):
            images, labels = self._taken(np.arange(start, min(start + batch_size, self.size)))
            yield np.asarray(images), np.asarray(labels)

    def batches_of(self, chosen: list[np.ndarray]) -> Iterator[tuple[Any, Any]]:
        for numbers in chosen:
            images, labels = self._taken(np.maximum(numbers, 0))
            yield images, np.where(numbers < 0, -1, np.asarray(labels))

    def read(self, batches: Iterator[Any]) -> Iterator[Any]:
        return iter(batches)

    def _taken(self, numbers: np.ndarray) -> tuple[Any, Any]:
        if self._on_device is None:
            self._on_device = jax.device_put(self.images), jax.device_put(self.targets)
        return _take(*self._on_device, jax.numpy.asarray(numbers), self.image_size)


def _take_(images: Any, labels: Any, numbers: Any, side: int) -> tuple[Any, Any]:
    taken = images[numbers]
    if side != images.shape[1]:
        shape = (len(numbers), side, side, 3)
        taken = jax.image.resize(taken.astype("float32"), shape, "cubic").round().clip(0, 255).astype("uint8")
    return taken, labels[numbers]


_take = jax.jit(_take_, static_argnums=3)
