"""What tests share: real data and reference programs, which are skipped where they are absent and required in CI."""

from __future__ import annotations

import base64
import hashlib
import importlib
import json
import os
import pathlib
import re
import shutil
import subprocess
from typing import Any

import hypothesis
import numpy as np
import pytest
import skimage.data
from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# No test asserts a time: on a busy machine any may take long.
hypothesis.settings.register_profile("tfdeid", deadline=None)
hypothesis.settings.load_profile("tfdeid")


def absent(what: str) -> None:
    """Skips a test for want of something, or fails it where TFDEID_REQUIRE_ORACLES says that nothing may be missing."""
    if os.environ.get("TFDEID_REQUIRE_ORACLES"):
        pytest.fail(f"{what} is missing, but TFDEID_REQUIRE_ORACLES is set")
    pytest.skip(f"needs {what}")


def library(name: str) -> Any:
    """Returns a package that results are checked against."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return absent(f"the package {name}")


@pytest.fixture(scope="session")
def shared_tfds() -> pathlib.Path:
    """Returns the TFDS data directory with real CIFAR-10 and ImageNet samples."""
    path = SHARED / "data" / "tfds"
    if not path.is_dir():
        absent("the data folder ../shared")
    return path


def _images(name: str, split: str, data_dir: pathlib.Path) -> list[np.ndarray]:
    import tensorflow_datasets as tfds

    dataset = tfds.load(name, split=split, data_dir=data_dir, download=False)
    return [example["image"] for example in tfds.as_numpy(dataset)]


@pytest.fixture(scope="session")
def cifar10(shared_tfds) -> list[np.ndarray]:
    """Returns 200 test images, uint8[32, 32, 3], decoded by TFDS."""
    return _images("cifar10", "test[:200]", shared_tfds)


@pytest.fixture(scope="session")
def imagenet(shared_tfds) -> list[np.ndarray]:
    """Returns 20 validation images, uint8[H, W, 3] of uneven sizes, decoded by TFDS."""
    return _images("imagenet2012", "validation[:20]", shared_tfds)


def resized(images: list[np.ndarray], size: int) -> list[np.ndarray]:
    return [np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BICUBIC)) for image in images]


def tiles(count: int, side: int = 48) -> list[np.ndarray]:
    """Returns parts of photographs, uint8[48, 48, 3]: there is more in them than at 32 x 32."""
    photographs = [getattr(skimage.data, name)() for name in ("astronaut", "chelsea", "coffee", "rocket")]
    random, made = np.random.RandomState(0), []
    for k in range(count):
        photograph = photographs[k % 4]
        top, left = (random.randint(length - side) for length in photograph.shape[:2])
        made.append(np.ascontiguousarray(photograph[top : top + side, left : left + side]))
    return made


@pytest.fixture(scope="session")
def imagetracer(tmp_path_factory):
    """Returns a function from images, options and random numbers to the SVG documents of the real imagetracerjs.

    `npm install --no-save imagetracerjs@1.2.6` in the project's folder provides it.
    """
    if shutil.which("node") is None or not (ROOT / "node_modules" / "imagetracerjs").is_dir():
        absent("node and `npm install --no-save imagetracerjs@1.2.6`")
    folder = tmp_path_factory.mktemp("imagetracer")

    def trace(images, options, randoms=None) -> list[str]:
        jobs = []
        for i, image in enumerate(images):
            path = folder / f"{i}.raw"
            path.write_bytes(np.broadcast_to(image, (*image.shape[:2], 3)).tobytes())
            job = {"path": str(path), "width": image.shape[1], "height": image.shape[0], "options": options}
            jobs.append(json.dumps({**job, "randoms": randoms} if randoms is not None else job))
        (folder / "jobs.jsonl").write_text("\n".join(jobs))
        script = ROOT / "tests" / "oracle" / "imagetracer.mjs"
        subprocess.run(["node", script, folder / "jobs.jsonl", folder / "out.json"], cwd=ROOT, check=True)
        documents = json.loads((folder / "out.json").read_text())
        return [re.sub(r'desc="[^"]*" ', "", document) for document in documents]

    return trace


def _faces(folder: pathlib.Path) -> pathlib.Path:
    """De-identifies the bundled sample to uint8[32, 32, 1]; returns the data directory, with the key in it.

    The key is that of the folder's name, so that what a network learns is the same in every run of the tests.
    """
    from beam.deid import run
    from tfdeid.key import Key

    Key(base64.b64encode(hashlib.sha256(folder.name.encode()).digest())).save(folder / "key")
    options = [
        "--runner=FnApiRunner",
        f"--output_dir={folder}",
        f"--key={folder / 'key'}",
        "--num_shards=3",
        "--output_size=32",
    ]
    assert run(options) == 0
    return folder


@pytest.fixture(scope="session")
def faces(tmp_path_factory) -> pathlib.Path:
    """Returns a data directory with lfw_subset_deid/structural_50_32 and its key. Tests must not change it."""
    return _faces(tmp_path_factory.mktemp("faces"))


@pytest.fixture(scope="session")
def faces_of_another_key(tmp_path_factory) -> pathlib.Path:
    return _faces(tmp_path_factory.mktemp("other_faces"))
