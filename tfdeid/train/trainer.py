"""A training run from its first epoch to its last; the same for all methods, on one device and on several."""

from __future__ import annotations

import contextlib
import time
from typing import Any

from tfdeid.data.augment import RandomAffine
from tfdeid.data.batches import DataConfig, ImageData
from tfdeid.errors import DeidError
from tfdeid.models import make_model
from tfdeid.train import engines
from tfdeid.train.config import TrainConfig
from tfdeid.train.engines.base import Engine, OutOfMemory
from tfdeid.train.evaluation import accuracy_and_loss
from tfdeid.train.export import export
from tfdeid.train.guards import check_backend, check_data, check_finite
from tfdeid.train.methods import METHODS
from tfdeid.train.methods.base import Method, Plan
from tfdeid.train.progress import Progress, epoch_line, figures_of_method
from tfdeid.train.record import make_identity, make_record
from tfdeid.train.run_dir import RunDir
from tfdeid.train.schedule import make_optimizer, next_rate
from tfdeid.train.tensorboard import TensorBoard


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
    backend = engines.module()
    check_backend(config)
    engine = backend.Engine(config.strategy, config.deterministic)  # Before anything else is run: workers must connect first.
    engine.seed(config.seed)
    train_data = backend.Data(data_config, data_config.train_split)
    test_data = backend.Data(data_config, data_config.test_split, data_config.test_dataset)
    check_data(data_config, train_data, test_data, config.batch_size, engine.count)
    plan = Plan(
        examples=train_data.size,
        batch_size=config.batch_size,
        steps_per_epoch=train_data.size // config.batch_size,
        epochs=config.total_epochs,
        devices=engine.count,
        seed=config.seed,
    )
    method = METHODS[config.method](config.options, plan)
    augment = RandomAffine(data_config.rotation, data_config.shift, data_config.flip, data_config.fill)
    record = make_record(data_config, config, train_data, method)
    identity = make_identity(data_config, config, train_data, test_data, method)
    with RunDir.begin(run_path, record, identity, writes=engine.is_chief) as run:
        Trainer(train_data, test_data, augment, config, method, run, engine).run()
    return run


