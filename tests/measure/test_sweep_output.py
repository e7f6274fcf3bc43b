"""The table of a sweep, letter by letter."""

from __future__ import annotations

import numpy as np

from tfdeid import DeidConfig
from tfdeid.measure import Measures
from tfdeid.measure.sweep import Sweep
from tfdeid.measure.sweep_output import table


def measures(vec: float, dei: float, distance: float) -> Measures:
    around = np.array([-0.01, 0.01])
    return Measures(vec + around, dei + around, distance + around)


MEASURED = {32: measures(0.7, 0.35, 0.3), 100: measures(0.9, 0.95, 0.1)}


def test_means_and_errors():
    assert table(Sweep(DeidConfig(), MEASURED)).splitlines()[:3] == [
        " size          SSIM_Vec          SSIM_Dei          SSIM_Pos                L2                DI              SDIM",
        "   32   0.7000 +-0.0100   0.3500 +-0.0100  -0.3500 +-0.0000   0.3000 +-0.0100   0.3250 +-0.0100  -0.0250 +-0.0100  <",
        "  100   0.9000 +-0.0100   0.9500 +-0.0100   0.0500 +-0.0000   0.1000 +-0.0100   0.5250 +-0.0100   0.5750 +-0.0100"
        "  clearly recognised",
    ]


def test_what_was_compared_with_is_said():
    for reference, said in (
        ("source", "SSIM_Vec, SSIM_Dei and L2 compare with the source image at the output size."),
        ("input", "SSIM_Vec, SSIM_Dei and L2 compare with the original reduced to the input size."),
    ):
        assert table(Sweep(DeidConfig(), MEASURED, reference=reference)).splitlines()[4] == said


def test_the_papers_figures_beside_ours():
    papers = {"ssim_vec": 0.6673, "ssim_dei": 0.3477, "ssim_pos": -0.3196, "l2": 0.2949, "di": 0.3213, "sdim": 0.0017}
    lines = table(Sweep(DeidConfig(), MEASURED), lambda size: papers if size == 32 else {}).splitlines()
    assert "0.3500 / 0.3477 -0.3500 / -0.3196" in lines[1] and "0.9500 +-0.0100" in lines[2]
    assert lines[3].startswith("ours / the paper's (Table 2); < is the lowest SDIM.")


def test_the_spread_over_keys():
    means = dict.fromkeys(("ssim_vec", "ssim_dei", "ssim_pos", "l2", "di", "sdim"), 0.25)
    others = {size: [means, {**means, "l2": 0.35}] for size in MEASURED}
    lines = table(Sweep(DeidConfig(), MEASURED, others)).splitlines()
    assert lines[5] == "over 2 random keys (mean +- standard deviation between keys):"
    assert lines[6].split() == ["32", *["0.2500", "+-0.0000"] * 3, "0.3000", "+-0.0707", *["0.2500", "+-0.0000"] * 2]
