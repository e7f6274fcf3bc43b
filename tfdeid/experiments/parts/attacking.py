"""Attacks as parts of tables: all attackers that know the records alone, and all linkers, on images that are drawn for them."""

from __future__ import annotations

import dataclasses
import time
from typing import Any, ClassVar

from tfdeid.attack.adversaries import ADVERSARIES
from tfdeid.attack.base import MAX_PAIRS, Knowledge
from tfdeid.attack.figures import Findings, LinkageFigures
from tfdeid.data.draw import draw_images
from tfdeid.data.sources import SourceConfig
from tfdeid.deidentifier import DeidConfig
from tfdeid.errors import DeidError
from tfdeid.experiments.parts.base import Part, Result
from tfdeid.experiments.workshop import Workshop
from tfdeid.reference import SOURCE

# Two trained networks and some others, on two cores, from runs of our own.
_HOURS_AN_IMAGE = 4.0 / 60 / 3_500


@dataclasses.dataclass(frozen=True)
class Attacking(Part):
    """Attacks on a dataset's images that are de-identified for them; records are compared with the images as they came.

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
        return {"attackers": attackers(self.deid), "reference": SOURCE}

    def run(self, workshop: Workshop) -> Result:
        """Attacks images of the test split, with public ones of the train split, and returns `figures`.

        Raises:
          DeidError: the dataset or its splits are not there, or an attacker failed.
        """
        from tfdeid.attack.case import make_case  # Late: loads scipy, which takes seconds.
        from tfdeid.attack.engine import attack  # Late: as above.

        source = SourceConfig(dataset=self.dataset, data_dir=workshop.data_dir)
        started = time.perf_counter()
        # A case keeps some images for attackers who know originals, of whom there is none here.
        images = draw_images(source, "test", self.num_images + MAX_PAIRS, 0, at_most=True)
        public = draw_images(source, "train", self.num_public, 0, at_most=True)
        case = make_case(images, [], public, [], self.deid, workshop.key, reference=SOURCE)

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
    from tfdeid.attack.engine import choose  # Late: loads scipy, which takes seconds.

    chosen, _ = choose(None, config)
    return [name for name in chosen if ADVERSARIES[name].knows is Knowledge.RECORDS]


def figures(findings: Findings) -> Result:
    """Returns what an attack came to.

    Returns:
      SSIM to the source images at the output size: `published`, of the record; `cleaned`, without the shadows of strokes;
      `ceiling`, of the vectorised image; `attacked`, of the best attacker that is not trained; `inverted`, by a network; `best`
      of them; `ssim_<attacker>` of each. Percent of records whose original a linker named: `linked`, of the best that is not
      trained; `linked_trained`, by a network, with half its 95 % interval; `linked_<linker>` of each. Further `records` and
      `candidates`. What no attacker was run for is left out.
    """
    recovered = {figures.attacker: figures.ssim.mean for figures in findings.recoveries}
    linked = {figures.linker: 100 * figures.top1.mean for figures in findings.linkages}
    trained = max((figures for figures in findings.linkages if figures.trained), key=_hits, default=None)
    result: dict[str, float | None] = {
        "published": findings.published.mean,
        **{figures.column: figures.ssim.mean for figures in findings.recoveries if figures.column},
        "ceiling": findings.ceiling.mean,
        "attacked": max((figures.ssim.mean for figures in findings.attempts if not figures.trained), default=None),
        "best": max([findings.published.mean, *recovered.values()]),
        "linked": max((_hits(figures) for figures in findings.linkages if not figures.trained), default=None),
        "linked_trained": _hits(trained) if trained else None,
        "linked_trained_error": 100 * (trained.top1.half_width or 0) if trained else None,
        **{f"ssim_{name}": value for name, value in recovered.items()},
        **{f"linked_{name}": value for name, value in linked.items()},
        "records": findings.images,
        "candidates": findings.linkages[0].candidates if findings.linkages else None,
    }
    return {name: float(value) for name, value in result.items() if value is not None}


def _hits(figures: LinkageFigures) -> float:
    """Returns the percentage of records whose original was named."""
    return 100 * figures.top1.mean
