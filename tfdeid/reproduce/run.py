"""Runs a table's parts, and says before it starts what that will cost."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping

import numpy as np

from tfdeid.reproduce.parts import Attacking, Measuring, Part, Result, Training, Workshop
from tfdeid.reproduce.tables import QUICK, Row, Scale, Table

# On two cores, from runs of our own: images an hour through a measure, and through training at 75 x 75 at quick scale.
_MEASURED_AN_HOUR, _TRAINED_AN_HOUR = 400_000, 1_500_000
_QUICK_EPOCHS, _QUICK_SIZE = 7, 75
_MINUTES_TO_START = 0.5  # of each training: data, TensorFlow, compilation, evaluation
# Attacks by two trained networks and some others: of 500 records with 3,000 public images, and in proportion.
_MINUTES_TO_ATTACK, _ATTACK_IMAGES = 4.0, 3_500
# At paper scale: epochs and images of one training run, and GFLOP an image, forward and back, at 224 x 224.
_CIFAR10 = (675, 50_000, 38.8)
_IMAGENET = (90, 58_492, 23.0)
# TFLOP/s that may be reached: half of an RTX 2080 Ti's 13 (the paper's card), a third of an A100's 156.
_GPUS = {"RTX 2080 Ti": 6.5e12, "A100": 52e12}


@dataclasses.dataclass(frozen=True)
class Figure:
    """One cell: the mean over parts, and their standard deviation (None for a single one)."""

    mean: float
    deviation: float | None = None


Found = Mapping[str, Mapping[str, Figure]]


def reproduce(table: Table, scale: Scale, workshop: Workshop) -> Found:
    """Runs what is not kept, and returns the figures by row and column.

    Raises:
      DeidError: a source is missing, or a command failed; what is finished is kept.
    """
    todo = [part for part in table.parts if not workshop.is_kept(part)]
    print(beginning(table, scale, todo), flush=True)
    results: dict[Part, Result] = {}
    for part in table.parts:
        if part not in todo:
            results[part] = workshop.result(part)
    started = time.monotonic()
    for number, part in enumerate(todo, 1):
        minutes = (time.monotonic() - started) / 60
        print(f"\n[{number}/{len(todo)}, {minutes:.0f} min] {part.title}", flush=True)
        results[part] = workshop.result(part)
    return {row.label: _figures(row, results) for row in table.rows}


def beginning(table: Table, scale: Scale, todo: list[Part]) -> str:
    """Returns what is about to be done, and its cost."""
    number = len(table.parts)
    lines = [table.title, f"scale {scale.name}; less than in the paper: {table.reduced}"]
    if table.missing:
        lines.append(f"{number} parts kept from earlier; {table.missing} are missing, and are not run")
    else:
        said = cost(scale, todo) if todo else "nothing to run"
        lines.append(f"{number} parts, {number - len(todo)} of them kept from earlier; {said}")
    return "\n".join(lines)


def cost(scale: Scale, todo: list[Part]) -> str:
    """Returns how long parts take: at quick scale on two cores, at paper scale on GPUs."""
    trainings = [part for part in todo if isinstance(part, Training)]
    measuring = sum(part.num_images for part in todo if isinstance(part, Measuring)) / _MEASURED_AN_HOUR
    attacked = sum(part.num_images + part.num_public for part in todo if isinstance(part, Attacking))
    attacking = _MINUTES_TO_ATTACK / 60 * attacked / _ATTACK_IMAGES
    if scale is QUICK:
        images = sum(_QUICK_EPOCHS * (part.num_images or 0) * (part.deid.output_size / _QUICK_SIZE) ** 2 for part in trainings)
        minutes = 60 * (measuring + attacking + images / _TRAINED_AN_HOUR) + _MINUTES_TO_START * len(trainings)
        return f"about {max(1, minutes):.0f} minutes on two cores"
    spent = {"measuring": measuring, "attacking": attacking}
    text = " and ".join(f"about {_duration(hours)} of {name} on two cores" for name, hours in spent.items() if hours)
    if not trainings:
        return text
    flop = sum(_training_flop(part) for part in trainings)
    hours = ", ".join(f"{_duration(flop / rate / 3600)} on one {name}" for name, rate in _GPUS.items())
    return (
        f"{len(trainings)} training runs of {flop:.1e} FLOP together: {hours} (estimates; on CPUs alone, months to years)"
        f"{' and ' if text else ''}{text}. A run keeps about 2 GB of checkpoints and networks. Press Ctrl-C if that is not "
        "what you want; nothing is lost then"
    )


def _duration(hours: float) -> str:
    return f"{hours:,.0f} hours" if hours >= 2 else f"{max(1, 60 * hours):.0f} minutes"


def _training_flop(part: Training) -> float:
    epochs, images, gflop = _IMAGENET if part.dataset == "imagenet2012" else _CIFAR10
    return epochs * images * gflop * 1e9 * (part.deid.output_size / 224) ** 2


def _figures(row: Row, results: Mapping[Part, Result]) -> dict[str, Figure]:
    found = _means([results[part] for part in row.parts])
    if row.minus:
        less = _means([results[part] for part in row.minus])
        return {name: Figure(figure.mean - less[name].mean) for name, figure in found.items()}
    return found


def _means(results: list[Result]) -> dict[str, Figure]:
    """Returns each figure's mean over the parts that have it."""
    figures = {}
    for name in dict.fromkeys(name for result in results for name in result):
        values = [result[name] for result in results if name in result]
        figures[name] = Figure(float(np.mean(values)), float(np.std(values, ddof=1)) if len(values) > 1 else None)
    return figures
