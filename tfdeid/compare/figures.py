"""What a comparison comes to, as numbers, words and places of pictures: all that its table, page and plot are drawn from."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from tfdeid.deidentifier import DeidConfig
from tfdeid.experiments.pictures import Picture

PLAIN, MOSAIC = "plain", "pixelate"
"""Schemes: the ceiling, which is always among the rows, and what every other method is held to."""


@dataclasses.dataclass(frozen=True)
class Interval:
    """A figure with its 95 % interval; `low` and `high` are the figure itself where no interval is known."""

    value: float
    low: float
    high: float

    @property
    def below(self) -> float:
        """How far the interval reaches below the figure."""
        return self.value - self.low

    @property
    def above(self) -> float:
        return self.high - self.value

    @property
    def is_known(self) -> bool:
        """Whether there is an interval."""
        return self.low < self.high


@dataclasses.dataclass(frozen=True)
class Axis:
    """What is measured of each method: the accuracy, or a risk.

    Attributes:
      name: as in `compare.json`.
      word: what it is called.
      unit: of its figures.
      axis: what stands at an axis of a plot, with the unit.
      about: a sentence that says what it is.
      decimals: of a figure; percent have 1, SSIM has 3.
    """

    name: str
    word: str
    unit: str
    axis: str
    about: str
    decimals: int = 1

    @property
    def title(self) -> str:
        """The head of a column."""
        return f"{self.word}, {self.unit}"

    def text(self, value: float) -> str:
        """Returns a figure as it is written in tables."""
        return f"{value:.{self.decimals}f}"


ACCURACY = Axis(
    "accuracy",
    "accuracy",
    "%",
    "accuracy, %",
    "test images that a network names right which was trained on the method's own images",
)
RISKS = {
    axis.name: axis
    for axis in (
        Axis(
            "reidentified",
            "re-identified",
            "%",
            "people re-identified at rank 1, %",
            "records whose person the best attacker names, of a gallery of plain images of other moments",
        ),
        Axis(
            "linked",
            "linked",
            "%",
            "records linked to their original, %",
            "records whose own original the best linker names among the candidates",
        ),
        # Not the gain above the record: it is least where records show most by themselves, as mosaics do.
        Axis(
            "recovered",
            "recovered",
            "SSIM",
            "SSIM to the original of the best that attackers have",
            "how near to the originals the best attacker comes, or the records as they are where nobody comes nearer",
            3,
        ),
        Axis(
            "read",
            "read",
            "%",
            "texts read exactly, %",
            "texts in the images that an OCR attacker reads exactly, of the best form",
        ),
        Axis(
            "inferred",
            "inferred",
            "%",
            "sensitive value inferred, %",
            "records of which a network that was trained on the attacker's own pairs names the sensitive value",
        ),
    )
}
"""In the order of columns and panels. The higher, the worse."""


@dataclasses.dataclass(frozen=True)
class Against:
    """A risk of a method beside that of the mosaic of equal accuracy.

    Attributes:
      risk: a name of `RISKS`.
      own: the method's.
      mosaic: the mosaic's, interpolated between those that were run.
      verdict: -1 where the method's interval lies below the mosaic's, 1 where it lies above, 0 where they overlap.
    """

    risk: str
    own: Interval
    mosaic: Interval
    verdict: int


@dataclasses.dataclass(frozen=True)
class MosaicBeside:
    """The mosaic that does the same as a method.

    Attributes:
      cells: a side, interpolated; None where the accuracy is beyond that of all mosaics that were run.
      where: in words: "between 12 and 16 cells", "12 cells", "finer than any mosaic run (20 cells)".
      against: one for each risk that both have.
      verdict: "worse than a mosaic of equal accuracy", "hides more than a mosaic of equal accuracy", or the like; a clause.
    """

    cells: float | None
    where: str
    against: Sequence[Against]
    verdict: str


@dataclasses.dataclass(frozen=True)
class MethodFigures:
    """A row: a method and what it came to.

    Attributes:
      name: as in `--methods`: "structural:input_size=50"; of a mosaic "pixelate:cells=12".
      deid: what was configured, with the size at which it was attacked.
      accuracy: in percent; None without labels or where the training failed.
      risks: by name of `RISKS`; a risk that was not asked for, or whose part failed, is not there.
      chance: by name of risk, what who guesses gets, where that is known.
      plain: by name of risk, what the same attacker gets of plain images.
      details: by kind of part ("training", "attacking", "identifying", ...), all figures of it.
      failed: kind of part -> why it could not be done.
      beside: the mosaic that does the same; None for plain, mosaics themselves, and where there is nothing to compare.
      pictures: images that were drawn by the seed, the same for all methods, then the worst cases of the method.
    """

    name: str
    deid: DeidConfig
    accuracy: Interval | None
    risks: Mapping[str, Interval]
    chance: Mapping[str, float] = dataclasses.field(default_factory=dict)
    plain: Mapping[str, float] = dataclasses.field(default_factory=dict)
    details: Mapping[str, Mapping[str, float]] = dataclasses.field(default_factory=dict)
    failed: Mapping[str, str] = dataclasses.field(default_factory=dict)
    beside: MosaicBeside | None = None
    pictures: Sequence[Picture] = ()

    @property
    def is_plain(self) -> bool:
        return self.deid.scheme == PLAIN

    @property
    def is_mosaic(self) -> bool:
        return self.deid.scheme == MOSAIC


@dataclasses.dataclass(frozen=True)
class Comparison:
    """All that a comparison came to.

    Attributes:
      dataset: as it was given.
      scale: "quick", "standard" or "paper".
      about: what a reader wants to know of how it was made, in lines of (what, value): images, splits, seed, versions, the
        key's fingerprint. Nothing secret.
      methods: plain first, then in the order in which they were given.
      risks: names of `RISKS` that were measured, in order.
      has_accuracy: whether networks were trained.
      sentences: what follows, and what was left out and why; each a line.
      recommendation: a sentence; "" where no limit was given.
      recommended: the name of the method that is recommended; None of none.
      command: what repeats it, from every folder; of the key it has the reference alone.
    """

    dataset: str
    scale: str
    about: Sequence[tuple[str, str]]
    methods: Sequence[MethodFigures]
    risks: Sequence[str]
    has_accuracy: bool
    sentences: Sequence[str]
    recommendation: str = ""
    recommended: str | None = None
    command: str = ""

    @property
    def axes(self) -> list[Axis]:
        """What columns there are, the accuracy first."""
        return [*([ACCURACY] if self.has_accuracy else []), *(RISKS[name] for name in self.risks)]

    @property
    def mosaics(self) -> list[MethodFigures]:
        """The mosaics, coarse ones first."""
        return sorted((method for method in self.methods if method.is_mosaic), key=lambda method: method.deid.cells)
