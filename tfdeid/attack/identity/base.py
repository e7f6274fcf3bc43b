"""What a recognizer derives from, and what it is trained on: people whom nobody looks for."""

from __future__ import annotations

import abc
import dataclasses
import enum
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from tfdeid.attack.base import Image, Scores
from tfdeid.attack.comparing import cosines
from tfdeid.deidentifier import DeidConfig
from tfdeid.errors import DeidError

# All that a file with a recognizer needs.
__all__ = ["DeidError", "Embeddings", "Form", "Image", "Recognizer", "Scores", "TrainingView", "distances"]

Embeddings = npt.NDArray[np.float32]


class Form(enum.Enum):
    """What has been done to images."""

    PLAIN = "plain"
    """Nothing."""
    RECORD = "record"
    """De-identified: by the owner, or by the attacker under a key of its own."""
    CLEANED = "cleaned"
    """De-identified, and then cleaned as attackers do: see `tfdeid.attack.cleaning`."""


@dataclasses.dataclass(frozen=True)
class TrainingView:
    """What attackers know of other people, and make of it under keys of their own.

    Attributes:
      images: by form, uint8[H, W, C] each. There are several records of a plain image, under different keys; CLEANED is there
        only for schemes that trace.
      people: by form, intp[N], whose each is.
      origins: by form, intp[N], which plain image each is made of.
      config: what the owner does, which is published.
      seed: of all that is drawn.
    """

    images: dict[Form, Sequence[Image]]
    people: dict[Form, npt.NDArray[np.intp]]
    origins: dict[Form, npt.NDArray[np.intp]]
    config: DeidConfig
    seed: int


class Recognizer(abc.ABC):
    """Tells people apart by vectors: what is alike is the same person's. Made without arguments, and fit once."""

    name: ClassVar[str]
    """As in reports."""
    about: ClassVar[str]
    """What it does, as a clause that goes on from its name."""

    def fit(self, view: TrainingView) -> None:
        """Learns from other people; by default nothing.

        Raises:
          DeidError: it can't be carried out here, for want of an extra, say; others are.
        """
        return

    @abc.abstractmethod
    def embed(self, images: Sequence[Image], form: Form) -> Embeddings:
        """Returns float32[N, D], a vector for each image.

        Args:
          images: uint8[H, W, C] each, all of one form.
          form: what has been done to them.
        """

    def likeness(self, probes: Embeddings, gallery: Embeddings) -> Scores:
        """Returns float64[N, G], how alike probes are to each person's mean vector; by default the cosines of the angles."""
        return cosines(probes, gallery)


def distances(probes: Embeddings, gallery: Embeddings) -> Scores:
    """Returns float64[N, G], the negative Euclidean distances."""
    near, far = probes.astype(np.float64), gallery.astype(np.float64)
    squares = (near**2).sum(1)[:, None] + (far**2).sum(1) - 2 * near @ far.T
    return -np.sqrt(np.maximum(squares, 0))
