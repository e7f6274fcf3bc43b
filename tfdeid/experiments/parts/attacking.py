"""Attacks as parts of experiments: attackers that know the records alone, and linkers, on images that are drawn for them."""

from __future__ import annotations

import dataclasses
import pathlib
import time
from typing import Any, ClassVar

from tfdeid.attack.adversaries import ADVERSARIES
from tfdeid.attack.base import MAX_PAIRS, Knowledge
from tfdeid.attack.figures import Estimate, Findings, LinkageFigures, RecoveryFigures, highest_ssim
from tfdeid.data.draw import draw_images
from tfdeid.deidentifier import DeidConfig
from tfdeid.errors import DeidError
from tfdeid.experiments.parts.base import LATER, Part, Result
from tfdeid.experiments.pictures import keep_pictures
from tfdeid.experiments.progress import saying
from tfdeid.experiments.workshop import Workshop
from tfdeid.reference import INPUT

# Two trained networks and some others, on two cores, from runs of our own.
_HOURS_AN_IMAGE = 4.0 / 60 / 3_500


@dataclasses.dataclass(frozen=True)
class Attacking(Part):
    """Attacks on a dataset's images that are de-identified for them.

    Attributes:
      num_images: records of the split to test on that are attacked, at most all.
      num_public: images of the split to train on that attackers have, at most all.
      reference: what records are compared with, one of `tfdeid.reference`; `INPUT` is as in all figures of earlier versions.
      pictures: whether pictures are kept beside the figures, which show originals.
    """

    work: ClassVar[str] = "attacking"
    num_images: int
    num_public: int
    reference: str = dataclasses.field(default=INPUT, metadata=LATER)
    pictures: bool = dataclasses.field(default=False, metadata=LATER)

    @property
    def title(self) -> str:
        return f"attack {self.dataset} {self.deid.name}"

    @property
    def prefix(self) -> str:
        return "attack"

    def hours(self, workshop: Workshop) -> float:
        sizes, splits = workshop.source(self.dataset).splits, workshop.splits(self.dataset)
        images = min(self.num_images, sizes[splits.test]) + min(self.num_public, sizes[splits.train])
        return _HOURS_AN_IMAGE * images * (1.0 if self.deid.scheme_class.hides else 0.2)

    def depends_on(self, workshop: Workshop) -> dict[str, Any]:
        # The best of them is not what it was once there are others.
        return {"attackers": attackers(self.deid)}

    def run(self, workshop: Workshop) -> Result:
        """Attacks images of the split to test on, with public ones of the split to train on, and returns `figures`.

        Raises:
          DeidError: the dataset or its splits are not there, or an attacker failed.
        """
        from tfdeid.attack.case import make_case  # Late: loads scipy, which takes seconds.
        from tfdeid.attack.engine import attack  # Late: as above.

        source, splits = workshop.config(self.dataset), workshop.splits(self.dataset)
        started = time.perf_counter()
        # A case keeps some images for attackers who know originals, of whom there is none here.
        images = draw_images(source, splits.test, self.num_images + MAX_PAIRS, 0, at_most=True)
        public = draw_images(source, splits.train, self.num_public, 0, at_most=True)
        case = make_case(images, [], public, [], self.deid, workshop.key, reference=self.reference)
        say = saying()
        findings = attack(case, attackers(self.deid), on_step=say)
        if findings.failed:
            # A part is kept for good: one that lacks an attacker would pass for one that it does not get anything of.
            reasons = "; ".join(f"{name}: {reason}" for name, reason in findings.failed.items())
            raise DeidError(f"attackers failed, so that nothing is known of what they would get. {reasons}")
        result = figures(findings)
        if self.pictures:
            keep_pictures(findings, self.pictures_folder(workshop))
        say(f"SSIM {result['published']:.3f} as published, {result['best']:.3f} at best")
        return {**result, "seconds": time.perf_counter() - started}

    def pictures_folder(self, workshop: Workshop) -> pathlib.Path:
        """Returns where the pictures of this part lie."""
        return workshop.folder / "pictures" / self.name(workshop)


def attackers(config: DeidConfig) -> list[str]:
    """Returns the names of what is run against a configuration: where nothing is missing, only what trains nothing."""
    from tfdeid.attack.engine import choose  # Late: loads scipy, which takes seconds.

    chosen, _ = choose(None, config)
    suiting = [name for name in chosen if ADVERSARIES[name].knows is Knowledge.RECORDS]
    return suiting if config.scheme_class.hides else [name for name in suiting if not ADVERSARIES[name].trains]


def figures(findings: Findings) -> Result:
    """Returns what an attack came to.

    Returns:
      SSIM to the source images at the output size: `published`, of the record; `cleaned`, without the shadows of strokes;
      `ceiling`, of the vectorised image; `attacked`, of the best attacker that is not trained; `inverted`, by a network; `best`
      of them; `ssim_<attacker>` of each; `gain`, how far the best attacker's is above that of the records, with half its 95 %
      interval over images, and `best_error`. Percent of records whose original a linker named: `linked`, of the best that is
      not trained; `linked_trained`, by a network, with half its 95 % interval; `linked_best`, of the best of all, likewise;
      `linked_<linker>` of each. Further `records` and `candidates`. What no attacker was run for is left out.
    """
    recovered = {figures.attacker: figures.ssim.mean for figures in findings.recoveries}
    linked = {figures.linker: 100 * figures.top1.mean for figures in findings.linkages}
    trained = max((figures for figures in findings.linkages if figures.trained), key=_hits, default=None)
    linker, attacker = findings.best_linkage(), highest_ssim(findings.recoveries)
    gain = _gain(findings, attacker)
    result: dict[str, float | None] = {
        "published": findings.published.mean,
        **{figures.column: figures.ssim.mean for figures in findings.recoveries if figures.column},
        "ceiling": findings.ceiling.mean,
        "attacked": max((figures.ssim.mean for figures in findings.attempts if not figures.trained), default=None),
        "best": max([findings.published.mean, *recovered.values()]),
        "linked": max((_hits(figures) for figures in findings.linkages if not figures.trained), default=None),
        "linked_trained": _hits(trained) if trained else None,
        "linked_trained_error": 100 * (trained.top1.half_width or 0) if trained else None,
        "best_error": attacker.ssim.half_width if attacker else None,
        "gain": gain.mean if gain else None,
        "gain_error": gain.half_width if gain else None,
        "linked_best": _hits(linker) if linker else None,
        "linked_best_error": 100 * (linker.top1.half_width or 0) if linker else None,
        **{f"ssim_{name}": value for name, value in recovered.items()},
        **{f"linked_{name}": value for name, value in linked.items()},
        "records": findings.images,
        "candidates": findings.linkages[0].candidates if findings.linkages else None,
    }
    return {name: float(value) for name, value in result.items() if value is not None}


def _hits(figures: LinkageFigures) -> float:
    """Returns the percentage of records whose original was named."""
    return 100 * figures.top1.mean


def _gain(findings: Findings, attacker: RecoveryFigures | None) -> Estimate | None:
    """Returns how much nearer to the originals an attacker comes than the records are."""
    published = findings.published_figures
    if attacker is None or published is None:
        return None
    return Estimate.of(attacker.ssim_of_each - published.ssim_of_each)
