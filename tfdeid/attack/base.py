"""What an attacker or a linker derives from, what it is given, and what it gives back: all that one in a file of its own needs.

No attacker sees an original, but for those that it is said to know.
"""

from __future__ import annotations

import abc
import dataclasses
import enum
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt

from tfdeid.deidentifier import DeidConfig
from tfdeid.errors import DeidError
from tfdeid.key import Key

# All that a file with an attacker or a linker needs.
__all__ = [
    "MAX_PAIRS",
    "Adversary",
    "Attacker",
    "DeidConfig",
    "DeidError",
    "Image",
    "Key",
    "Knowledge",
    "Linker",
    "Pair",
    "Recovery",
    "Scores",
    "View",
    "WarpGuess",
]

Image = npt.NDArray[np.uint8]
Scores = npt.NDArray[np.float64]
Pair = tuple[Image, Image]
"""An original as the scheme takes it, uint8[N, N, C], and the record that was made of it, uint8[S, S, C]."""

MAX_PAIRS = 10
"""No attacker is given more pairs."""


class Knowledge(enum.Enum):
    """What an attacker has beside the published configuration and public images of the same kind."""

    RECORDS = "records"
    """The records alone."""
    PAIRS = "pairs"
    """Some originals with their records too: `View.pairs`, as many as `Attacker.num_pairs`."""
    ORACLE = "oracle"
    """The owner's de-identification of images that the attacker chooses too: `View.oracle`."""
    KEY = "key"
    """The key too: `View.key`."""


@dataclasses.dataclass(frozen=True)
class View:
    """What an attacker has.

    Attributes:
      records: uint8[N, S, S, C], the published images.
      ids: their published ids.
      config: what was done, which is published too: nothing but the key is secret.
      public: uint8[N, N, C] each, N the input size: images of the same kind from elsewhere, none an original of a record. An
        attacker who puts them through the scheme gets what the owner would get of the images as they came.
      public_sources: uint8[H, W, C] each, the same as they came, which records are compared with: what an attacker trains a
        network to give back; `public` itself if left out. Those of more than S x S pixels are at S x S; see
        `tfdeid.reference.Original`.
      public_labels: the class of each public image, -1 where it is not known; empty where no class is.
      seed: of all that the attacker draws.
      pairs: known originals with their records, for who knows PAIRS; none of these records is in `records`.
      oracle: de-identifies an image under the owner's key and an id that no record has, for who has the ORACLE.
      key: the owner's key, for who has the KEY.
      recovered: uint8[N, S, S, C], for linkers: what an attacker made of the records.
      candidate_sources: uint8[H, W, C] each, for linkers: the candidates as they came, as in `public_sources`.
      worked_out: what follows from the fields that all attackers have, kept by name; see `tfdeid.attack.features`.
    """

    records: Image
    ids: Sequence[str]
    config: DeidConfig
    public: Sequence[Image]
    public_labels: Sequence[int] = ()
    seed: int = 0
    pairs: Sequence[Pair] = ()
    oracle: Callable[[Image], Image] | None = None
    key: Key | None = None
    recovered: Image | None = None
    public_sources: Sequence[Image] = ()
    candidate_sources: Sequence[Image] = ()
    # Not taken over by `dataclasses.replace`: other records, other features.
    worked_out: dict[str, Any] = dataclasses.field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Who exchanges the public images and has no other sources means the images themselves.
        if len(self.public_sources) != len(self.public):
            object.__setattr__(self, "public_sources", self.public)

    def knowing(
        self, pairs: Sequence[Pair] = (), oracle: Callable[[Image], Image] | None = None, key: Key | None = None
    ) -> View:
        """Returns the same with more known; what follows from the records is worked out once for both."""
        view = dataclasses.replace(self, pairs=pairs, oracle=oracle, key=key)
        object.__setattr__(view, "worked_out", self.worked_out)
        return view


class WarpGuess(Protocol):
    """A guess at the warp of a record; `tfdeid.attack.warp.Warp` is one."""

    def error(self, true: Any, config: DeidConfig) -> float:
        """Returns how far it is from the true warp, in pixels of the record."""
        ...


@dataclasses.dataclass(frozen=True)
class Recovery:
    """What an attacker gives back.

    Attributes:
      images: uint8[N, S, S, C], its guess at each original at S x S.
      warps: its guess at the warp of each record (the same object where records share it); None if it has none.
      note: what a reader should know, such as how many clusters were found.
    """

    images: Image
    warps: Sequence[WarpGuess] | None = None
    note: str = ""


class Adversary(abc.ABC):
    """Who attacks records: an `Attacker` or a `Linker`. Made without arguments."""

    name: ClassVar[str]
    """As on the command line."""
    about: ClassVar[str]
    """What it does with what it knows, as a clause that goes on from its name: "looks at the records as they are"."""
    knows: ClassVar[Knowledge] = Knowledge.RECORDS
    trains: ClassVar[bool] = False
    """Whether it trains a network, which takes minutes."""
    is_run_unasked: ClassVar[bool] = True
    """Whether `tfdeid attack` runs it against what it suits where none is named."""

    def __init_subclass__(cls, **arguments: Any):
        super().__init_subclass__(**arguments)
        if not isinstance(cls.knows, Knowledge):
            raise TypeError(f"{cls.__name__}.knows must be one of Knowledge, it was {cls.knows!r}")

    def suits(self, config: DeidConfig) -> bool:
        """Returns whether it makes sense against such records."""
        return True


class Attacker(Adversary):
    """Recovers images from records."""

    num_pairs: ClassVar[int] = 0
    """How many pairs it knows, with PAIRS; at most `MAX_PAIRS`."""
    changes_records: ClassVar[bool] = True
    """False for who gives records back as they are, with which others are compared."""
    is_given_to_linkers: ClassVar[bool] = False
    """Whether linkers get what it recovers, if it knows the RECORDS alone; of several, they get what the last one recovers."""
    column: ClassVar[str | None] = None
    """What tables of `tfdeid reproduce` call its SSIM, beside `ssim_<name>`; None where they have none."""

    @abc.abstractmethod
    def __call__(self, view: View) -> Recovery:
        """Returns what it recovers.

        Raises:
          DeidError: it can't be carried out; others are.
        """


class Linker(Adversary):
    """Tells which of some candidate originals a record was made of."""

    @abc.abstractmethod
    def __call__(self, view: View, candidates: Sequence[Image]) -> Scores:
        """Returns float64[N, G]: for each record a score for each candidate, the highest for the likeliest.

        Args:
          view: the records and public images only.
          candidates: uint8[N, N, C] each, G originals in an order that says nothing, as the scheme takes them: a record tells
            nothing else of its original. `view.candidate_sources` has them as they came.

        Raises:
          DeidError: it can't be carried out; others are.
        """
