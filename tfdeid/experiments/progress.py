"""How far a part is."""

from __future__ import annotations

import time
from collections.abc import Callable


def saying() -> Callable[[str], None]:
    """Returns a function that prints a step and the minutes since this call."""
    started = time.perf_counter()

    def say(step: str) -> None:
        print(f"  {(time.perf_counter() - started) / 60:4.1f} min  {step}", flush=True)

    return say
