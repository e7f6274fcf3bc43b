"""`python -m tests.benchmarks.processes`: what whole commands take: processor time, wall time and memory, beside imports.

The peers are what a command would have to load that used TensorFlow or Beam. All take turns, and medians are shown.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from tqdm import tqdm

from tfdeid.cli import COMMANDS

_IMPORTS = ("tensorflow", "apache_beam", "tensorflow_datasets", "numpy")


def measure(command: list[str], environment: dict[str, str]) -> dict[str, float]:
    """Runs a command; returns seconds of processor and of wall time, and MB of the largest of its processes at its peak."""
    started = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{command} ended with {process.returncode}")
    seconds = time.monotonic() - started
    return {"processor_s": used.ru_utime + used.ru_stime, "wall_s": seconds, "peak_mb": used.ru_maxrss / 1024}


def commands(folder: pathlib.Path) -> dict[str, list[str]]:
    """Returns the commands by what they are called in the table; `main job` writes anew, and the next finds it complete."""
    job = [sys.executable, "-m", "beam.deid", "--runner=DirectRunner", f"--output_dir={folder / 'out'}"]
    found = {f"import {name}": [sys.executable, "-c", f"import {name}"] for name in _IMPORTS}
    found |= {f"tfdeid {name} --help": [sys.executable, "-m", "tfdeid.cli", name, "--help"] for name in COMMANDS}
    return {**found, "main job, 200 images": [*job, "--mode=overwrite"], "already complete": job}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="of which the median is taken (default: %(default)s)")
    parser.add_argument("--cold", action="store_true", help="also the main job without compiled kernels, once")
    parser.add_argument("--output", help="write all figures to this JSON file too")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        environment = {**os.environ, "XDG_CONFIG_HOME": str(folder / "config"), "XDG_STATE_HOME": str(folder / "state")}
        asked = commands(folder)
        if arguments.cold:
            cold = measure(asked["main job, 200 images"], {**environment, "NUMBA_CACHE_DIR": str(folder / "numba")})
        else:
            measure(asked["main job, 200 images"], environment)  # Compiles at need.
        rounds: dict[str, list[dict[str, float]]] = {title: [] for title in asked}
        for _ in tqdm(range(arguments.rounds), unit="round", desc="measuring", leave=False, disable=None):
            for title, command in asked.items():
                rounds[title].append(measure(command, environment))
        shutil.rmtree(folder / "out")
    medians = {
        title: {figure: statistics.median(one[figure] for one in measured) for figure in measured[0]}
        for title, measured in rounds.items()
    }
    if arguments.cold:
        medians["main job, kernels compiled first"] = cold
    print(f"load before and with this: {os.getloadavg()[0]:.2f}\n\n{'command':36}{'processor, s':>13}{'wall, s':>9}{'MB':>7}")
    for title, figures in medians.items():
        print(f"{title:36}{figures['processor_s']:13.2f}{figures['wall_s']:9.2f}{figures['peak_mb']:7.0f}")
    if arguments.output:
        pathlib.Path(arguments.output).write_text(json.dumps(medians, indent=1) + "\n")


if __name__ == "__main__":
    main()
