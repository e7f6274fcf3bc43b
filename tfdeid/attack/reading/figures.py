"""What reading came to, as numbers, a table and sentences."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from tfdeid.attack.figures import Estimate
from tfdeid.attack.reading import ocr
from tfdeid.attack.reading.forms import about
from tfdeid.attack.section import Section
from tfdeid.attack.sentences import percent


@dataclasses.dataclass(frozen=True)
class FormFigures:
    """What was read from one form of the images.

    Attributes:
      name: of the form.
      read: the share of texts that were read exactly.
      characters: the share of characters that were right, mean over texts.
      chance: the same, each reading compared with the text of another image: what strings of the kind have in common.
    """

    name: str
    read: Estimate
    characters: Estimate
    chance: float

    @property
    def row(self) -> list[str]:
        return [self.name, self.read.in_percent(), self.characters.in_percent(), percent(self.chance)]


@dataclasses.dataclass(frozen=True)
class Reading:
    """All that reading came to.

    Attributes:
      feature: what holds the texts.
      images: texts that were to be read.
      left_out: images whose text has no letter or digit.
      plain: what is read from the images themselves, at the records' size.
      forms: what is read from records, and from what attackers make of them.
      mosaics: by cells a side, what is read from a mosaic of the images.
      failed: forms that could not be made, with the reason.
      examples: texts, each with what was read from the best form.
    """

    feature: str
    images: int
    left_out: int
    plain: FormFigures
    forms: Sequence[FormFigures]
    mosaics: Mapping[int, FormFigures]
    failed: Mapping[str, str]
    examples: Sequence[tuple[str, str]] = dataclasses.field(default=(), repr=False)

    @property
    def best(self) -> FormFigures:
        """The form from which most is read."""
        return better(*self.forms)

    def result(self) -> dict[str, float]:
        """Returns the figures that tables hold, in percent; of forms, those of the best one."""
        best, plain = self.best, self.plain
        low, high = best.read.ends()
        values = {
            "read": best.read.mean,
            "read_low": low,
            "read_high": high,
            "characters": best.characters.mean,
            "characters_chance": best.chance,
            "plain_read": plain.read.mean,
            "plain_characters": plain.characters.mean,
        }
        for cells, figures in self.mosaics.items():
            values |= {f"mosaic_{cells}_read": figures.read.mean, f"mosaic_{cells}_characters": figures.characters.mean}
        return {name: 100 * float(value) for name, value in values.items()}

    def section(self) -> Section:
        """Returns what a report shows; what was written and what was read stand on the owner's page alone."""
        return Section(
            name="reading",
            title=f"What is read of {self.images:,} texts (`{self.feature}`)",
            head=["read from", "read exactly", "characters right", "of another's text"],
            rows=[figures.row for figures in (self.plain, *self.forms, *self.mosaics.values())],
            sentences=self._sentences(),
            figures=self._figures(),
            private=[
                f"Written: {text}. Nearest to it, read from {self.best.name}: {line or '-'}." for text, line in self.examples
            ],
        )

    def _sentences(self) -> list[str]:
        best, plain = self.best, self.plain
        lines = [
            f"At best, from {best.name}, {best.read.in_percent()} of the texts are read exactly, and of the characters "
            f"{best.characters.in_percent()} are right.",
            f"Plain images of the same size give {plain.read.in_percent()} and {plain.characters.in_percent()}. "
            "+- is half a 95 % interval.",
        ]
        lines.append("How records are read: " + "; ".join(f"`{form.name}` {about(form.name)}" for form in self.forms) + ".")
        # From the coarsest mosaic on.
        alike = [cells for cells, figures in sorted(self.mosaics.items()) if _order(figures) >= _order(best)]
        if alike:
            lines.append(
                f"The coarsest of these mosaics from which at least as much is read has {alike[0]} x {alike[0]} cells."
            )
        elif self.mosaics:
            lines.append("From none of these mosaics is as much read.")
        lines.append(
            f"The reader is {ocr.Reader.name} as it comes; one that was trained on such records may read more. Case, and "
            "whatever is no letter or digit, does not count. Of the lines that it finds the one most like the text counts, in "
            "the attacker's favour; the last column holds them against the text of another image, which is what strings of the "
            "kind have in common by chance."
        )
        if self.left_out:
            lines.append(f"{self.left_out:,} images whose text has no letter or digit are left out.")
        return lines + [f"Not read: {name} ({reason})" for name, reason in self.failed.items()]

    def _figures(self) -> dict[str, Any]:
        def entry(figures: FormFigures) -> dict[str, Any]:
            return {"form": figures.name, "read": figures.read, "characters": figures.characters, "chance": figures.chance}

        return {
            "feature": self.feature,
            "reader": f"{ocr.Reader.name}, rapidocr-onnxruntime {ocr.version()}".rstrip(),
            "images": self.images,
            "left_out": self.left_out,
            "plain": entry(self.plain),
            "forms": [entry(figures) for figures in self.forms],
            "mosaics": {str(cells): entry(figures) for cells, figures in self.mosaics.items()},
            "failed": dict(self.failed),
            **self.result(),
        }


def better(*several: FormFigures) -> FormFigures:
    """Returns that from which most is read, the first of equal ones."""
    return max(several, key=_order)


def _order(figures: FormFigures) -> tuple[float, float]:
    return figures.read.mean, figures.characters.mean
