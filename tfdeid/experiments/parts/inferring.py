"""Inferring another label of images as a part of experiments."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from tfdeid.experiments.parts.base import Part, Result
from tfdeid.experiments.progress import saying
from tfdeid.experiments.workshop import Workshop

# On two cores, roughly.
_HOURS_AN_IMAGE = 4.0 / 60 / 3_500


@dataclasses.dataclass(frozen=True)
class Inferring(Part):
    """What another label of records is: the attacker of `tfdeid.attack.inference`.

    Attributes:
      feature: the sensitive label.
      num_images: records of the split to test on, at most all.
      num_public: images of the split to train on of which the attacker makes pairs, at most all.
    """

    work: ClassVar[str] = "inferring"
    feature: str
    num_images: int
    num_public: int

    @property
    def title(self) -> str:
        return f"infer {self.feature} in {self.dataset} {self.deid.name}"

    @property
    def prefix(self) -> str:
        return "infer"

    def hours(self, workshop: Workshop) -> float:
        sizes, splits = workshop.source(self.dataset).splits, workshop.splits(self.dataset)
        return _HOURS_AN_IMAGE * (min(self.num_images, sizes[splits.test]) + min(self.num_public, sizes[splits.train]))

    def run(self, workshop: Workshop) -> Result:
        """Returns what `tfdeid.attack.inference` found: `inferred` and the like, in percent.

        Raises:
          DeidError: the feature is not there, or has one value only.
        """
        from tfdeid.attack.inference import infer  # Late: loads TensorFlow.
        from tfdeid.attack.pool import open_pool  # Late: as above.

        source, splits, key = workshop.source(self.dataset), workshop.splits(self.dataset), workshop.key
        records = open_pool(source, self.feature, key, self.deid, self.num_images, seed=0, splits=[splits.test])
        public = open_pool(source, self.feature, key, self.deid, self.num_public, seed=0, splits=[splits.train])
        return infer(records, public, self.deid, key, seed=0, on_step=saying()).result()
