"""Reading what is written in images as a part of experiments."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from tfdeid.data.draw import draw_images
from tfdeid.experiments.parts.base import Part, Result
from tfdeid.experiments.progress import saying
from tfdeid.experiments.workshop import Workshop

# On two cores, roughly.
_HOURS_AN_IMAGE, _HOURS_A_PUBLIC = 3.0 / 3600, 2.0 / 60 / 3_500
# Images that attackers learn from.
_LEAST = 20


@dataclasses.dataclass(frozen=True)
class Reading(Part):
    """What is written in records: the attacker of `tfdeid.attack.reading`.

    Attributes:
      feature: what holds the text.
      num_images: at most so many images: of the split to test on, or where that has fewer of all.
      num_public: images of the split to train on from which attackers learn to invert, at most all; where all splits are read,
        nobody inverts.
    """

    work: ClassVar[str] = "reading"
    feature: str
    num_images: int
    num_public: int

    @property
    def title(self) -> str:
        return f"read {self.feature} in {self.dataset} {self.deid.name}"

    @property
    def prefix(self) -> str:
        return "read"

    def hours(self, workshop: Workshop) -> float:
        sizes, splits = workshop.source(self.dataset).splits, workshop.splits(self.dataset)
        if sizes[splits.test] < self.num_images:
            return _HOURS_AN_IMAGE * min(self.num_images, sum(sizes.values()))
        return _HOURS_AN_IMAGE * self.num_images + _HOURS_A_PUBLIC * min(self.num_public, sizes[splits.train])

    def run(self, workshop: Workshop) -> Result:
        """Returns what `tfdeid.attack.reading` found: `read` and the like, in percent.

        Raises:
          DeidError: the feature is not there, or what reads is not installed.
        """
        from tfdeid.attack.pool import open_pool  # Late: loads scipy.
        from tfdeid.attack.reading import read_text  # Late: loads a network that reads.

        source, splits, key = workshop.source(self.dataset), workshop.splits(self.dataset), workshop.key
        inverts = source.splits[splits.test] >= self.num_images
        chosen = [splits.test] if inverts else None
        pool = open_pool(source, self.feature, key, self.deid, self.num_images, seed=0, splits=chosen)
        public = draw_images(workshop.config(self.dataset), splits.train, self.num_public, 0, at_most=True) if inverts else []
        # Mosaics are methods by themselves.
        found = read_text(pool, self.deid, key, 0, saying(), public, inverts and len(public) >= _LEAST, mosaics=())
        return found.result()
