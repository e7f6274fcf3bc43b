"""`python -m tests.benchmarks.long_run`: many generated images through two workers, with their memory and rate over time.

What grows with the number of images would show as a slope, and is measured: the picture must be flat.
"""

from __future__ import annotations

import argparse
import io
import json
import pathlib
import subprocess
import sys
import time

import numpy as np
import psutil
from PIL import Image
from tqdm import tqdm

from beam.shards import serialize_example
from tfdeid.data.metadata import make_features, write_metadata
from tfdeid.data.naming import shard_name
from tfdeid.data.tfrecord import write_records
from tfdeid.key import Key

_A_FILE = 10_000
_CLASSES = ("a", "b")


def generate(folder: pathlib.Path, count: int) -> None:
    """Writes a TFDS dataset of smooth random colour images, 32 x 32."""
    directory = folder / "generated" / "smooth" / "1.0.0"
    directory.mkdir(parents=True)
    random = np.random.RandomState(0)
    lengths = [min(_A_FILE, count - start) for start in range(0, count, _A_FILE)]
    size = 0
    for number, length in enumerate(tqdm(lengths, unit="file", desc="generating")):
        name = shard_name("generated", "train", "tfrecord", number, len(lengths))
        records = []
        for k in range(length):
            coarse = Image.fromarray(random.randint(0, 256, (6, 6, 3), np.uint8))
            file = io.BytesIO()
            coarse.resize((32, 32), Image.Resampling.BICUBIC).save(file, "PNG", compress_level=1)
            records.append(serialize_example(f"{number * _A_FILE + k}", file.getvalue(), k % 2))
        write_records(directory / name, records)
        size += sum(map(len, records))
    write_metadata(
        directory,
        dataset="generated",
        config="smooth",
        description="Smooth random images.",
        features=make_features(32, 3, _CLASSES),
        file_format="tfrecord",
        splits={"train": (lengths, size)},
        facts={},
    )


def watch(folder: pathlib.Path, workers: int) -> list[dict[str, float]]:
    """De-identifies; returns a row a second: images done, and MB of the launcher and of the largest worker."""
    command = [sys.executable, "-m", "beam.deid", "--dataset=generated", f"--data_dir={folder}", f"--key={folder / 'key'}"]
    command += [f"--output_dir={folder / 'out'}", "--runner=FnApiRunner", "--output_size=224"]
    command += ["--direct_running_mode=multi_processing", f"--direct_num_workers={workers}"]
    started = time.monotonic()
    launcher = psutil.Process(subprocess.Popen(command).pid)
    rows: list[dict[str, float]] = []
    counted: dict[pathlib.Path, int] = {}
    while launcher.is_running() and launcher.status() != psutil.STATUS_ZOMBIE:
        time.sleep(1)
        for path in (folder / "out").rglob("_shards/*.json"):
            if path not in counted and not path.name.startswith("."):
                counted[path] = json.loads(path.read_text())["written"]
        try:
            sizes = [process.memory_info().rss for process in launcher.children(recursive=True)]
            own = launcher.memory_info().rss
        except psutil.NoSuchProcess:
            continue
        row = {"seconds": time.monotonic() - started, "images": sum(counted.values()), "launcher_mb": own / 1e6}
        rows.append({**row, "largest_worker_mb": max(sizes, default=0) / 1e6})
    return rows


def summarize(rows: list[dict[str, float]], count: int) -> dict[str, float]:
    """Returns what the second half of the run has more than the first."""
    busy = [row for row in rows if 0.1 * count < row["images"] < 0.95 * count]
    middle = busy[len(busy) // 2]

    def rate(first: dict[str, float], last: dict[str, float]) -> float:
        return (last["images"] - first["images"]) / (last["seconds"] - first["seconds"])

    return {
        "images": count,
        "seconds": rows[-1]["seconds"],
        "rate_first_half": rate(busy[0], middle),
        "rate_second_half": rate(middle, busy[-1]),
        **{
            f"{name}_{when}": max(row[name] for row in part)
            for name in ("launcher_mb", "largest_worker_mb")
            for when, part in (("first_half", busy[: len(busy) // 2]), ("second_half", busy[len(busy) // 2 :]))
        },
    }


def draw(rows: list[dict[str, float]], path: pathlib.Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 6), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True)
    seconds = [row["seconds"] for row in rows]
    step = max(1, len(rows) // 40)
    rates = [
        (rows[k]["images"] - rows[k - step]["images"]) / (rows[k]["seconds"] - rows[k - step]["seconds"])
        for k in range(step, len(rows))
    ]
    above.plot(seconds[step:], rates)
    above.set(ylabel="images/s", ylim=(0, None))
    for name in ("largest_worker_mb", "launcher_mb"):
        below.plot(seconds, [row[name] for row in rows], label=name.replace("_mb", "").replace("_", " "))
    below.set(ylabel="resident memory, MB", xlabel="seconds", ylim=(0, None))
    below.legend()
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=100_000, help="how many (default: %(default)s; 40 KB of disk each)")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--output_dir", required=True, help="an empty folder")
    arguments = parser.parse_args()
    folder = pathlib.Path(arguments.output_dir)
    folder.mkdir(parents=True, exist_ok=True)
    Key.generate().save(folder / "key")
    generate(folder, arguments.images)
    rows = watch(folder, arguments.workers)
    found = summarize(rows, arguments.images)
    (folder / "long_run.json").write_text(json.dumps({**found, "rows": rows}, indent=1) + "\n")
    draw(rows, folder / "long_run.png")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
