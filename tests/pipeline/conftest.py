"""What the pipeline's tests share: a home of their own, a key, and one finished run of the bundled sample."""

from __future__ import annotations

import os
import pathlib

import numpy as np
import pytest
from PIL import Image

from beam.deid import run
from tests.pipeline import fake_gs
from tests.pipeline.content import Record, content
from tests.pipeline.launching import FOLDER, OPTIONS, launcher
from tfdeid.key import Key


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch) -> pathlib.Path:
    """Keeps keys, logs and lists of failures of the tests away from the user's."""
    # Compiled kernels may be shared.
    monkeypatch.setenv("XDG_CACHE_HOME", os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"))
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(scope="session")
def key_path(tmp_path_factory) -> pathlib.Path:
    path = tmp_path_factory.mktemp("key") / "key"
    Key.generate().save(path)
    return path


@pytest.fixture
def deid(key_path, tmp_path):
    """Returns a function that runs the pipeline into `tmp_path / "out"` with the options it is given."""

    def call(*options: str, key=key_path) -> int:
        return run(["--runner=FnApiRunner", f"--output_dir={tmp_path / 'out'}", f"--key={key}", *options])

    return call


@pytest.fixture(scope="session")
def sample(tmp_path_factory, key_path) -> pathlib.Path:
    """Returns a data directory that holds the de-identified sample, 4 shards a split. Tests must not change it."""
    out = tmp_path_factory.mktemp("sample")
    assert run(["--runner=FnApiRunner", f"--output_dir={out}", f"--key={key_path}", "--num_shards=4"]) == 0
    return out


@pytest.fixture
def start(key_path, tmp_path):
    """Returns a function that starts runs in processes of their own, into `tmp_path / "out"`."""
    with launcher(key_path, tmp_path) as start:
        yield start


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory, key_path) -> dict[str, list[Record]]:
    """Returns what such a run writes."""
    folder = tmp_path_factory.mktemp("undisturbed")
    assert run(["--runner=FnApiRunner", f"--key={key_path}", f"--output_dir={folder}", *OPTIONS]) == 0
    return content(folder / FOLDER)


@pytest.fixture
def class_folders(tmp_path) -> pathlib.Path:
    """Returns a folder of three images in each of the classes a and b."""
    random = np.random.RandomState(0)
    for label in ("a", "b"):
        (tmp_path / "scans" / label).mkdir(parents=True)
        for i in range(3):
            Image.fromarray(random.randint(0, 256, (40, 30, 3), np.uint8)).save(tmp_path / "scans" / label / f"{i}.png")
    return tmp_path / "scans"


@pytest.fixture
def storage(monkeypatch) -> fake_gs.FakeStorage:
    """Returns what gs:// leads to in a test: an empty storage in memory, with a bucket named `bucket`."""
    return fake_gs.install(monkeypatch)
