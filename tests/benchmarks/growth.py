"""`python -m tests.benchmarks.growth`: time and memory against images, pixels, edges, shards and workers: one table.

Each row has more of one thing than the row before. `grows` is the power by which processor time goes with it: 1 is in
proportion.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import pathlib
import sys
import tempfile

import numpy as np
from PIL import Image

from tests.benchmarks.long_run import generate
from tests.benchmarks.processes import measure
from tfdeid.key import Key

_IMAGES = 10_000
# Counts what is asked of the file system where paths may lead to a store: there each call is a request.
_COUNTED = """
import collections, json, os, sys
from etils.epath import backend
calls = collections.Counter()
def counted(name, call):
    def counting(*arguments, **options):
        calls[name] += 1
        return call(*arguments, **options)
    return counting
for name in backend.Backend.__abstractmethods__:
    setattr(backend.os_backend, name, counted(name, getattr(backend.os_backend, name)))
from beam.deid import main
code = main()
with open(os.environ["CALLS"], "w") as file:
    json.dump(calls, file)
sys.exit(code)
"""


class Rows:
    """The table.

    Args:
      folder: what is written on the way goes there; it holds the generated dataset.
    """

    def __init__(self, folder: pathlib.Path):
        self._folder = folder
        self.rows: list[dict[str, float | str | None]] = []

    def add(self, thing: str, amount: float, *options: str, out: str = "out") -> None:
        """Runs the pipeline, and adds a row; output is overwritten unless the options say otherwise."""
        calls = self._folder / "calls.json"
        mode = () if any(option.startswith("--mode") for option in options) else ("--mode=overwrite",)
        command = [sys.executable, "-c", _COUNTED, "--runner=FnApiRunner", f"--key={self._folder / 'key'}", *mode]
        used = measure([*command, f"--output_dir={self._folder / out}", *options], {**os.environ, "CALLS": str(calls)})
        before = next((row for row in reversed(self.rows) if row["thing"] == thing), None)
        grows = math.nan
        if before and amount != before["amount"]:
            grows = math.log(used["processor_s"] / float(before["processor_s"])) / math.log(amount / float(before["amount"]))
        row = {"thing": thing, "amount": amount, **used, "calls": sum(json.loads(calls.read_text()).values())}
        row["grows"] = None if math.isnan(grows) else grows  # JSON has no NaN.
        self.rows.append(row)
        print(
            f"{thing:34}{amount:10,.0f}{used['processor_s']:10.1f}{used['wall_s']:9.1f}{used['peak_mb']:7.0f}"
            f"{row['calls']:9,.0f}{grows:8.2f}",
            flush=True,
        )


def photograph(folder: pathlib.Path, edges: float, size: int) -> str:
    """Writes a folder of 20 images, smooth but for noise on a share of them; returns it as a source."""
    random = np.random.RandomState(0)
    (folder / "x").mkdir(parents=True)
    for k in range(20):
        coarse = Image.fromarray(random.randint(0, 256, (6, 6, 3), np.uint8)).resize((size, size), Image.Resampling.BICUBIC)
        noisy = random.randint(0, 256, (size, size, 3), np.uint8)
        pixels = np.where(np.arange(size)[:, None, None] < edges * size, noisy, np.asarray(coarse))
        Image.fromarray(pixels).save(folder / "x" / f"{k}.png")
    return f"--dataset=folder:{folder}"


def measure_all(rows: Rows, folder: pathlib.Path) -> None:
    generated = ("--dataset=generated", f"--data_dir={folder}")
    small = (*generated, "--scheme=plain", "--input_size=8", "--output_size=8")
    for images in (1_000, 2_000, 4_000, 8_000):
        rows.add("images", images, *generated, f"--limit={images}")
    for size in (56, 112, 224, 448):
        rows.add("pixels of the result", size**2, *generated, "--limit=500", f"--output_size={size}")
    for edges in (0.125, 0.25, 0.5, 1.0):
        source = photograph(folder / f"edges_{edges}", edges, 224)
        rows.add("share of noise, of 224 x 224", 1000 * edges, source, "--input_size=224", "--num_shards=1")
    for shards in (10, 100, 1_000, 10_000):
        out = f"shards_{shards}"
        rows.add("shards, made", shards, *small, f"--num_shards={shards}", out=out)
        rows.add("shards, all there", shards, *small, f"--num_shards={shards}", "--mode=fail", out=out)
        next((folder / out).rglob("*.tfrecord-00000-of-*")).unlink()
        next((folder / out).rglob("*.tfrecord-00000-of-*.json")).unlink()
        rows.add("shards, one missing", shards, *small, f"--num_shards={shards}", "--mode=resume", out=out)
    for count in (1, 2, 4):
        several = ("--direct_running_mode=multi_processing", f"--direct_num_workers={count}")
        rows.add("workers, 8,000 images", count, *generated, "--limit=8000", *several)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", help="write the rows to this JSON file too")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        Key.generate().save(folder / "key")
        generate(folder, _IMAGES)
        print(f"{'':34}{'amount':>10}{'processor':>10}{'wall, s':>9}{'MB':>7}{'calls':>9}{'grows':>8}")
        rows = Rows(folder)
        measure_all(rows, folder)
    if arguments.output:
        pathlib.Path(arguments.output).write_text(json.dumps(rows.rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
