"""Experiments on an accelerator.

    python -m tests.device.campaign --data cifar10_jpeg.bin --output campaign.json --work /tmp/work

It needs this package, JAX, Keras and Grain, and neither a network nor TensorFlow nor Beam. Each part is bounded in seconds, and
its figures are in the output once it ends; the same command goes on. What CIFAR-10 comes as, `cifar10` says.
"""

from __future__ import annotations

import os

os.environ["KERAS_BACKEND"] = "jax"

import argparse
import concurrent.futures
import io
import json
import pathlib
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

from tests.device import cifar10
from tfdeid.image import decode_image

# Less is not begun: compiling alone takes as long.
_LEAST_SECONDS = 20


class OutOfTime(Exception):
    """A part has taken as long as it may."""


def main(arguments: list[str]) -> int:
    options = _parser().parse_args(arguments)
    ends = time.monotonic() + options.seconds
    figures = json.loads(options.output.read_text()) if options.output.exists() else {}
    data = cifar10.Cifar10(options.data, options.work / "data", options.toy)
    # What one part has compiled, others and later runs take.
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(options.work.absolute() / "compiled"))
    decoded = {side: _decoded_per_second(side) for side in (75, 224)}  # Now, while processors have nothing else to do.
    with data.preparing():  # Its processes are started before there is anything on the device.
        from tests.device import parts  # Late: loads JAX, which those processes need not.

        for name, bound, run in parts.all_of(data, decoded, options.work / "runs", options.toy):
            if figures.get(name, {}).get("finished") or (options.only and not name.startswith(options.only)):
                continue
            if ends - time.monotonic() < _LEAST_SECONDS:
                print(f"out of time before {name}; the same command goes on", flush=True)
                break
            figures[name] = _bounded(run, min(bound, ends - time.monotonic()))
            figures["de-identify"] = {**figures.get("de-identify", {}), **data.figures}
            _write(options.output, figures)
            print(f"{name}: {json.dumps(figures[name])}", flush=True)
    return 0


def _bounded(run: Callable[[], dict[str, Any]], bound: float) -> dict[str, Any]:
    """Runs a part for so many seconds at most, and returns what it gave; what it raises is returned too, and others go on."""

    def stop(*_: Any) -> None:
        raise OutOfTime

    started = time.monotonic()
    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, max(1.0, bound))
    try:
        result = {"finished": True, **run()}
    except OutOfTime:
        result = {"finished": False, "stopped": "out of time"}
    except Exception as error:  # Of any kind: a lease is short, and other parts are worth having.
        result = {"finished": False, "failed": f"{type(error).__name__}: {error}"[:500]}
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return {**result, "seconds": round(time.monotonic() - started, 1)}


def _write(path: pathlib.Path, figures: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".incomplete")
    part.write_text(json.dumps(figures, indent=1) + "\n")
    part.replace(path)


def _decoded_per_second(side: int) -> float:
    """Returns PNG images a second that all processors decode together."""
    file = io.BytesIO()
    smooth = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    Image.fromarray(smooth).resize((side, side), Image.Resampling.BICUBIC).save(file, "png")
    count = 64 * (os.cpu_count() or 1)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        started = time.perf_counter()
        for _ in pool.map(decode_image, [file.getvalue()] * count):
            pass
        return count / (time.perf_counter() - started)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m tests.device.campaign", description="Experiments on an accelerator.")
    parser.add_argument("--data", type=pathlib.Path, required=True, help="CIFAR-10 as one file of JPEG images")
    parser.add_argument("--output", type=pathlib.Path, required=True, help="JSON file for the figures")
    parser.add_argument("--work", type=pathlib.Path, required=True, help="folder for images and runs, some GB")
    parser.add_argument("--seconds", type=float, default=480, help="for all parts together (default: %(default)s)")
    parser.add_argument("--only", help="parts whose names begin so")
    parser.add_argument("--toy", action="store_true", help="everything small, to be tried on a CPU")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
