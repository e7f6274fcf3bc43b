"""How a network is trained. Imports no TensorFlow, so that `--help` is quick."""

from __future__ import annotations

import dataclasses
import math
import re
from typing import Any, ClassVar

from tfdeid.config import number
from tfdeid.errors import DeidError, unknown_name
from tfdeid.plugins import values_of
from tfdeid.train.methods import METHODS, STANDARD

OPTIMIZERS = ("rmsprop", "adam", "sgd")
# A schedule that begins with it is one rise and one fall.
ONE_CYCLE = "one_cycle"
WEIGHT_DECAYS = ("decoupled", "learning_rate")
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
STRATEGIES = ("none", "mirrored", "multi_worker")


@dataclasses.dataclass(frozen=True)
class TrainOptions:
    """How it is trained; the defaults are the paper's CIFAR-10 experiment (Ko et al. 2020, section IV)

    Raises:
      DeidError: a value breaks its rule.
    """

    model: str = "InceptionResNetV2"
    """Network: small, small_groupnorm, resnet9, resnet9_wide, cryptonet, or a name in keras.applications such as
    InceptionResNetV2; always from random weights."""
    optimizer: str = "rmsprop"
    """rmsprop, adam, or sgd with Nesterov's momentum of 0.9."""
    schedule: str = "250 x 1e-3, 100 x 5e-4, 125 x 3e-4, 200 x 1e-4"
    """Epochs x learning rate, one after the other; or
    'one_cycle 5 x 0.4': from 0 up to that rate, and down to 0."""
    epochs: int | None = None
    """Stop after so many epochs of the schedule; a later call goes on (default: all)."""
    batch_size: int = 64
    """Images a step, on all devices together."""
    weight_decay: float = 1e-6
    """The paper's "weight decay of 1e-6"; 0 for none."""
    weight_decay_kind: str = "decoupled"
    """What weight_decay means. decoupled: each step takes learning rate x weight_decay of every weight off it. learning_rate:
    the learning rate is divided by 1 + weight_decay x steps so far, as by `decay` in the Keras of the paper's time."""
    precision: str = "float32"
    """float32, or mixed_bfloat16 or mixed_float16: numbers of half the size between layers; weights and logits stay float32."""
    seed: int = 0
    """Seed of weights, order and augmentation."""
    deterministic: bool = False
    """Use only operations that give the same bits in every run, on a GPU slower ones."""
    strategy: str = "none"
    """none: one device. mirrored: all GPUs of this machine. multi_worker: the machines that TF_CONFIG names."""
    method: str = STANDARD
    """What a step does with a batch; all training methods are listed below."""
    # The method's own.
    options: Any = dataclasses.field(default=None, metadata={"cmd": False})

    def __post_init__(self) -> None:
        for name, known in (
            ("optimizer", OPTIMIZERS),
            ("weight_decay_kind", WEIGHT_DECAYS),
            ("precision", PRECISIONS),
            ("strategy", STRATEGIES),
        ):
            if getattr(self, name) not in known:
                raise unknown_name(name, str(getattr(self, name)), known)
        for name, low in (("epochs", 1), ("batch_size", 1), ("seed", 0)):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int) or not low <= value < 2**32):
                raise DeidError(f"{name} must be a whole number of at least {low} and below 2^32, {name} was {value!r}.")
        # YAML takes 1e-6 for a string: its floats need a point.
        object.__setattr__(self, "weight_decay", number("weight_decay", self.weight_decay))
        if not 0 <= self.weight_decay < 1:
            raise DeidError(f"weight_decay must be in [0, 1), weight_decay was {self.weight_decay}.")
        _ = self.pieces

    @property
    def pieces(self) -> list[tuple[int, float]]:
        """The schedule as (epochs, learning rate); of one cycle, the highest."""
        pieces = []
        schedule = str(self.schedule).strip()
        for piece in schedule.removeprefix(ONE_CYCLE).split(","):
            match = re.fullmatch(r"\s*(\d+)\s*x\s*([\d.eE+-]+)\s*", piece)
            if not match or int(match[1]) < 1:
                raise DeidError(
                    f"schedule must be epochs x learning rate, separated by commas, as in '250 x 1e-3, 100 x 5e-4', or one "
                    f"of them after {ONE_CYCLE}; a piece was {piece.strip()!r}."
                )
            rate = number("a learning rate", match[2])
            if not 0 < rate < math.inf:
                raise DeidError(f"a learning rate must be above 0, it was {match[2]}.")
            pieces.append((int(match[1]), rate))
        if self.is_one_cycle and len(pieces) > 1:
            raise DeidError(f"schedule must have one piece after {ONE_CYCLE}, schedule was {schedule!r}.")
        return pieces

    @property
    def is_one_cycle(self) -> bool:
        """Whether the learning rate rises once and falls once."""
        return str(self.schedule).strip().startswith(ONE_CYCLE)

    @property
    def total_epochs(self) -> int:
        scheduled = sum(epochs for epochs, _ in self.pieces)
        return min(scheduled, self.epochs or scheduled)


_NAMES = [field.name for field in dataclasses.fields(TrainOptions) if field.name != "options"]


@dataclasses.dataclass(frozen=True, init=False)
class TrainConfig(TrainOptions):
    """How a network is trained: `TrainConfig(model="small", batch_size=16)`.

    Args:
      common: fields of `TrainOptions`, in their order.
      options: such fields and the method's own options, by name.

    Raises:
      DeidError: an option is unknown, or a value breaks its rule.
    """

    # For command lines and files: what has the options of all methods, and what has those of each.
    COMMON: ClassVar = TrainOptions
    CHOICE: ClassVar = ("method", METHODS)

    def __init__(self, *common: Any, **options: Any):
        super().__init__(*common, **{name: options.pop(name) for name in _NAMES if name in options})
        given = {**values_of(options.pop("options", None)), **options}
        object.__setattr__(self, "options", METHODS.make_options(self.method, given, _NAMES))

    def __getattr__(self, name: str) -> Any:
        """Returns an option of the method's own."""
        # Without `options` it is half made: being unpickled, say.
        if not name.startswith("_") and hasattr(self.__dict__.get("options"), name):
            return getattr(self.options, name)
        raise AttributeError(f"{type(self).__name__} of the method {self.__dict__.get('method')!r} has no {name!r}")

    def plugins(self) -> dict[str, Any]:
        """Returns whose the method is, as {"method": name, distribution and version}; {} for one of ours."""
        plugin = METHODS.plugin(self.method)
        return {"method": dataclasses.asdict(plugin)} if plugin else {}

    def to_dict(self) -> dict[str, Any]:
        """Returns all values. The standard method is not named, nor what of it is as usual: earlier versions had no other."""
        values = dataclasses.asdict(self)
        if self.method == STANDARD:
            del values["method"]
            if self.options == type(self.options)():
                del values["options"]
        return values

    def identity(self) -> dict[str, Any]:
        """Returns what a run can't change when it goes on."""
        values = {name: value for name, value in self.to_dict().items() if name != "epochs"}
        plugins = self.plugins()
        return {**values, "plugins": plugins} if plugins else values
