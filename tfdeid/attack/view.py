"""What attackers are given and what they give back. No attacker sees an original, but for those that it is said to know."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from tfdeid.deidentifier import DeidConfig

if TYPE_CHECKING:
    from tfdeid.attack.edges import Profiles
    from tfdeid.attack.warp import Curve, Warp
    from tfdeid.key import Key

Image = npt.NDArray[np.uint8]
# An original and the record that was made of it.
Pair = tuple[Image, Image]

RECORDS, PAIRS, ORACLE, KEY = "records", "pairs", "oracle", "key"
"""What an attacker has beside the published configuration and public images: the records alone; with some originals of theirs;
with the owner's de-identification of images that the attacker chooses; with the key."""


@dataclasses.dataclass(frozen=True)
class View:
    """What an attacker has.

    Attributes:
      records: uint8[N, S, S, C], the published images.
      ids: their published ids.
      config: what was done, which is published too: nothing but the key is secret.
      public: uint8[N, N, C] each, N the input size: images of the same kind from elsewhere, none an original of a record.
      public_labels: the class of each public image; empty where there are none.
      seed: of all that the attacker draws.
      pairs: known originals with their records, for attackers that know PAIRS; none of these records is in `records`.
      oracle: de-identifies an image under the owner's key and an id that no record has, for attackers that have the ORACLE.
      key: the owner's key, for attackers that have the KEY.
      recovered: uint8[N, S, S, C], for linkers: what a ciphertext-only attacker made of the records.
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

    @functools.cached_property
    def cleaned(self) -> Image:
        """The records without slivers, and with likely colours in place of keyed ones: see `tfdeid.attack.cleaning`."""
        from tfdeid.attack.cleaning import clean_all, recolor

        cleaned = clean_all(self.records)
        return recolor(cleaned, self.public) if self.config.colors == "keyed" else cleaned

    @functools.cached_property
    def edges(self) -> Profiles:
        """Where the records' edges lie."""
        from tfdeid.attack.edges import profiles

        return profiles(self.records)

    @functools.cached_property
    def expected_edges(self) -> tuple[Curve, Curve]:
        """Where edges lie in images of this kind before any warp: see `tfdeid.attack.edges.expected`."""
        from tfdeid.attack.edges import expected

        return expected(self)

    def knowing(self, **more: Any) -> View:
        """Returns the same with more known, without working out again what follows from the records."""
        known = dataclasses.replace(self, **more)
        known.__dict__.update({name: self.__dict__[name] for name in _WORKED_OUT if name in self.__dict__})
        return known


_WORKED_OUT = ("cleaned", "edges", "expected_edges")


@dataclasses.dataclass(frozen=True)
class Recovery:
    """What an attacker gives back.

    Attributes:
      images: uint8[N, S, S, C], its guess at each original at S x S.
      warps: its guess at the warp of each record (the same object where records share it); None if it has none.
      note: what a reader should know, such as how many clusters were found.
    """

    images: Image
    warps: Sequence[Warp] | None = None
    note: str = ""


class Attacker(Protocol):
    """Recovers images from records."""

    name: str
    """As on the command line."""
    knows: str
    """RECORDS, PAIRS, ORACLE or KEY."""
    num_pairs: int
    """How many pairs it knows, with PAIRS."""
    about: str
    """A sentence: what it does with what it knows."""

    def suits(self, config: DeidConfig) -> bool:
        """Whether it makes sense against such records."""
        ...

    def __call__(self, view: View) -> Recovery: ...


class Linker(Protocol):
    """Tells which of some candidate originals a record was made of."""

    name: str
    about: str
    trained: bool
    """Whether it trains a network, which takes minutes."""

    def suits(self, config: DeidConfig) -> bool: ...

    def __call__(self, view: View, candidates: Sequence[Image]) -> npt.NDArray[np.float64]:
        """Returns float64[N, G]: for each record a score for each candidate, the highest for the likeliest.

        Args:
          view: RECORDS and public images only.
          candidates: uint8[N, N, C] each, G originals in an order that says nothing.
        """
        ...
