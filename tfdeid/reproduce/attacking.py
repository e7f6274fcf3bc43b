"""Attacks as parts of tables: all attackers that know the records alone, and all linkers, on images that are drawn for them."""

from __future__ import annotations

import time

from tfdeid.attack.attackers import ATTACKERS, LINKERS, TRAINED
from tfdeid.attack.case import make_case
from tfdeid.attack.evaluate import NUM_PAIRS, attack, choose
from tfdeid.attack.figures import Findings
from tfdeid.attack.view import RECORDS
from tfdeid.data.draw import draw_images
from tfdeid.data.sources import SourceConfig
from tfdeid.deidentifier import DeidConfig
from tfdeid.errors import DeidError
from tfdeid.key import Key
from tfdeid.reproduce.parts import Attacking, Result


def attackers(config: DeidConfig) -> list[str]:
    """Returns the names of what is run against a configuration."""
    chosen, _ = choose(None, config)
    return [name for name in chosen if name in LINKERS or ATTACKERS[name]().knows == RECORDS]


def run(part: Attacking, key: Key, data_dir: str | None) -> Result:
    """Attacks images of the test split, with public ones of the train split, and returns `figures`.

    Raises:
      DeidError: the dataset or its splits are not there, or an attacker failed.
    """
    source = SourceConfig(dataset=part.dataset, data_dir=data_dir)
    started = time.perf_counter()
    # A case keeps some images for attackers who know originals, of whom there is none here.
    images = draw_images(source, "test", part.num_images + NUM_PAIRS, 0, at_most=True)
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


def figures(found: Findings) -> Result:
    """Returns what an attack came to.

    Returns:
      SSIM to the originals: `published`, of the record; `cleaned`, without the shadows of strokes; `ceiling`, of the vectorised
      image; `attacked`, of the best attacker that is not trained; `inverted`, by a network; `best` of them; `ssim_<attacker>`
      of each. Percent of records whose original a linker named: `linked`, of the best that is not trained; `linked_trained`,
      by a network, with half its 95 % interval; `linked_<linker>` of each. Further `records` and `candidates`. What no attacker
      was run for is left out.
    """
    recovered = {one.attacker: one.ssim.mean for one in found.recoveries}
    linked = {one.linker: 100 * one.top1.mean for one in found.linkages}
    trained = [one for one in found.linkages if one.linker in TRAINED]
    result = {
        "published": found.published.mean,
        "cleaned": recovered.get("cleaning"),
        "ceiling": found.ceiling.mean,
        "attacked": _highest(recovered, *TRAINED, "published"),
        "inverted": recovered.get("learned_inversion"),
        "best": max([found.published.mean, *recovered.values()]),
        "linked": _highest(linked, *TRAINED),
        "linked_trained": linked.get("learned_linkage"),
        "linked_trained_error": 100 * (trained[0].top1.half_width or 0) if trained else None,
        **{f"ssim_{name}": value for name, value in recovered.items()},
        **{f"linked_{name}": value for name, value in linked.items()},
        "records": found.images,
        "candidates": found.linkages[0].candidates if found.linkages else None,
    }
    return {name: float(value) for name, value in result.items() if value is not None}


def _highest(values: dict[str, float], *but: str) -> float | None:
    return max((value for name, value in values.items() if name not in but), default=None)
