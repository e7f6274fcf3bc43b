"""What attacks came to, as numbers."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tfdeid.attack.base import Image, Knowledge
from tfdeid.attack.section import Section
from tfdeid.reference import SOURCE

_Z_95 = 1.96
JUDGE = "judge"
"""Stands among what failed for the network that names classes, which is no attacker."""


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A mean, and half the width of its 95 % interval over images (None for a single one)."""

    mean: float
    half_width: float | None

    @classmethod
    def of(cls, values: npt.ArrayLike) -> Estimate:
        array = np.asarray(values, np.float64)
        return cls(float(array.mean()), float(_Z_95 * array.std(ddof=1) / np.sqrt(len(array))) if len(array) > 1 else None)

    @classmethod
    def of_share(cls, hits: npt.ArrayLike) -> Estimate:
        """Of zeros and ones, by Agresti and Coull's interval, which holds where none or all are hits.

        Values in between are how likely each is a hit: whoever guesses has hits that vary as the interval says, or less.
        """
        array = np.asarray(hits, np.float64)
        share = (array.sum() + 2) / (len(array) + 4)
        near = float(_Z_95 * np.sqrt(share * (1 - share) / (len(array) + 4)))
        # The interval is about `share`; the one given is about the mean and covers it.
        return cls(float(array.mean()), near + abs(float(share - array.mean())))

    def in_percent(self) -> str:
        """Returns it in percent."""
        interval = f" +- {100 * self.half_width:.1f} %" if self.half_width is not None else " %"
        return f"{100 * self.mean:.1f}{interval}"

    def ends(self) -> tuple[float, float]:
        """Returns the ends of the interval of a share, which lie in [0, 1]."""
        half_width = self.half_width or 0.0
        return max(0.0, self.mean - half_width), min(1.0, self.mean + half_width)

    def __str__(self) -> str:
        return f"{self.mean:.3f}" + (f" +- {self.half_width:.3f}" if self.half_width is not None else "")


@dataclasses.dataclass(frozen=True)
class RecoveryFigures:
    """What an attacker recovered.

    Attributes:
      attacker: its name.
      knows: what it had.
      about: a sentence: what it does with what it knows.
      ssim: SSIM to the original, both at S x S; which that is, `Findings.reference` says.
      psnr: the same in dB.
      gap_closed: the share of the way from the published record's SSIM to the ceiling's (the vectorised image, or for schemes
        that do not trace, the original reduced to the input size) that it went.
      gap_closed_cleaned: the same, the ceiling put through the same cleaning.
      table_error: mean distance of its estimate of the warp from the true one, in pixels of the record; None without one.
      accuracy: of a network trained on plain images, shown what was recovered; None without labels.
      seconds: wall time.
      used: how many records (with PAIRS: pairs, with ORACLE: chosen images) it looked at.
      note: what else a reader should know.
      ssim_of_each: float64[N].
      best, worst: the records whose recovery has the highest and the lowest SSIM, a few of each.
      examples: by number of the record, what was recovered of those, and of `Findings.sample`.
      trained: whether it trained a network.
      changes_records: False for the records as they are.
      column: what tables call its SSIM; None where they have none.
    """

    attacker: str
    knows: Knowledge
    about: str
    ssim: Estimate
    psnr: Estimate
    gap_closed: float
    gap_closed_cleaned: float
    table_error: float | None
    accuracy: Estimate | None
    seconds: float
    used: int
    note: str
    ssim_of_each: npt.NDArray[np.float64] = dataclasses.field(repr=False)
    best: list[int]
    worst: list[int]
    examples: dict[int, Image] = dataclasses.field(repr=False)
    trained: bool = False
    changes_records: bool = True
    column: str | None = None


@dataclasses.dataclass(frozen=True)
class LinkageFigures:
    """How often a linker named the right one of the candidates.

    Attributes:
      linker: its name.
      about: a sentence.
      trained: whether it trained a network.
      top1: share of records whose original had the highest score; of k that share it, one in k is found.
      top5: share whose original was among the five highest, reckoned alike.
      candidates: how many there were; chance is 1 and 5 in that many.
      seconds: wall time.
    """

    linker: str
    about: str
    trained: bool
    top1: Estimate
    top5: Estimate
    candidates: int
    seconds: float

    def chance(self, places: int) -> float:
        """Returns how often who guesses has the right candidate among so many."""
        return min(1.0, places / self.candidates)


@dataclasses.dataclass(frozen=True)
class Findings:
    """All that an attack on a dataset came to.

    Attributes:
      about: what was attacked: dataset, originals, split, configuration, fingerprint, seed; nothing secret.
      images: records that were attacked.
      public_images: images from elsewhere that attackers had.
      published: SSIM of the record to the original.
      ceiling: SSIM of the vectorised image (or the original reduced to the input size) to the original.
      ceiling_cleaned: the same, cleaned.
      plain_accuracy: of the network that judges, on the originals themselves; None without labels.
      chance_accuracy: the share of the most frequent class, of those that are known.
      recoveries: figures of each attacker, in the order in which they were run.
      linkages: figures of each linker.
      skipped: attackers and linkers that were not run, with the reason.
      sample: numbers of some records, drawn by the seed, that pictures show of every attacker.
      originals, records: by number, uint8[S, S, C], those of all records that pictures show.
      failed: attackers and linkers that could not be carried out, with the reason, which have no figures; `JUDGE` too.
      traced: whether the scheme paints traced paths, so that the vectorised image is the ceiling.
      leaks: what records show by design, whatever an attacker does.
      unlabelled: records of a labelled dataset whose class is not known; accuracies leave them out.
      unlabelled_public: public images whose class is not known; no judge was trained on them.
      sections: what attacks of other kinds came to.
      reference: what the originals are that all is compared with; one of `tfdeid.reference`.
    """

    about: dict[str, Any]
    images: int
    public_images: int
    published: Estimate
    ceiling: Estimate
    ceiling_cleaned: Estimate
    plain_accuracy: Estimate | None
    chance_accuracy: float | None
    recoveries: list[RecoveryFigures]
    linkages: list[LinkageFigures]
    skipped: dict[str, str]
    sample: list[int]
    originals: dict[int, Image] = dataclasses.field(repr=False)
    records: dict[int, Image] = dataclasses.field(repr=False)
    failed: dict[str, str] = dataclasses.field(default_factory=dict)
    traced: bool = False
    leaks: Sequence[str] = ()
    unlabelled: int = 0
    unlabelled_public: int = 0
    sections: Sequence[Section] = ()
    reference: str = SOURCE

    @property
    def published_figures(self) -> RecoveryFigures | None:
        """The figures of the records as they are; None if nobody was asked for them."""
        return next((figures for figures in self.recoveries if not figures.changes_records), None)

    @property
    def attempts(self) -> list[RecoveryFigures]:
        """The figures of all who change the records."""
        return [figures for figures in self.recoveries if figures.changes_records]

    def best(self, *knowing: Knowledge) -> RecoveryFigures | None:
        """Returns the figures with the highest SSIM of those who know one of these; None if there are none."""
        return highest_ssim(figures for figures in self.recoveries if figures.knows in knowing)

    def best_linkage(self) -> LinkageFigures | None:
        return max(self.linkages, key=lambda figures: figures.top1.mean, default=None)


def highest_ssim(recoveries: Iterable[RecoveryFigures]) -> RecoveryFigures | None:
    """Returns the figures with the highest mean SSIM; None of none."""
    return max(recoveries, key=lambda figures: figures.ssim.mean, default=None)
