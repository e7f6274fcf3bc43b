"""Runs parts of experiments, and says before what that will cost."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np

from tfdeid.errors import DeidError
from tfdeid.experiments.parts import Part, Result
from tfdeid.experiments.scale import Scale
from tfdeid.experiments.workshop import Workshop

FAILURES = (DeidError, OSError, ArithmeticError, MemoryError, ImportError, np.linalg.LinAlgError)
"""What can end a part while others go on: what is missing on this machine or in the data, not a slip of ours."""

# TFLOP/s that may be reached: half of an RTX 2080 Ti's 13 (the paper's card), a third of an A100's 156.
_GPUS = {"RTX 2080 Ti": 6.5e12, "A100": 52e12}


def run_parts(
    parts: Sequence[Part], workshop: Workshop, on_failure: Callable[[Part, Exception], None] | None = None
) -> dict[Part, Result]:
    """Returns the results of parts; what is not kept is run, and it is said how far that is.

    Args:
      parts: each once.
      workshop: where they are kept.
      on_failure: told of a part that fails, whose result is then missing while others go on; None to fail with it.

    Raises:
      DeidError: a source is missing, or a part failed; what is finished is kept.
    """
    todo = [part for part in parts if not part.is_kept(workshop)]
    results: dict[Part, Result] = {}
    started = time.monotonic()
    for part in [*(part for part in parts if part not in todo), *todo]:
        if part in todo:
            minutes = (time.monotonic() - started) / 60
            print(f"\n[{todo.index(part) + 1}/{len(todo)}, {minutes:.0f} min] {part.title}", flush=True)
        try:
            results[part] = part.result(workshop)
        except FAILURES as error:
            if on_failure is None or isinstance(error.__context__, KeyboardInterrupt):
                raise
            on_failure(part, error)
    return results


def cost(scale: Scale, todo: Sequence[Part], workshop: Workshop) -> str:
    """Returns how long parts take: on two cores; at paper scale on GPUs."""
    if not scale.is_whole:
        spent = {work: sum(part.hours(workshop) for part in todo if part.work == work) for work in {part.work for part in todo}}
        each = ", ".join(f"{work} {_duration(hours)}" for work, hours in sorted(spent.items(), key=lambda item: -item[1]))
        return f"about {_duration(sum(spent.values()))} on two cores{f' ({each})' if len(spent) > 1 else ''}"
    trainings = [part for part in todo if part.flop]
    hours: dict[str, float] = {}
    for part in todo:
        if not part.flop:
            hours[part.work] = hours.get(part.work, 0.0) + part.hours(workshop)
    text = " and ".join(f"about {_duration(spent)} of {work} on two cores" for work, spent in hours.items())
    if not trainings:
        return text
    flop = sum(part.flop for part in trainings)
    on_gpus = ", ".join(f"{_duration(flop / rate / 3600)} on one {name}" for name, rate in _GPUS.items())
    return (
        f"{len(trainings)} training runs of {flop:.1e} FLOP together: {on_gpus} (estimates; on CPUs alone, months to years)"
        f"{' and ' if text else ''}{text}. A run keeps about 2 GB of checkpoints and networks. Press Ctrl-C if that is not "
        "what you want; nothing is lost then"
    )


def _duration(hours: float) -> str:
    minutes = max(1, round(60 * hours))
    return f"{hours:,.0f} hours" if hours >= 2 else f"{minutes} minute{'s' if minutes > 1 else ''}"
