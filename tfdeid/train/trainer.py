"""The training loop: one for a single device, several devices and several machines."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.metadata
import math
import os
import sys
import time
from typing import Any

import keras
import tensorflow as tf
from tqdm import tqdm

import tfdeid
from tfdeid.commandline import absolute
from tfdeid.data.augment import RandomAffine
from tfdeid.data.batches import DataConfig, ImageData, check_testable, check_trainable, read
from tfdeid.data.same_content import check_same_content
from tfdeid.data.sources import absolute_dataset
from tfdeid.errors import DeidError, reason
from tfdeid.models import make_model
from tfdeid.train.config import TrainConfig
from tfdeid.train.evaluation import Predictor, accuracy_and_loss
from tfdeid.train.run_dir import BEST, LAST, RunDir
from tfdeid.train.schedule import make_optimizer

_SECONDS_BETWEEN_LOOKS = 1.0


def train(data_config: DataConfig, config: TrainConfig, run_path: str) -> RunDir:
    """Trains a network, or goes on with a run that was interrupted; the weights come out the same.

    Args:
      data_config: what to train on.
      config: how.
      run_path: the run's folder.

    Returns:
      The run, with its results.

    Raises:
      DeidError: something that the user can mend; finished epochs are kept.
    """
    strategy = make_strategy(config.strategy)  # Before anything else is run: workers must connect first.
    keras.utils.set_random_seed(config.seed)
    if config.deterministic:
        tf.config.experimental.enable_op_determinism()
    train_data = ImageData(data_config, data_config.train_split)
    test_data = ImageData(data_config, data_config.test_split, data_config.test_dataset)
    check_same_content(train_data.facts, (train_data.image_size, train_data.channels), train_data.label_names, test_data)
    _check_augmentation(data_config, train_data)
    if config.batch_size > train_data.size:
        raise DeidError(f"batch_size must be at most the {train_data.size} examples to train on, it was {config.batch_size}.")
    if config.batch_size % strategy.num_replicas_in_sync:
        raise DeidError(
            f"batch_size must be a multiple of the {strategy.num_replicas_in_sync} devices, it was {config.batch_size}."
        )
    check_trainable(train_data)
    check_testable(test_data, "--test_split")
    resolver = strategy.cluster_resolver if config.strategy == "multi_worker" else None
    is_chief = resolver is None or _is_chief(resolver)
    record, identity = _record(data_config, config, train_data), _identity(data_config, config, train_data, test_data)
    with RunDir.begin(run_path, record, identity, writes=is_chief) as run:
        return _Trainer(train_data, test_data, data_config, config, run, strategy, is_chief).run()


def _check_augmentation(config: DataConfig, data: ImageData) -> None:
    """Raises DeidError if augmentation would destroy what an encryption has left to learn from."""
    switched_on = [f"{name} {getattr(config, name)}" for name in ("rotation", "shift", "flip") if getattr(config, name)]
    if data.facts.get("scheme") == "block_shuffle" and switched_on and not config.augment_encrypted:
        raise DeidError(
            f"data of the scheme 'block_shuffle' must not be augmented, since its blocks must stay whole and in place; "
            f"{data.name} would be, with {', '.join(switched_on)}. Set --rotation 0 --shift 0 --noflip, or --augment_encrypted."
        )


def make_strategy(name: str) -> tf.distribute.Strategy:
    """Returns TensorFlow's strategy of a name of `TrainConfig.strategy`.

    Raises:
      DeidError: TF_CONFIG is missing or names no workers that can be joined.
    """
    if name == "mirrored":
        devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
        return tf.distribute.MirroredStrategy([device.name for device in devices])
    if name == "multi_worker":
        if not os.environ.get("TF_CONFIG"):
            raise DeidError(
                "--strategy multi_worker needs the environment variable TF_CONFIG, which names all workers and which one this "
                "is. For several GPUs of one machine use --strategy mirrored."
            )
        try:
            return tf.distribute.MultiWorkerMirroredStrategy()
        except (ValueError, RuntimeError, tf.errors.OpError) as error:
            raise DeidError(f"the workers can't be joined by TF_CONFIG: {str(error).splitlines()[0]}") from error
    return tf.distribute.get_strategy()


def _is_chief(resolver: tf.distribute.cluster_resolver.ClusterResolver) -> bool:
    """Tells whether this process is the one of TF_CONFIG's cluster that speaks and writes."""
    if "chief" in resolver.cluster_spec().jobs:
        return resolver.task_type == "chief"
    return resolver.task_type == "worker" and resolver.task_id == 0


