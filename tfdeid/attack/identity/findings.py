"""What re-identification came to: figures of every recognizer and gallery, and who is served worst."""

from __future__ import annotations

import dataclasses
import enum
from typing import Any

import numpy as np

from tfdeid.attack.identity.base import Form
from tfdeid.attack.identity.options import IdentityOptions
from tfdeid.attack.identity.scores import Interval, Rates, ScoreFigures
from tfdeid.attack.section import Section

_WORST = 5


class Way(enum.Enum):
    """What attackers compare with what: the gallery's images, and records."""

    PLAIN = "plain"
    """Plain images with records as they are."""
    PLAIN_CLEANED = "plain_cleaned"
    """Plain images with cleaned records."""
    SCHEME = "scheme"
    """Images de-identified under a key of the attacker's own with records as they are."""
    CLEANED = "cleaned"
    """Images de-identified so and cleaned with cleaned records."""

    @property
    def forms(self) -> tuple[Form, Form]:
        """What was done to the gallery, and to what it is compared with."""
        return _FORMS[self]


_FORMS = {
    Way.PLAIN: (Form.PLAIN, Form.RECORD),
    Way.PLAIN_CLEANED: (Form.PLAIN, Form.CLEANED),
    Way.SCHEME: (Form.RECORD, Form.RECORD),
    Way.CLEANED: (Form.CLEANED, Form.CLEANED),
}
_SAID = {
    Way.PLAIN: ("plain", "as they are"),
    Way.PLAIN_CLEANED: ("plain", "cleaned"),
    Way.SCHEME: ("own key", "as they are"),
    Way.CLEANED: ("own key, cleaned", "cleaned"),
}


@dataclasses.dataclass(frozen=True)
class Attempt:
    """One recognizer, by one way.

    Attributes:
      recognizer: its name.
      way: what it compares with what.
      figures: what its scores come to.
      seconds: wall time of all that the recognizer did, for all ways.
    """

    recognizer: str
    way: Way
    figures: ScoreFigures
    seconds: float


