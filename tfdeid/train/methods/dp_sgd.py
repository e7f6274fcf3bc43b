"""Differentially private training: DP-SGD (Abadi et al. 2016, "Deep Learning with Differential Privacy"), on JAX.

Each step draws every image with the same probability, by itself (Poisson sampling), clips the gradient of each image, and adds
noise to their sum. What is published, the network, then tells little of any one image, in numbers: epsilon and delta, for
networks that differ by one image that is there or not. Whoever trains sees all images.

Not covered: the loss and accuracy on images that were trained on, which a log shows; and a choice between runs.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from tfdeid.config import number
from tfdeid.train.accounting import ACCOUNTANT, noise_multiplier, spent
from tfdeid.train.methods.base import DeidError, Method, Plan, State, Step, check_whole

if TYPE_CHECKING:
    import keras

    from tfdeid.data.grain_batches import GrainData

_SEED_BYTES = 16
_MAX_VIEWS = 64
# Less is lost among what accountants round up.
_LEAST_EPSILON = 0.1


class DpSgd(Method):
    name = "dp_sgd"
    about = "differentially private: clips each image's gradient and adds noise (JAX; pip install 'tfdeid[dp]')"
    backends = ("jax",)
    secret_bytes = _SEED_BYTES

    @dataclasses.dataclass(frozen=True)
    class Options:
        dp_epsilon: float = 8.0
        """Epsilon of the finished network, at least 0.1: the smaller, the less it tells of an image."""
        dp_delta: float = 1e-5
        """Delta, in (0, 1 / images to train on)."""
        dp_clip: float = 1.0
        """Norm that each image's gradient is clipped to, above 0."""
        dp_views: int = 1
        """Warps of each image, 1 to 64, whose mean gradient is clipped (augmentation multiplicity, De et al. 2022)."""

        def __post_init__(self) -> None:
            for name, low in (("dp_epsilon", _LEAST_EPSILON), ("dp_delta", 0.0), ("dp_clip", 0.0)):
                value = number(name, getattr(self, name))
                if not (low <= value < math.inf and value > 0):
                    raise DeidError(f"{name} must be {f'at least {low}' if low else 'above 0'}, {name} was {value:g}.")
                object.__setattr__(self, name, value)
            check_whole("dp_views", self.dp_views, 1, _MAX_VIEWS)

    def __init__(self, options: Any, plan: Plan):
        super().__init__(options, plan)
        if not options.dp_delta < 1 / plan.examples:
            raise DeidError(
                f"dp_delta must be below 1 / {plan.examples:,}, one over the images to train on, dp_delta was "
                f"{options.dp_delta:g}."
            )
        self._sampling = plan.batch_size / plan.examples
        steps = plan.steps_per_epoch * plan.epochs
        self._noise = noise_multiplier(options.dp_epsilon, options.dp_delta, self._sampling, steps)
        if self._noise >= plan.batch_size:
            raise DeidError(
                f"dp_epsilon {options.dp_epsilon:g} can't be reached in {plan.epochs} epochs: noise would be "
                f"{self._noise:,.0f} times as large as an image's gradient, and a batch has {plan.batch_size}. Use a larger "
                "--dp_epsilon or --batch_size, or fewer epochs."
            )

    def check(self, model: keras.Model) -> None:
        # Whatever layers are nested in, the paths of their variables name them.
        states = [variable.path for variable in model.non_trainable_variables]
        if any(path.endswith("moving_mean") for path in states):
            raise DeidError(
                f"{model.name} has BatchNormalization, which mixes the images of a batch, so that no gradient is one image's: "
                "use a network with GroupNormalization or none, such as --model small_groupnorm."
            )
        if states:
            named = ", ".join(sorted({path.rpartition("/")[0] or path for path in states}))
            raise DeidError(f"{model.name} has layers that keep a state ({named}), which no image's gradient accounts for.")

    def build(self, model: keras.Model, optimizer: keras.optimizers.Optimizer) -> Step:
        import jax  # Late: as above.
        import jax_privacy  # Late: as above.
        import keras  # Late: as above.

        options, views, batch_size = self.options, self.options.dp_views, self.plan.batch_size
        cross_entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction=None)
        (seed,) = np.frombuffer(self.secret[:4], np.uint32)
        secret = functools.reduce(jax.random.fold_in, np.frombuffer(self.secret[4:], np.uint32), jax.random.key(int(seed)))

        def loss_of_one(trainable: list[Any], others: list[Any], images: Any, labels: Any) -> tuple[Any, Any]:
            """The mean loss of an image's views; their sum, and how many answers are right."""
            logits, _ = model.stateless_call(trainable, others, images, training=True)
            losses = cross_entropy(labels, logits)
            return losses.mean(), (losses.sum(), (logits.argmax(-1) == labels).sum())

        gradients_of = jax_privacy.clipped_grad(
            loss_of_one, has_aux=True, batch_argnums=(2, 3), keep_batch_dim=False, l2_clip_norm=options.dp_clip
        )
        stddev = self._noise * gradients_of.sensitivity()

        def step(state: State, images: Any, labels: Any, number: Any) -> tuple[State, Any, Any]:
            trainable, others, slots = state
            by_image = images.reshape(-1, views, *images.shape[1:]), labels.reshape(-1, views)
            missing = by_image[1][:, 0] < 0
            total, of_each = gradients_of(trainable, others, *by_image, is_padding_example=missing)
            privatizer = jax_privacy.noise_addition.gaussian_privatizer(
                stddev=stddev, prng_key=jax.random.fold_in(secret, number)
            )
            noisy, _ = privatizer.update(total, privatizer.init(total))
            gradients = jax.tree.map(lambda gradient: gradient / batch_size, noisy)
            trainable, slots = optimizer.stateless_apply(slots, gradients, trainable)
            loss, num_right = (jax.numpy.where(missing, 0, values).sum() for values in of_each.aux)
            return (trainable, others, slots), loss, num_right

        return step

    def batches(self, data: Any, batch_size: int, epoch: int, shard: tuple[int, int]) -> Any:
        """Returns an epoch's batches: each image is in each with the same probability, filled up to one of few sizes."""
        grain: GrainData = data
        draws = np.random.default_rng([*np.frombuffer(self.secret, np.uint32), epoch])
        # A batch's size is binomial: steps of two deviations give three or four sizes, each of which is compiled.
        unit = self.plan.devices * max(1, round(2 * math.sqrt(batch_size) / self.plan.devices))

        def drawn() -> np.ndarray:
            chosen = np.flatnonzero(draws.random(data.size) < self._sampling)
            missing = -len(chosen) % unit if len(chosen) else unit
            return np.repeat(np.pad(chosen, (0, missing), constant_values=-1), self.options.dp_views)

        return grain.batches_of([drawn() for _ in range(self.plan.steps_per_epoch)])

    def identity(self) -> dict[str, Any]:
        return {"noise_multiplier": round(self._noise, 3)}

    def figures(self, epochs: int) -> dict[str, float]:
        steps = epochs * self.plan.steps_per_epoch
        return {"epsilon": round(spent(self._noise, self.options.dp_delta, self._sampling, steps), 4)}

    def record(self) -> dict[str, Any]:
        return {
            "noise_multiplier": self._noise,
            "sampling_probability": self._sampling,
            "neighbours": "one image is there or not",
            "accountant": ACCOUNTANT,
        }
