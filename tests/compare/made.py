"""Comparisons made by hand, for what pages and plots make of them."""

from __future__ import annotations

import pathlib
import types
from typing import Any

import numpy as np

from tfdeid.compare.figures import Against, Comparison, Interval, MethodFigures, MosaicBeside
from tfdeid.experiments.pictures import Picture
from tfdeid.image import encode_png

# Name, accuracy, then percent re-identified, percent linked and the best SSIM: near to what was measured on CIFAR-10 and faces.
ROWS = (
    ("plain", 81.6, 98.8, 100.0, 1.0),
    ("vectorized:input_size=50", 78.0, 40.0, 100.0, 0.80),
    ("structural:input_size=32", 64.1, 7.0, 99.0, 0.61),
    ("structural:input_size=50", 73.0, 12.0, 100.0, 0.66),
    ("structural:input_size=64", 75.2, 20.0, 100.0, 0.72),
    ("structural:input_size=50,colors=keyed,bend=true", 49.0, 5.5, 25.7, 0.42),
    ("structural:input_size=50,colors=keyed,bend=true,key_scope=image", 44.0, 1.6, 10.0, 0.40),
    ("pixelate:cells=8", 65.0, 4.0, 100.0, 0.706),
    ("pixelate:cells=12", 71.0, 8.0, 100.0, 0.782),
    ("pixelate:cells=16", 74.5, 12.0, 100.0, 0.855),
    ("pixelate:cells=20", 76.8, 25.0, 100.0, 0.90),
    ("blur:sigma=0.08", 69.4, 9.0, 100.0, 0.774),
    ("dp_pix:cells=12,epsilon=1.0,m=16", 20.1, 2.1, 3.0, 0.2),
    ("dp_pix:cells=12,epsilon=100.0,m=16", 55.0, 3.0, 96.0, 0.6),
    ("negative_positive", 58.0, 30.0, 100.0, 0.99),
    ("block_shuffle", 45.2, 2.4, 92.0, 0.99),
    ("blackout", 10.0, 2.0, 0.2, 0.3),
)
RISKS_OF_ROWS = ("reidentified", "linked", "recovered")
CHANCES = {"reidentified": 2.0, "linked": 0.2}


def method(name: str, accuracy: float | None, *risks: float, **changes: Any) -> MethodFigures:
    """Returns a row with intervals, of `risks` in the order of RISKS_OF_ROWS."""
    cells = {"cells": int(name.partition("cells=")[2].partition(",")[0])} if name.startswith("pixelate") else {}
    figures = {
        risk: Interval(value, *np.clip([value - width, value + width], 0, limit))
        for risk, value, width, limit in zip(RISKS_OF_ROWS, risks, (3.0, 1.0, 0.01), (100, 100, 1))
    }
    known = {
        "accuracy": None if accuracy is None else Interval(accuracy, accuracy - 0.9, accuracy + 0.9),
        "risks": figures,
        "chance": CHANCES,
        "plain": {},
        "deid": types.SimpleNamespace(scheme=name.partition(":")[0], **cells),
    }
    return MethodFigures(name=name, **{**known, **changes})


def shown(number: int, folder: pathlib.Path, is_worst: bool = False) -> Picture:
    """Returns pictures that are written to a folder."""
    draw = np.random.default_rng(number)
    paths = []
    for name in ("source", "record", "recovered"):
        path = folder / f"{number}_{name}.png"
        path.write_bytes(encode_png(draw.integers(0, 256, (16, 16, 3), np.uint8)))
        paths.append(path)
    return Picture(number, *paths, is_worst, 0.5)


def beside(*pairs: Against, where: str = "12.6 cells", verdict: str = "worse than a mosaic of equal accuracy (re-identified)"):
    return MosaicBeside(12.6, where, pairs, verdict)


def against(own: float, mosaic: float, risk: str = "reidentified") -> Against:
    def interval(value: float) -> Interval:
        return Interval(value, max(0.0, value - 3), value + 3)

    return Against(risk, interval(own), interval(mosaic), 0 if abs(own - mosaic) < 6 else 1 if own > mosaic else -1)


def comparison(methods: list[MethodFigures] | None = None, **changes: Any) -> Comparison:
    known = {
        "dataset": "cifar10",
        "scale": "standard",
        "about": [("images", "50,000 for training, 2,000 attacked"), ("seed", "0"), ("key fingerprint", "3f2a")],
        "methods": [method(*row) for row in ROWS] if methods is None else methods,
        "risks": RISKS_OF_ROWS,
        "has_accuracy": True,
        "sentences": ["`block_shuffle` is worse than a mosaic of equal accuracy.", "Two seeds were trained for structural 50."],
        "recommendation": "Of those with at most 15 % re-identified, `structural:input_size=50` keeps most accuracy: 73.0 %.",
        "recommended": "structural:input_size=50",
        "command": "tfdeid compare --dataset cifar10 --scale standard --max_reidentified 15",
    }
    return Comparison(**{**known, **changes})


def many(count: int = 200, **changes: Any) -> list[MethodFigures]:
    """Returns as many methods with drawn figures, mosaics among them."""
    draw = np.random.default_rng(0)
    methods = [method(*ROWS[0])]
    for number in range(1, count):
        accuracy = draw.uniform(20, 78)
        risks = np.clip([accuracy * draw.uniform(0, 0.6), draw.uniform(0, 100), draw.uniform(0.2, 0.9)], 0, 100)
        if number % 20 == 0:
            cells = 2 + number // 20
            methods.append(method(f"pixelate:cells={cells}", 30 + 4 * cells, 3 * cells, 100, 0.4 + 0.05 * cells, **changes))
        else:
            methods.append(method(f"structural:input_size={16 + number},bend=true", accuracy, *risks, **changes))
    return methods
