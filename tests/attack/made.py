"""Findings made by hand, for what reports make of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfdeid.attack.base import Knowledge
from tfdeid.attack.figures import Estimate, Findings, LinkageFigures, RecoveryFigures

SHOWN = (3, 7)
# Pixels a side of the small images that `tiles` are.
SIDE = 16


def images(channels: int = 3) -> dict[int, np.ndarray]:
    return {number: np.full((8, 8, channels), 20 * number, np.uint8) for number in SHOWN}


def recovery(name: str, ssim: float, knows: Knowledge = Knowledge.RECORDS, gap: float = 0.0, **changes: Any) -> RecoveryFigures:
    values = {
        "attacker": name,
        "knows": knows,
        "about": "does what it can",
        "ssim": Estimate(ssim, 0.01),
        "psnr": Estimate(20.0, 0.1),
        "gap_closed": gap,
        "gap_closed_cleaned": gap,
        "table_error": None,
        "accuracy": None,
        "seconds": 1.5,
        "used": 2000,
        "note": "",
        "ssim_of_each": np.linspace(0, 1, 10),
        "best": [SHOWN[0]],
        "worst": [SHOWN[1]],
        "examples": images(),
        "changes_records": name != "published",
    }
    return RecoveryFigures(**{**values, **changes})


def linkage(name: str, top1: float, half_width: float = 0.01) -> LinkageFigures:
    return LinkageFigures(name, "compares", False, Estimate(top1, half_width), Estimate(top1, half_width), 500, 2.0)


PUBLISHED = recovery("published", 0.39)


def findings(*recoveries: RecoveryFigures, linkages: tuple[LinkageFigures, ...] = (), **changes: Any) -> Findings:
    values = {
        "about": {"dataset": "faces_deid/structural_50_224/1.0.0", "deid": {"scheme": "structural"}, "seed": 0},
        "images": 2000,
        "public_images": 10_000,
        "published": Estimate(0.39, 0.01),
        "ceiling": Estimate(0.74, 0.01),
        "ceiling_cleaned": Estimate(0.76, 0.01),
        "plain_accuracy": None,
        "chance_accuracy": None,
        "recoveries": list(recoveries),
        "linkages": list(linkages),
        "skipped": {},
        "sample": [SHOWN[0]] if recoveries else [],
        "originals": images() if recoveries else {},
        "records": images() if recoveries else {},
        "traced": True,
        "leaks": ["The rough layout."],
    }
    return Findings(**{**values, **changes})
