"""Attacks as parts of tables: all attackers that know the records alone, and all linkers, on images that are drawn for them."""

from __future__ import annotations

import dataclasses
import time
from typing import Any, ClassVar

from tfdeid.attack.attackers import ATTACKERS, LINKERS, TRAINED
from tfdeid.attack.figures import Findings
from tfdeid.attack.view import RECORDS
from tfdeid.data.draw import draw_images
from tfdeid.data.sources import SourceConfig
from tfdeid.deidentifier import DeidConfig
from tfdeid.errors import DeidError
from tfdeid.reproduce.parts.base import Part, Result
from tfdeid.reproduce.workshop import Workshop

# Two trained networks and some others, on two cores, from runs of our own.
_HOURS_AN_IMAGE = 4.0 / 60 / 3_500


@dataclasses.dataclass(frozen=True)
class Attacking(Part):
    """Attacks on a dataset's images that are de-identified for them.

    Attributes:
      num_images: records of the test split to attack, at most all.
      num_public: images of the train split that attackers have, at most all.
    """

    work: ClassVar[str] = "attacking"
    num_images: int
    num_public: int

    @property
    def title(self) -> str:
        return f"attack {self.dataset} {self.deid.name}"

    @property
    def prefix(self) -> str:
        return "attack"

    @property
    def hours(self) -> float:
        return _HOURS_AN_IMAGE * (self.num_images + self.num_public)

    def depends_on(self) -> dict[str, Any]:
        # The best of them is not what it was once there are others.
        return {"attackers": attackers(self.deid)}

    def run(self, workshop: Workshop) -> Result:
        """Attacks images of the test split, with public ones of the train split, and returns `figures`.

        Raises:
          DeidError: the dataset or its splits are not there, or an attacker failed.
        """
        from tfdeid.attack.case import make_case  # Late: loads scipy, which takes seconds.
        from tfdeid.attack.evaluate import NUM_PAIRS, attack  # Late: as above.

        source = SourceConfig(dataset=self.dataset, data_dir=workshop.data_dir)
        started = time.perf_counter()
        # A case keeps some images for attackers who know originals, of whom there is none here.
        images = draw_images(source, "test", self.num_images + NUM_PAIRS, 0, at_most=True)
        public = draw_images(source, "train", self.num_public, 0, at_most=True)
        case = make_case(images, [], public, [], self.deid, workshop.key)

        def say(step: str) -> None:
            print(f"  {(time.perf_counter() - started) / 60:4.1f} min  {step}", flush=True)

        findings = attack(case, attackers(self.deid), on_step=say)
        if findings.failed:
            # A part is kept for good: one that lacks an attacker would pass for one that it does not get anything of.
            reasons = "; ".join(f"{name}: {reason}" for name, reason in findings.failed.items())
            raise DeidError(f"attackers failed, so that nothing is known of what they would get. {reasons}")
        result = figures(findings)
        say(f"SSIM {result['published']:.3f} as published, {result['best']:.3f} at best")
        return {**result, "seconds": time.perf_counter() - started}


def attackers(config: DeidConfig) -> list[str]:
    """Returns the names of what is run against a configuration."""
    from tfdeid.attack.evaluate import choose  # Late: loads scipy, which takes seconds.

    chosen, _ = choose(None, config)
    return [name for name in chosen if name in LINKERS or ATTACKERS[name]().knows == RECORDS]


def figures(findings: Findings) -> Result:
    """Returns what an attack came to.

    Returns:
      SSIM to the originals: `published`, of the record; `cleaned`, without the shadows of strokes; `ceiling`, of the vectorised
      image; `attacked`, of the best attacker that is not trained; `inverted`, by a network; `best` of them; `ssim_<attacker>`
      of each. Percent of records whose original a linker named: `linked`, of the best that is not trained; `linked_trained`,
      by a network, with half its 95 % interval; `linked_<linker>` of each. Further `records` and `candidates`. What no attacker
      was run for is left out.
    """
    recovered = {recovery.attacker: recovery.ssim.mean for recovery in findings.recoveries}
    linked = {linkage.linker: 100 * linkage.top1.mean for linkage in findings.linkages}
    trained = [linkage for linkage in findings.linkages if linkage.linker in TRAINED]
    result = {
        "published": findings.published.mean,
        "cleaned": recovered.get("cleaning"),
        "ceiling": findings.ceiling.mean,
        "attacked": _highest(recovered, *TRAINED, "published"),
        "inverted": recovered.get("learned_inversion"),
        "best": max([findings.published.mean, *recovered.values()]),
        "linked": _highest(linked, *TRAINED),
        "linked_trained": linked.get("learned_linkage"),
        "linked_trained_error": 100 * (trained[0].top1.half_width or 0) if trained else None,
        **{f"ssim_{name}": value for name, value in recovered.items()},
        **{f"linked_{name}": value for name, value in linked.items()},
        "records": findings.images,
        "candidates": findings.linkages[0].candidates if findings.linkages else None,
    }
    return {name: float(value) for name, value in result.items() if value is not None}


def _highest(values: dict[str, float], *but: str) -> float | None:
    return max((value for name, value in values.items() if name not in but), default=None)
