"""`python -m tests.benchmarks`: times every stage beside its peers in one run, and prints the table.

Takes some minutes. Options are pytest's: `-k CIFAR`, `-k "paint and not imagemagick"`.
"""

from __future__ import annotations

import json
import os
import pathlib
import sys
import tempfile

import pytest


def table(benchmarks: list[dict]) -> str:
    """Returns lines of stage, ours, peer, ratio (ours / peer; medians over images, in ms)."""
    groups: dict[str, dict[str, float]] = {}
    for benchmark in benchmarks:
        groups.setdefault(benchmark["group"], {})[benchmark["extra_info"]["program"]] = 1000 * benchmark["stats"]["median"]
    lines = [f"{'stage':32}{'ours, ms':>10}   {'peer':24}{'ms':>10}{'ours/peer':>11}{'peer/ours':>11}"]
    for group, programs in sorted(groups.items(), key=lambda item: item[0].partition(":")[0]):
        ours = programs.pop("tfdeid", None)
        if ours is None:
            continue
        lines += [
            f"{group:32}{ours:10.3f}   {peer:24}{theirs:10.3f}{ours / theirs:11.4f}{theirs / ours:11.1f}"
            for peer, theirs in programs.items()
        ] or [f"{group:32}{ours:10.3f}"]
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    here = pathlib.Path(__file__).parent
    with tempfile.TemporaryDirectory() as folder:
        results = pathlib.Path(folder) / "results.json"
        load = os.getloadavg()[0]
        options = [
            "--override-ini=addopts=",
            "--benchmark-enable",
            f"--benchmark-json={results}",
            "--benchmark-quiet",
            "-q",
            "--no-header",
            "--disable-warnings",
        ]
        status = pytest.main([str(here), *options, *arguments])
        if not results.exists() or not results.stat().st_size:
            return int(status) or 1
        found = json.loads(results.read_text())
    print(f"\n{found['machine_info']['cpu'].get('brand_raw', 'unknown processor')}, load before: {load:.2f}\n")
    print(table(found["benchmarks"]))
    return int(status)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
