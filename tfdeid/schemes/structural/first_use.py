"""Compiles the kernels on two cores: the painter's in a process of its own, beside the tracer's in this one.

Threads would take turns, since numba compiles under one lock. Nothing goes wrong where the process fails: what it has not
compiled is compiled where it is used. The two have no kernel in the cache in common, so they never write the same file.
"""

from __future__ import annotations

import subprocess
import sys

import numpy as np

from tfdeid.schemes.jit import is_compiled
from tfdeid.schemes.structural.paint_fast import _paint
from tfdeid.schemes.structural.rasterize import rasterize
from tfdeid.schemes.structural.vector_image import CLOSE, LINE, MOVE, VectorImage
from tfdeid.schemes.structural.vectorize import _trace, vectorize

_LONGEST_WAIT = 120  # Seconds, after which whatever keeps the process is not waited for.


def are_compiled() -> bool:
    """Tells whether the cache holds the kernels."""
    return is_compiled(_trace, _paint)


def compile_kernels() -> None:
    """Fills the cache with the kernels of the default preset and painter, where it does not hold them yet."""
    if are_compiled() or not sys.executable:
        return
    nothing = subprocess.DEVNULL
    try:
        painter = subprocess.Popen([sys.executable, "-m", __name__], stdin=nothing, stdout=nothing, stderr=nothing)
    except OSError:
        return
    try:
        vectorize(np.zeros((2, 2, 3), np.uint8))
        painter.wait(_LONGEST_WAIT)
    except subprocess.TimeoutExpired:
        pass
    finally:
        painter.kill()  # Of no effect where it has ended.
        painter.wait()


def _paint_something() -> None:
    triangle = VectorImage(
        width=2,
        height=2,
        commands=np.array([MOVE, LINE, LINE, CLOSE], np.uint8),
        points=np.array([[0.0, 0.0], [2.0, 0.0], [2.0, 2.0]]),
        command_starts=np.array([0, 4], np.int32),
        point_starts=np.array([0, 3], np.int32),
        colors=np.zeros((1, 4), np.uint8),
    )
    rasterize(triangle, 2)


if __name__ == "__main__":
    _paint_something()