class _Trainer:
    """The parts of a run that the loop works on."""

    def __init__(
        self,
        train_data: ImageData,
        test_data: ImageData,
        data_config: DataConfig,
        config: TrainConfig,
        run: RunDir,
        strategy: tf.distribute.Strategy,
        is_chief: bool,
    ):
        self._train_data, self._test_data = train_data, test_data
        self._config, self._dir, self._strategy = config, run, strategy
        self._is_chief = is_chief
        self._writer: Any = None  # of TensorBoard's files
        self._done = len(run.history)  # Epochs, when this process began.
        self._steps = train_data.size // config.batch_size
        # TensorFlow mirrors variables across devices in ways that XLA can't compile.
        self._compiles = config.strategy == "none"
        with strategy.scope():
            self._model = make_model(
                config.model, train_data.image_size, train_data.channels, len(train_data.label_names), config.precision
            )
            self._optimizer = make_optimizer(config, self._steps)
            self._optimizer.build(self._model.trainable_variables)
        self._state = {
            "network": [variable.value for variable in self._model.variables],
            "optimizer": [variable.value for variable in self._optimizer.variables],
        }
        augment = RandomAffine(data_config.rotation, data_config.shift, data_config.flip, data_config.fill)
        self._step = self._make_step(augment)
        self._predictor = Predictor(self._model, self._compiles)

    def run(self) -> RunDir:
        """Trains from the last whole epoch to the end."""
        if self._dir.history:
            self._dir.restore(self._state)
        done, total = self._done, self._config.total_epochs
        self._say(self._beginning(done, total))
        for epoch in range(done, total):
            row = self._epoch(epoch, total)
            if self._is_chief:
                self._dir.commit(row, self._state)
                self._log(row)
                self._say(_line(row, total))
        if self._is_chief:
            self._export()
        return self._dir

    def _make_step(self, augment: RandomAffine) -> Any:
        """Returns a function from a batch and its number to the sum of its losses and the number of its right answers."""
        model, optimizer, config, strategy = self._model, self._optimizer, self._config, self._strategy
        replicas = strategy.num_replicas_in_sync
        cross_entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="sum")

        def step(images: Any, labels: Any, number: Any) -> tuple[Any, Any]:
            replica = tf.cast(tf.distribute.get_replica_context().replica_id_in_sync_group, tf.int64)
            images = augment(images, seed=tf.stack([config.seed, number * replicas + replica]))
            with tf.GradientTape() as tape:
                logits = model(images, training=True)
                loss = cross_entropy(labels, logits)
                # The optimizer sums gradients over devices.
                objective = optimizer.scale_loss(loss / config.batch_size)
            optimizer.apply(tape.gradient(objective, model.trainable_variables), model.trainable_variables)
            right = tf.reduce_sum(tf.cast(tf.argmax(logits, -1) == labels, tf.int64))
            return loss, right

        if self._compiles:
            return tf.function(step, jit_compile=True)

        @tf.function
        def distributed(images: Any, labels: Any, number: Any) -> tuple[Any, Any]:
            results = strategy.run(step, (images, labels, number))
            return tuple(strategy.reduce(tf.distribute.ReduceOp.SUM, result, axis=None) for result in results)

        return distributed

    def _epoch(self, epoch: int, total: int) -> dict[str, Any]:
        """Trains one epoch and tests; returns its figures."""
        batches = self._strategy.distribute_datasets_from_function(
            lambda context: self._train_data.train_batches(
                context.get_per_replica_batch_size(self._config.batch_size),
                self._config.seed,
                epoch,
                (context.input_pipeline_id, context.num_input_pipelines),
            )
        )
        learning_rate = _learning_rate(self._optimizer)
        started = time.perf_counter()
        waited, loss, right = 0.0, tf.constant(0.0), tf.constant(0, tf.int64)
        # None: shown on a terminal only; a log gets the line at the end.
        quiet = None if self._is_chief else True
        with tqdm(total=self._steps, unit="step", desc=f"epoch {epoch + 1}/{total}", leave=False, disable=quiet) as bar:
            if epoch == self._done:
                bar.set_postfix_str("the first step compiles the network")
            iterator, looked = read(batches, self._train_data), started
            for k in range(self._steps):
                asked = time.perf_counter()
                images, labels = next(iterator)
                waited += time.perf_counter() - asked
                step_loss, step_right = self._take_step(images, labels, epoch * self._steps + k)
                loss, right = loss + step_loss, right + step_right
                bar.update()
                if time.perf_counter() - looked > _SECONDS_BETWEEN_LOOKS:  # Looking waits for the device.
                    self._check(float(loss), epoch, k)
                    seen = (k + 1) * self._config.batch_size
                    bar.set_postfix_str(f"loss {float(loss) / seen:.3f}, accuracy {int(right) / seen:.3f}")
                    looked = time.perf_counter()
        seen = self._steps * self._config.batch_size
        self._check(float(loss), epoch, self._steps - 1)
        self._average_statistics()
        seconds = time.perf_counter() - started
        # The others wait for the chief at the next epoch's first step.
        test_accuracy, test_loss = self._test() if self._is_chief else (0.0, 0.0)
        # The last step's loss was that of the weights before it.
        self._check(test_loss, epoch, self._steps - 1)
        return {
            "epoch": epoch + 1,
            "learning_rate": learning_rate,
            "loss": float(loss) / seen,
            "accuracy": int(right) / seen,
            "test_loss": test_loss,
            "test_accuracy": test_accuracy,
            "seconds": round(seconds, 3),
            "images_per_second": round(seen / seconds, 1),
            "share_of_time_waiting_for_data": round(waited / seconds, 4),
        }

    def _take_step(self, images: Any, labels: Any, number: int) -> tuple[Any, Any]:
        try:
            return self._step(images, labels, tf.constant(number, tf.int64))
        except tf.errors.ResourceExhaustedError as error:
            raise DeidError(
                f"the device has too little memory for {self._config.model} in batches of {self._config.batch_size}. Use a "
                "smaller --batch_size, or --precision mixed_bfloat16 (a GPU) for less."
            ) from error
        except (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError) as error:
            reason = str(error.message).splitlines()[0]
            raise DeidError(f"another worker has stopped ({reason}). Start all of them again: they go on together.") from error

    def _average_statistics(self) -> None:
        """Gives all devices the mean of what each has seen (batch normalization), so that no share of the data goes unused."""
        if self._strategy.num_replicas_in_sync == 1:
            return
        variables = [variable for variable in self._model.non_trainable_variables if variable.dtype.startswith("float")]

        def average() -> None:
            values = [tf.identity(variable.value) for variable in variables]  # On this device, so that it can be sent.
            means = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.MEAN, values)
            for variable, mean in zip(variables, means, strict=True):
                variable.assign(mean)

        tf.function(self._strategy.run)(average)

    def _test(self) -> tuple[float, float]:
        return accuracy_and_loss(
            self._predictor, self._test_data, self._config.batch_size // self._strategy.num_replicas_in_sync
        )

    def _check(self, loss: float, epoch: int, step: int) -> None:
        if not math.isfinite(loss):
            raise DeidError(
                f"the loss must be a finite number, it became {loss} by step {step + 1} of epoch {epoch + 1}. The epochs "
                f"before it are kept in {self._dir.path}. Begin a new run with a lower learning rate, or in float32."
            )

    def _export(self) -> None:
        """Writes the last and the best network in Keras's format, and the results."""
        best = max(self._dir.history, key=lambda row: row["test_accuracy"])
        last = self._dir.history[-1]
        try:
            for which in (BEST, LAST):  # The last one stays in memory.
                self._dir.restore({"network": self._state["network"]}, which)
                whole = self._dir.path / f"{which}.keras"
                part = self._dir.path / f".{which}.incomplete.keras"
                try:
                    self._model.save(part)
                    part.replace(whole)
                except OSError:
                    with contextlib.suppress(OSError):
                        part.unlink(missing_ok=True)
                    raise
        except OSError as error:
            raise DeidError(
                f"the network can't be written to {self._dir.path}: {reason(error)}. Make room, and run again."
            ) from error
        results = {
            "epochs": last["epoch"],
            "test_accuracy": last["test_accuracy"],
            "best_test_accuracy": best["test_accuracy"],
            "best_epoch": best["epoch"],
            "seconds": round(sum(row["seconds"] for row in self._dir.history), 1),
        }
        self._dir.write_results(results)

    def _beginning(self, done: int, total: int) -> str:
        xla = "on (the train step is compiled)" if self._compiles else f"off for the network under {self._config.strategy}"
        unlabelled = self._test_data.unlabelled
        left_out = f" ({unlabelled:,} without a label left out)" if unlabelled else ""
        lines = [
            f"{self._train_data.name}: {self._train_data.size:,} images to train on, "
            f"{self._test_data.size - unlabelled:,} to test on{left_out}, "
            f"{self._train_data.image_size} x {self._train_data.image_size} x {self._train_data.channels}, "
            f"{len(self._train_data.label_names)} classes",
            f"{self._config.model}: {self._model.count_params():,} weights; {self._steps:,} steps an epoch; "
            f"devices: {self._strategy.num_replicas_in_sync}; XLA: {xla}",
        ]
        if done >= total:
            lines.append(f"already complete: {done} epochs in {self._dir.path}")
        elif done:
            lines.append(f"going on after epoch {done} of {total} in {self._dir.path}")
        return "\n".join(lines)

    def _say(self, text: str) -> None:
        if self._is_chief:
            tqdm.write(text, file=sys.stdout)

    def _log(self, row: dict[str, Any]) -> None:
        """Logs an epoch's figures for TensorBoard."""
        folder = str(self._dir.path / "tensorboard")
        try:
            if self._writer is None:
                self._writer = tf.summary.create_file_writer(folder)
            with self._writer.as_default(step=row["epoch"]):
                for name, value in row.items():
                    tf.summary.scalar(name, value)
            self._writer.flush()
        except tf.errors.OpError as error:
            raise DeidError(
                f"{folder} can't be written: {reason(error)}. Make room, and run the same command again."
            ) from error


