"""A function of many images, on all cores."""

from __future__ import annotations

import concurrent.futures
import os
from collections.abc import Callable, Iterable
from typing import TypeVar

_In = TypeVar("_In")
_Out = TypeVar("_Out")


def parallel_map(function: Callable[..., _Out], *items: Iterable[_In]) -> list[_Out]:
    """Returns what `map` gives, worked out by one thread a core: for functions that release the GIL most of the time."""
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        return list(pool.map(function, *items))
