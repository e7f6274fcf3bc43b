"""What a training method is. Whoever writes one imports this module, Keras and its backend, and nothing else of ours.

    from tfdeid.train.methods.base import Method, count_right


    class LabelSmoothing(Method):
        name = "label_smoothing"
        about = "trains on labels that are a little uncertain"

        @dataclasses.dataclass(frozen=True)
        class Options:
            smoothing: float = 0.1
            \"\"\"Share of each label that is spread over all classes, in [0, 1).\"\"\"

        def build(self, model, optimizer):
            ...
            return step

and names it in its pyproject.toml:

    [project.entry-points."tfdeid.training_methods"]
    label_smoothing = "my_package.label_smoothing:LabelSmoothing"

Then `python -m tfdeid.train --method label_smoothing` trains by it. Reading, augmentation, XLA, several devices, the schedule,
tests, logs and checkpoints are the same for all methods.
"""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from tfdeid.checks import check_flag, check_known, check_whole
from tfdeid.errors import DeidError

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

    from tfdeid.data.batches import ImageData

# All that a file with a method needs.
__all__ = [
    "DeidError",
    "Method",
    "NoOptions",
    "Plan",
    "State",
    "Step",
    "check_flag",
    "check_known",
    "check_whole",
    "count_right",
]

Step = Callable[..., Any]
State = tuple[list[Any], list[Any], list[Any]]
"""On JAX: the values of the network's trainable variables, of its others, and of the optimizer's."""


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is settled of a run before its first step.

    Attributes:
      examples: examples to train on.
      batch_size: images a step, on all devices together.
      steps_per_epoch: steps an epoch.
      epochs: epochs in all, those before an interruption among them.
      devices: devices that share each batch.
      seed: the run's seed.
    """

    examples: int
    batch_size: int
    steps_per_epoch: int
    epochs: int
    devices: int
    seed: int


@dataclasses.dataclass(frozen=True)
class NoOptions:
    """Options of a method that has none."""


class Method(abc.ABC):
    """A way to train a network. One object serves one run.

    A method keeps nothing from step to step but the network and the optimizer, which checkpoints hold: so a run that was
    interrupted ends as one that was not.

    Args:
      options: an object of the class's `Options`.
      plan: what is settled of the run.

    Attributes:
      name: what `--method` takes; the name of the entry point, too.
      about: what it does, in a line of the help: "minimizes the mean cross-entropy".
      Options: a frozen dataclass of its options, which raises DeidError for values that break a rule. The string below each
        field is its help. Every field has a default. Default: no options.
      backends: those of Keras's that it trains on, "tensorflow" and "jax". Default: TensorFlow alone.
      secret_bytes: how many random bytes it needs that nobody may know who gets the network. Default: none.
      secret: these, once `build` is called. The run's folder keeps them until it is finished.
    """

    name: ClassVar[str]
    about: ClassVar[str]

    Options: ClassVar[type] = NoOptions
    backends: ClassVar[tuple[str, ...]] = ("tensorflow",)
    secret_bytes: ClassVar[int] = 0
    secret: bytes = b""

    def __init__(self, options: Any, plan: Plan):
        self.options = options
        self.plan = plan

    def check(self, model: keras.Model) -> None:  # noqa: B027 - most methods suit every network.
        """Raises DeidError if the method does not suit a network, such as one with layers that look at a whole batch."""

    @abc.abstractmethod
    def build(self, model: keras.Model, optimizer: keras.optimizers.Optimizer) -> Step:
        """Returns the step, which changes the network by one batch.

        The step is a function of tensors. It is traced once, compiled by XLA on a single GPU, and run on each device with
        that device's share of the batch where there are several. Its arguments are

          images: uint8[B, S, S, C], augmented.
          labels: int64[B]; -1 only where `batches` gives it.
          number: int64, another one for every step and every device. With the plan's seed it seeds what the step draws:
            `tf.random.stateless_normal(shape, tf.stack([self.plan.seed, number]))`.

        and it returns the sum of the losses of its examples, float32, and how many answers were right, int64 (`count_right`).

        On JAX it is a pure function that is compiled once and sees the whole batch, which several devices share. A `State`
        comes first among its arguments and among its results; integers are int32. `model.stateless_call` and
        `optimizer.stateless_apply` work on states.

        Args:
          model: from images to logits, float32[B, classes].
          optimizer: of its trainable variables. `optimizer.apply(gradients, model.trainable_variables)` sums gradients over
            devices: those of the mean loss are the gradients of the sum of losses divided by `self.plan.batch_size`. What is
            derived goes through `optimizer.scale_loss` first, which in float16 is more than the same value.
        """

    def batches(self, data: ImageData, batch_size: int, epoch: int, shard: tuple[int, int]) -> tf.data.Dataset:
        """Returns the batches of an epoch. By default all examples in an order that is drawn from seed and epoch.

        Args:
          data: what is trained on.
          batch_size: images a batch of one device.
          epoch: the epoch, from 0. What is drawn depends on it and on the plan's seed alone.
          shard: (index, count): this worker and the number of workers that share the epoch out.

        Returns:
          uint8[B, S, S, C] and int64[B], one after the other for each device of this worker, in each of `plan.steps_per_epoch`
          steps at least. Every other B is compiled anew, so batches of uneven sizes should be filled up to one size, with
          images whose label is -1: these do not count in figures.
        """
        return data.train_batches(batch_size, self.plan.seed, epoch, shard)

    def identity(self) -> dict[str, Any]:
        """Returns what a run can't change when it goes on, beyond the options: what follows from them and the plan."""
        return {}

    def figures(self, epochs: int) -> dict[str, float]:
        """Returns what an epoch's row says beyond losses and accuracies, by name, after so many epochs."""
        return {}

    def record(self) -> dict[str, Any]:
        """Returns what `run.json` says of the method beyond its name and options, as JSON takes it."""
        return {}


def count_right(labels: Any, logits: Any) -> Any:
    """Returns how many answers are right, int64 (int32 on JAX): those where the largest of the logits is the label's."""
    import keras  # Late: takes seconds, and the options of methods are asked for without it.

    whole = "int64" if keras.backend.backend() == "tensorflow" else "int32"
    right = keras.ops.cast(keras.ops.argmax(logits, -1), whole) == keras.ops.cast(labels, whole)
    return keras.ops.sum(keras.ops.cast(right, whole))