def _learning_rate(optimizer: keras.optimizers.Optimizer) -> float:
    """Returns the rate of the next step. In float16 steps that overflow are passed over, and do not count."""
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    return float(inner._learning_rate(inner.iterations))


def _line(row: dict[str, Any], total: int) -> str:
    return (
        f"epoch {row['epoch']}/{total}: loss {row['loss']:.4f}, accuracy {row['accuracy']:.4f}, "
        f"test loss {row['test_loss']:.4f}, test accuracy {row['test_accuracy']:.4f}; "
        f"{row['images_per_second']:,.0f} images/s, {row['share_of_time_waiting_for_data']:.0%} of the time waiting for data"
    )


def _record(data_config: DataConfig, config: TrainConfig, data: ImageData) -> dict[str, Any]:
    versions = {name: importlib.metadata.version(name) for name in ("tensorflow", "keras", "tensorflow-datasets", "numpy")}
    return {
        "train": dataclasses.asdict(config),
        "data": _anywhere(data_config),
        "dataset": {"name": data.name, "facts": data.facts, "label_names": data.label_names, "resizing": data.resizing},
        "network": {
            "model": config.model,
            "image_size": data.image_size,
            "channels": data.channels,
            "precision": config.precision,
        },
        "versions": {"tfdeid": tfdeid.__version__, **versions},
    }


def _anywhere(config: DataConfig) -> dict[str, Any]:
    """Returns the config as it means the same in every folder and under every default of TFDS's."""
    data_dir = absolute(config.data_dir or os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets")
    return {
        **dataclasses.asdict(config),
        "data_dir": data_dir,
        "dataset": absolute_dataset(config.dataset, data_dir),
        "test_dataset": config.test_dataset and absolute_dataset(config.test_dataset, data_dir),
    }


def _identity(data_config: DataConfig, config: TrainConfig, train_data: ImageData, test_data: ImageData) -> dict[str, Any]:
    """Returns all that the weights depend on."""
    data = dataclasses.asdict(data_config)
    # A dataset may have moved; what is in it counts.
    for name in ("data_dir", "dataset", "test_dataset", "augment_encrypted"):
        del data[name]
    contents = {
        name: {**one.facts, "examples": one.size, "image_size": one.image_size, "resizing": one.resizing}
        for name, one in (("train_data", train_data), ("test_data", test_data))
    }
    return {**config.identity(), **data, **contents}
