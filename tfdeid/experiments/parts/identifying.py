"""Re-identification of people as a part of experiments."""

from __future__ import annotations

import dataclasses
import importlib.util
from typing import Any, ClassVar

from tfdeid.errors import DeidError
from tfdeid.experiments.parts.base import Part, Result
from tfdeid.experiments.progress import saying
from tfdeid.experiments.workshop import Workshop

# On two cores, roughly.
_HOURS_AN_IMAGE = 4.0 / 60 / 1_000


@dataclasses.dataclass(frozen=True)
class Identifying(Part):
    """Who is it in records: all attackers of `tfdeid.attack.identity`, on all splits of a source.

    Attributes:
      feature: what says who it is.
      num_images: at most so many images, all of a person or none.
    """

    work: ClassVar[str] = "re-identifying"
    feature: str
    num_images: int

    @property
    def title(self) -> str:
        return f"re-identify by {self.feature} in {self.dataset} {self.deid.name}"

    @property
    def prefix(self) -> str:
        return "identify"

    def hours(self, workshop: Workshop) -> float:
        return _HOURS_AN_IMAGE * min(self.num_images, sum(workshop.source(self.dataset).splits.values()))

    def depends_on(self, workshop: Workshop) -> dict[str, Any]:
        # The best of them is not what it was once there are others.
        return {"recognizers": _recognizers(), "knows_faces": knows_faces()}

    def run(self, workshop: Workshop) -> Result:
        """Returns what `tfdeid.attack.identity` found: `reidentified` and the like, in percent.

        Raises:
          DeidError: the feature is not there, or has too few people.
        """
        from tfdeid.attack.identity import reidentify  # Late: loads scipy and TensorFlow.
        from tfdeid.attack.pool import open_pool  # Late: as above.

        source = workshop.source(self.dataset)
        pool = open_pool(source, self.feature, workshop.key, self.deid, self.num_images, seed=0, whole_groups=True)
        findings = reidentify(pool, self.deid, workshop.key, seed=0, on_step=saying())
        if findings.best is None or (findings.failed and knows_faces()):
            # A part is kept for good: one that lacks a recognizer would pass for one that names nobody.
            reasons = "; ".join(f"{name}: {reason}" for name, reason in findings.failed.items())
            raise DeidError(f"recognizers failed, so that nothing is known of whom they would name. {reasons}")
        return findings.result()


def knows_faces() -> bool:
    """Tells whether the recognizer of faces that is off the shelf is installed: the extra `faces`."""
    return all(importlib.util.find_spec(name) is not None for name in ("dlib", "face_recognition_models"))


def _recognizers() -> list[str]:
    from tfdeid.attack.identity.engine import RECOGNIZERS  # Late: loads scipy, which takes seconds.

    return list(RECOGNIZERS)
