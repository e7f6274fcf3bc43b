"""Homes and runs that the tests of secrets share."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.security.place import SMALL, Place, Watcher
from tfdeid import Key


@pytest.fixture
def place(tmp_path, monkeypatch) -> Place:
    """Returns a home of its own, with a fresh key, for runs in this process."""
    place = Place(tmp_path)
    for name, value in place.environment().items():
        monkeypatch.setenv(name, value)
    Key.generate().save(place.key_path)
    return place


@pytest.fixture(scope="session")
def two_workers(tmp_path_factory) -> tuple[Place, dict[str, bytes]]:
    """Runs the main job, which makes its own key, in two worker processes; returns all that it showed and left."""
    place = Place(tmp_path_factory.mktemp("two_workers"))
    workers = ("--direct_running_mode=multi_processing", "--direct_num_workers=2")
    command = [
        sys.executable,
        "-m",
        "beam.deid",
        "--runner=FnApiRunner",
        f"--output_dir={place.root / 'out'}",
        *SMALL,
        *workers,
    ]
    watcher = Watcher(place.root / "TMPDIR", place.root / "out", place.root / "XDG_STATE_HOME")
    watcher.start()
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **place.environment()}, capture_output=True)
    watcher.stop()
    assert done.returncode == 0, done.stderr
    return place, {"stdout": done.stdout, "stderr": done.stderr, **watcher.seen, **place.files()}