class Trainer:
    """The parts of a run that the loop works on."""

    def __init__(
        self,
        train_data: ImageData,
        test_data: ImageData,
        augment: RandomAffine,
        config: TrainConfig,
        method: Method,
        run: RunDir,
        engine: Engine,
    ):
        self._train_data, self._test_data = train_data, test_data
        self._config, self._method, self._plan = config, method, method.plan
        self._dir, self._engine, self._augment = run, engine, augment
        self._progress, self._tensorboard = Progress(engine.is_chief), TensorBoard(run.path / "tensorboard")
        self._done = len(run.history)  # Epochs, when this process began.
        with engine.scope():
            self._model = make_model(
                config.model, train_data.image_size, train_data.channels, len(train_data.label_names), config.precision
            )
            method.check(self._model)
            self._optimizer = make_optimizer(config, self._plan.steps_per_epoch)
            self._optimizer.build(self._model.trainable_variables)
        self._state = {"network": self._model.variables, "optimizer": self._optimizer.variables}
        self._predictor = engines.module().Predictor(self._model, engine.compiles)

    def run(self) -> None:
        """Trains from the last whole epoch to the end."""
        if self._dir.history:
            self._dir.restore(self._state)
        if self._done < self._plan.epochs:
            self._method.secret = self._dir.secret(self._method.secret_bytes)
            with self._engine.scope():
                self._engine.build(self._model, self._optimizer, self._method, self._augment)
        self._progress.say(self._beginning())
        for epoch in range(self._done, self._plan.epochs):
            row = self._epoch(epoch)
            if self._engine.is_chief:
                self._dir.commit(row, self._state)
                self._tensorboard.add(row)
                self._progress.say(epoch_line(row, self._plan.epochs))
        if self._engine.is_chief:
            export(self._model, self._dir)
        # The chief has all that it needs of the others.
        with contextlib.suppress(DeidError) if self._engine.is_chief else contextlib.nullcontext():
            self._engine.wait_for_all()

    def _epoch(self, epoch: int) -> dict[str, Any]:
        """Trains one epoch and tests; returns its figures."""
        learning_rate = next_rate(self._optimizer)
        started = time.perf_counter()
        sums = self._steps(epoch)
        self._check(sums.mean_loss, epoch)
        self._engine.end_epoch()
        seconds = time.perf_counter() - started
        test_accuracy, test_loss = self._test()
        # The last step's loss was that of the weights before it.
        self._check(test_loss, epoch)
        return {
            "epoch": epoch + 1,
            "learning_rate": learning_rate,
            "loss": sums.mean_loss,
            "accuracy": sums.accuracy,
            "test_loss": test_loss,
            "test_accuracy": test_accuracy,
            "seconds": round(seconds, 3),
            "images_per_second": round(sums.examples / seconds, 1),
            "share_of_time_waiting_for_data": round(sums.seconds_waited / seconds, 4),
            **self._method.figures(epoch + 1),
        }

    def _steps(self, epoch: int) -> _Sums:
        """Takes an epoch's steps."""
        num_steps, sums = self._plan.steps_per_epoch, _Sums()
        at_first = "the first step compiles the network" if epoch == self._done else ""
        with self._progress.bar(f"epoch {epoch + 1}/{self._plan.epochs}", num_steps, at_first) as bar:
            iterator = self._engine.batches(self._method, self._train_data, epoch)
            for k in range(num_steps):
                asked = time.perf_counter()
                images, labels = next(iterator)
                sums.seconds_waited += time.perf_counter() - asked
                sums.add(*self._take_step(images, labels, epoch * num_steps + k))
                if bar.advance():
                    self._check(sums.mean_loss, epoch, k)
                    bar.show(sums.mean_loss, sums.accuracy)
        return sums

    def _take_step(self, images: Any, labels: Any, number: int) -> tuple[Any, Any, Any]:
        try:
            return self._engine.step(images, labels, number)
        except OutOfMemory as error:
            raise DeidError(
                f"the device has too little memory for {self._config.model} in batches of {self._config.batch_size}. Use a "
                "smaller --batch_size, or --precision mixed_bfloat16 (a GPU) for less."
            ) from error

    def _test(self) -> tuple[float, float]:
        """Returns accuracy and loss on the test split. The others wait for the chief at the next epoch's first step."""
        if not self._engine.is_chief:
            return 0.0, 0.0
        return accuracy_and_loss(self._predictor, self._test_data, self._plan.batch_size // self._engine.count)

    def _check(self, loss: float, epoch: int, step: int | None = None) -> None:
        check_finite(loss, epoch, self._plan.steps_per_epoch - 1 if step is None else step, self._dir.path)

    def _beginning(self) -> str:
        data, total = self._train_data, self._plan.epochs
        unlabelled = self._test_data.unlabelled
        left_out = f" ({unlabelled:,} without a label left out)" if unlabelled else ""
        lines = [
            f"{data.name}: {data.size:,} images to train on, {self._test_data.size - unlabelled:,} to test on{left_out}, "
            f"{data.image_size} x {data.image_size} x {data.channels}, {len(data.label_names)} classes",
            f"{self._config.model}: {self._model.count_params():,} weights; {self._plan.steps_per_epoch:,} steps an epoch; "
            f"{self._engine}",
        ]
        if self._done >= total:
            lines.append(f"already complete: {self._done} epochs in {self._dir.path}")
        elif self._done:
            figures = figures_of_method(self._dir.history[-1])
            lines.append(f"going on after epoch {self._done} of {total}{figures} in {self._dir.path}")
        return "\n".join(lines)


class _Sums:
    """What an epoch's steps add up to. They stay on the device until they are asked for, so that steps need not wait."""

    def __init__(self) -> None:
        self._loss: Any = 0.0
        self._right: Any = 0
        self._examples: Any = 0
        self.seconds_waited = 0.0

    def add(self, loss: Any, right: Any, examples: Any) -> None:
        self._loss, self._right, self._examples = self._loss + loss, self._right + right, self._examples + examples

    @property
    def examples(self) -> int:
        return int(self._examples)

    @property
    def mean_loss(self) -> float:
        return float(self._loss) / max(self.examples, 1)

    @property
    def accuracy(self) -> float:
        return int(self._right) / max(self.examples, 1)
