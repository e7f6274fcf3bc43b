"""Where TensorFlow is not installed, as in the image of Dataflow's workers, de-identification works and gives the same."""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.conftest import ROOT
from tests.pipeline.content import content
from tests.pipeline.launching import FOLDER, OPTIONS, SHARDS

# Python runs this at the start of every process, those of workers too: there is no such package to be found.
ABSENT = """
import importlib.machinery, os, sys
class Finder:
    @staticmethod
    def find_spec(name, *arguments):
        absent = name.partition(".")[0] in os.environ["ABSENT"].split()
        return None if absent else importlib.machinery.PathFinder.find_spec(name, *arguments)
sys.meta_path[sys.meta_path.index(importlib.machinery.PathFinder)] = Finder
"""
# What gs:// leads to is in the process's memory. It is put there as gcsfs puts itself, whose file system is fsspec's as well.
_STORE = """
import fsspec, importlib.machinery, pathlib, sys, types
from fsspec.implementations.memory import MemoryFileSystem
class Store(MemoryFileSystem):
    protocol = ("gs", "gcs")
    store, pseudo_dirs = {}, [""]
    @classmethod
    def _strip_protocol(cls, path):
        return "/" + path.removeprefix("gs://").strip("/")
for protocol in Store.protocol:
    fsspec.register_implementation(protocol, Store, clobber=True)
sys.modules["gcsfs"] = module = types.ModuleType("gcsfs")
module.__spec__ = importlib.machinery.ModuleSpec("gcsfs", None)
from beam.deid import main
place = pathlib.Path(sys.argv.pop(1))
for path in place.rglob("*"):
    if path.is_file():
        with fsspec.open(f"gs://bucket/tfds/{path.relative_to(place)}", "wb") as file:
            file.write(path.read_bytes())
code = main()
again = main()
for name, file in Store.store.items():
    path = pathlib.Path.cwd() / name.strip("/")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(file.getvalue())
sys.exit(code or again)
"""


@pytest.fixture
def absent(tmp_path):
    """Returns a function that runs Python in `tmp_path` where TensorFlow, or what it is told, can't be imported.

    It gives what is said.
    """
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(ABSENT)

    def call(*arguments: str, without: str = "tensorflow") -> str:
        command = [sys.executable, *arguments]
        environment = {**os.environ, "PYTHONPATH": f"{tmp_path / 'site'}:{os.getcwd()}", "ABSENT": without}
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=240)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return call


def test_it_is_absent(absent):
    assert "None" in absent("-c", "import importlib.util; print(importlib.util.find_spec('tensorflow'))")


@pytest.mark.parametrize("options", [(), ("--direct_running_mode=multi_processing", "--direct_num_workers=2")])
def test_launcher_and_workers_write_the_same_shards(absent, options, key_path, tmp_path, undisturbed):
    said = absent("-m", "beam.deid", f"--key={key_path}", f"--output_dir={tmp_path / 'out'}", *OPTIONS, *options)
    assert "read 200 = written 200 + failed 0" in said
    assert content(tmp_path / "out" / FOLDER) == undisturbed


def test_array_records_of_a_tfds_dataset(absent, sample, key_path, tmp_path, deid):
    given = ["--dataset=lfw_subset_deid", f"--data_dir={sample}", "--limit=20", "--file_format=array_record", *OPTIONS]
    absent("-m", "beam.deid", f"--key={key_path}", f"--output_dir={tmp_path / 'lean'}", *given)
    assert deid(*given) == 0
    found, usual = (
        {path.name: path.read_bytes() for path in (tmp_path / out).rglob("*.array_record-*") if path.suffix != ".json"}
        for out in ("lean", "out")
    )
    assert found == usual and len(found) == SHARDS


def test_a_store_is_read_and_written_by_fsspec(absent, sample, key_path, tmp_path, deid):
    given = ["--dataset=lfw_subset_deid", "--limit=20", *OPTIONS]
    (tmp_path / "in_a_store.py").write_text(_STORE)
    places = ["--data_dir=gs://bucket/tfds", "--output_dir=gs://bucket/out", "--runner=FnApiRunner", f"--key={key_path}"]
    assert "already complete" in absent("in_a_store.py", str(sample), *given, *places)
    assert deid(*given, f"--data_dir={sample}") == 0
    (found, usual) = (next(place.rglob("features.json")).parent for place in (tmp_path / "bucket" / "out", tmp_path / "out"))
    assert content(found) == content(usual) != {}


def closure(requirements: list[Requirement]) -> set[str]:
    """Returns the names of the distributions that are installed here of what is required, and of what that requires."""
    found: set[tuple[str, frozenset[str]]] = set()
    while requirements:
        required = requirements.pop()
        key = canonicalize_name(required.name), frozenset(required.extras)
        if key in found:
            continue
        try:
            further = importlib.metadata.requires(required.name) or []
        except importlib.metadata.PackageNotFoundError:
            continue
        found.add(key)
        for one in map(Requirement, further):
            if any(one.marker is None or one.marker.evaluate({"extra": extra}) for extra in (*required.extras, "")):
                requirements.append(one)
    return {name for name, _ in found}


def test_what_the_workers_image_installs_is_what_a_worker_needs(absent, sample, key_path, tmp_path):
    lines = (ROOT / "dataflow" / "requirements.txt").read_text().splitlines()
    required = [Requirement(line) for line in lines if not line.startswith("#")]
    installed = closure(list(required)) | {"tfdeid", "pip", "setuptools"}
    modules = importlib.metadata.packages_distributions()
    others = [name for name, owners in modules.items() if not installed & {canonicalize_name(owner) for owner in owners}]
    assert {"tensorflow", "keras", "skimage", "matplotlib", "jax"} <= {*others}
    code = "import sys; from beam.deid import main; code = main(); print(*sys.modules); sys.exit(code)"
    options = ["--dataset=lfw_subset_deid", f"--data_dir={sample}", "--limit=9", "--file_format=array_record"]
    places = [f"--output_dir={tmp_path / 'out'}", f"--key={key_path}"]
    said = absent("-c", code, *options, *places, without=" ".join(others))
    loaded = {canonicalize_name(owner) for name in said.split() for owner in modules.get(name, ())}
    for_google = {"google-cloud-secret-manager", "gcsfs"}
    assert {canonicalize_name(one.name) for one in required} - for_google <= loaded


def test_a_store_that_nothing_reads_is_one_line(absent, key_path):
    code = "import sys; sys.modules['gcsfs'] = None; from beam.deid import main; sys.exit(main() != 2)"
    said = absent("-c", f"import sys; sys.stderr = sys.stdout; {code}", "--output_dir=gs://bucket/out", f"--key={key_path}")
    assert "gs:// is read by TensorFlow or by gcsfs, and neither is installed" in said and "Traceback" not in said


def test_other_commands(absent, sample, key_path, tmp_path):
    def command(*arguments: str) -> str:
        return absent("-m", "tfdeid.cli", *arguments)

    assert "fingerprint" in command("keygen", "--output=new_key")
    command("preview", "--dataset=lfw_subset", "--num_images=2", f"--key={key_path}")
    assert (tmp_path / "preview.png").exists()
    command("measure", "--dataset=lfw_subset", "--num_images=2", "--sizes=24", f"--key={key_path}")
    said = command("verify", "lfw_subset_deid", f"--data_dir={sample}", "--source=lfw_subset", f"--key={key_path}")
    assert "200" in said