@dataclasses.dataclass(frozen=True)
class IdentityFindings:
    """All that re-identification came to.

    Attributes:
      feature: says who is in an image.
      names: values of the people looked for: not to be shown but to the owner.
      numbers: a number for each, of an order that was drawn: it says nothing of the name.
      probes: records that were looked at.
      options: shares of people and images.
      training_people, training_images: what attackers learned from.
      plain: by recognizer, its figures on plain images of the same moments: the ceiling.
      attempts: figures on records, in the order in which they were made.
      about: by recognizer, what it does.
      failed: by recognizer, why it could not be carried out.
    """

    feature: str
    names: list[str] = dataclasses.field(repr=False)
    numbers: list[int]
    probes: int
    options: IdentityOptions
    training_people: int
    training_images: int
    plain: dict[str, ScoreFigures]
    attempts: list[Attempt]
    about: dict[str, str]
    failed: dict[str, str]

    @property
    def chance(self) -> float:
        return 1 / len(self.numbers)

    @property
    def best(self) -> Attempt | None:
        """The recognizer and way with the highest rank-1."""
        return max(self.attempts, key=lambda attempt: attempt.figures.rank1.mean, default=None)

    def worst_served(self, count: int = _WORST) -> list[int]:
        """Returns places in `numbers` of those who are found most often, by the best attacker and then by all."""
        if self.best is None:
            return []
        of_all = np.mean([attempt.figures.rates for attempt in self.attempts], axis=0)
        order = np.lexsort((-of_all, -self.best.figures.rates))
        return [int(place) for place in order[:count]]

    def result(self) -> dict[str, float]:
        """Returns the figures that comparisons keep, in percent but for verification's."""
        best = self.best
        figures = {"reidentified_chance": 100 * self.chance}
        if best is not None:
            rank1 = best.figures.rank1
            figures |= {"reidentified": 100 * rank1.mean, "reidentified_low": 100 * rank1.low}
            figures |= {"reidentified_high": 100 * rank1.high, "rank5": 100 * best.figures.rank5.mean}
            figures |= {"verification_auc": best.figures.auc.mean, "verification_eer": best.figures.eer.mean}
        for attempt in self.attempts:
            figures[f"rank1_{attempt.recognizer}_{attempt.way.value}"] = 100 * attempt.figures.rank1.mean
        return figures | {f"plain_rank1_{name}": 100 * of.rank1.mean for name, of in self.plain.items()}

    def section(self) -> Section:
        """Returns what reports show."""
        head = ["recognizer", "gallery", "records", "rank-1", "rank-5", "AUC", "EER"]
        rows = [[name, "plain", "plain images", *_cells(of)] for name, of in self.plain.items()]
        rows += [[one.recognizer, *_SAID[one.way], *_cells(one.figures)] for one in self.attempts]
        rows += [[name, "failed", *["-"] * (len(head) - 2)] for name in self.failed]
        return Section("identity", "Who is in the records", head, rows, self._sentences(), self._figures(), self._private())

    def _sentences(self) -> list[str]:
        options, people = self.options, len(self.numbers)
        said = [self.sentence()]
        said.append(
            f"{self.probes:,} records, {people:,} people; attackers have {options.gallery_images} other plain images of each, "
            f"and {self.training_images:,} images of {self.training_people:,} other people to learn from, under keys of their "
            f"own. Chance is {100 * self.chance:.1f} %. In brackets, 95 % intervals over people."
        )
        if options.distinctive_people < 1:
            said.append("People looked for are those whose plain images are told apart with the widest margin.")
        if worst := self.worst_served():
            rates = self.best.figures.rates if self.best else np.zeros(0)
            each = ", ".join(f"person {self.numbers[place]} in {100 * rates[place]:.0f} % of the records" for place in worst)
            half = float((rates >= 0.5).mean())
            said.append(f"Served worst: {each}. {100 * half:.0f} % of people are named in half of their records or more.")
        said += [f"`{name}` {about}." for name, about in self.about.items()]
        return said + [f"`{name}` failed, which proves nothing: {reason}" for name, reason in self.failed.items()]

    def sentence(self) -> str:
        """Returns one sentence to quote."""
        best = self.best
        if best is None:
            return "No recognizer could be carried out, so that this says nothing of whether people are found again."
        gallery, records = _SAID[best.way]
        ceiling = self.plain[best.recognizer].rank1
        highest = max(of.rank1.mean for of in self.plain.values())
        said = (
            f"Without the key, `{best.recognizer}` names the right one of {len(self.numbers):,} people for "
            f"{best.figures.rank1.percent()} of the records (gallery {gallery}, records {records}; chance "
            f"{100 * self.chance:.1f} %; of plain images {100 * ceiling.mean:.1f} %"
        )
        better = f", and the best recognizer {100 * highest:.1f} %" if highest > ceiling.mean else ""
        clearly = "" if best.figures.rank1.low > self.chance else ", not clearly more than chance, which does not say none can"
        return f"{said}{better}){clearly}."

    def _private(self) -> list[str]:
        """Returns who is served worst, by name."""
        rates = self.best.figures.rates if self.best else np.zeros(0)
        return [
            f"person {self.numbers[place]} is {self.names[place]}: named in {100 * rates[place]:.0f} % of the records"
            for place in self.worst_served()
        ]

    def _figures(self) -> dict[str, Any]:
        worst = self.worst_served()
        rates: Rates = self.best.figures.rates if self.best else np.zeros(0)
        return {
            "people": len(self.numbers),
            "records": self.probes,
            "options": dataclasses.asdict(self.options),
            "training_people": self.training_people,
            "training_images": self.training_images,
            "chance": self.chance,
            "plain": {name: _plain(of) for name, of in self.plain.items()},
            "attempts": [
                {"recognizer": one.recognizer, "way": one.way.value, **_plain(one.figures), "seconds": one.seconds}
                for one in self.attempts
            ],
            "worst_served": [{"person": self.numbers[place], "rank1": float(rates[place])} for place in worst],
            "failed": self.failed,
            "sentence": self.sentence(),
        }


def _cells(figures: ScoreFigures) -> list[str]:
    return [figures.rank1.percent(), figures.rank5.percent(), str(figures.auc), figures.eer.percent()]


def _plain(figures: ScoreFigures) -> dict[str, Any]:
    """Returns figures for JSON: rates of people by themselves are not among them."""
    parts: dict[str, Interval] = {name: getattr(figures, name) for name in ("rank1", "rank5", "auc", "eer")}
    return {name: dataclasses.asdict(part) for name, part in parts.items()}
