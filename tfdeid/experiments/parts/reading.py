"""Reading what is written in images as a part of experiments."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from tfdeid.experiments.parts.base import Part, Result
from tfdeid.experiments.progress import saying
from tfdeid.experiments.workshop import Workshop

# On two cores, from runs of our own.
_HOURS_AN_IMAGE = 3.0 / 3600


@dataclasses.dataclass(frozen=True)
class Reading(Part):
    """What is written in records: the attacker of `tfdeid.attack.reading`, on all splits of a source.

    Attributes:
      feature: what holds the text.
      num_images: at most so many images.
    """

    work: ClassVar[str] = "reading"
    feature: str
    num_images: int

    @property
    def title(self) -> str:
        return f"read {self.feature} in {self.dataset} {self.deid.name}"

    @property
    def prefix(self) -> str:
        return "read"

    def hours(self, workshop: Workshop) -> float:
        return _HOURS_AN_IMAGE * min(self.num_images, sum(workshop.source(self.dataset).splits.values()))

    def run(self, workshop: Workshop) -> Result:
        """Returns what `tfdeid.attack.reading` found: `read` and the like, in percent.

        Raises:
          DeidError: the feature is not there, or what reads is not installed.
        """
        from tfdeid.attack.pool import open_pool  # Late: loads scipy.
        from tfdeid.attack.reading import read_text  # Late: loads a network that reads.

        config = workshop.config(self.dataset)
        pool = open_pool(config, self.feature, workshop.key, self.deid, self.num_images, seed=0)
        return read_text(pool, self.deid, workshop.key, seed=0, on_step=saying()).result()
