"""Attacks as parts of tables: all attackers that know the records alone, and all linkers, on images that are drawn for them."""

from __future__ import annotations

import time

from tfdeid.attack.adversaries import ADVERSARIES
from tfdeid.attack.base import MAX_PAIRS, Knowledge
from tfdeid.attack.case import make_case
from tfdeid.attack.engine import attack, choose
from tfdeid.attack.figures import Findings, LinkageFigures
from tfdeid.data.draw import draw_images
from tfdeid.data.sources import SourceConfig
from tfdeid.deidentifier import DeidConfig
from tfdeid.errors import DeidError
from tfdeid.key import Key
from tfdeid.reproduce.parts import Attacking, Result


def attackers(config: DeidConfig) -> list[str]:
    """Returns the names of what is run against a configuration."""
    chosen, _ = choose(None, config)
    return [name for name in chosen if ADVERSARIES[name].knows is Knowledge.RECORDS]


def run(part: Attacking, key: Key, data_dir: str | None) -> Result:
    """Attacks images of the test split, with public ones of the train split, and returns `figures`.

    Raises:
      DeidError: the dataset or its splits are not there, or an attacker failed.
    """
    source = SourceConfig(dataset=part.dataset, data_dir=data_dir)
    started = time.perf_counter()
    # A case keeps some images for attackers who know originals, of whom there is none here.
    images = draw_images(source, "test", part.num_images + MAX_PAIRS, 0, at_most=True)
    public = draw_images(source, "train", part.num_public, 0, at_most=True)
    case = make_case(images, [], public, [], part.deid, key)

    def say(step: str) -> None:
        print(f"  {(time.perf_counter() - started) / 60:4.1f} min  {step}", flush=True)

    findings = attack(case, attackers(part.deid), on_step=say)
    if findings.failed:
        # A part is kept for good: one that lacks an attacker would pass for one that it does not get anything of.
        reasons = "; ".join(f"{name}: {reason}" for name, reason in findings.failed.items())
        raise DeidError(f"attackers failed, so that nothing is known of what they would get. {reasons}")
    found = figures(findings)
    say(f"SSIM {found['published']:.3f} as published, {found['best']:.3f} at best")
    return {**found, "seconds": time.perf_counter() - started}


def figures(findings: Findings) -> Result:
    """Returns what an attack came to.

    Returns:
      SSIM to the originals: `published`, of the record; `cleaned`, without the shadows of strokes; `ceiling`, of the vectorised
      image; `attacked`, of the best attacker that is not trained; `inverted`, by a network; `best` of them; `ssim_<attacker>`
      of each. Percent of records whose original a linker named: `linked`, of the best that is not trained; `linked_trained`,
      by a network, with half its 95 % interval; `linked_<linker>` of each. Further `records` and `candidates`. What no attacker
      was run for is left out.
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
