"""The images that are timed: real datasets where they are, else photographs that come with scikit-image."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
import pytest
import skimage.data

from tests.conftest import SHARED, resized
from tfdeid.key import Key


@dataclasses.dataclass(frozen=True)
class Setting:
    """One of the paper's settings: `images` are traced at `input_size` and painted at 224 pixels a side."""

    name: str
    input_size: int
    images: list[np.ndarray]


SETTINGS = {"CIFAR-10": (32, 50, 200), "ImageNet": (256, 224, 20)}


@functools.cache
def photographs(size: int, count: int) -> list[np.ndarray]:
    """Returns uint8[size, size, 3] cut at random places, in random sizes, from scikit-image's photographs."""
    random = np.random.default_rng(0)
    sources = [getattr(skimage.data, name)() for name in ("astronaut", "chelsea", "coffee", "rocket")]
    cuts = []
    for k in range(count):
        source = sources[k % len(sources)]
        side = int(random.integers(200, min(source.shape[:2])))
        top, left = (int(random.integers(0, extent - side + 1)) for extent in source.shape[:2])
        cuts.append(np.ascontiguousarray(source[top : top + side, left : left + side]))
    return resized(cuts, size)


@pytest.fixture(scope="session", params=SETTINGS)
def setting(request) -> Setting:
    size, input_size, count = SETTINGS[request.param]
    if (SHARED / "data" / "tfds").is_dir():
        images = request.getfixturevalue({"CIFAR-10": "cifar10", "ImageNet": "imagenet"}[request.param])
    else:
        images = photographs(size, count)
    return Setting(request.param, input_size, images)


@pytest.fixture(scope="session")
def key() -> Key:
    with pytest.warns(UserWarning, match="published"):
        return Key.load("paper")


@pytest.fixture(scope="session")
def prepared(tmp_path_factory) -> tuple[str, str]:
    """Returns the name and the data directory of a de-identified dataset, 224 x 224: 2,000 of CIFAR-10, else the faces."""
    from beam.deid import run

    shared = SHARED / "data" / "tfds"
    name, limits = ("cifar10", ["--limit=2000", f"--data_dir={shared}"]) if shared.is_dir() else ("lfw_subset", [])
    folder = tmp_path_factory.mktemp("prepared")
    Key.generate().save(folder / "key")
    places = [f"--output_dir={folder}", f"--key={folder / 'key'}"]
    assert run(["--runner=FnApiRunner", f"--dataset={name}", "--splits=train", *limits, *places]) == 0
    return f"{name}_deid", str(folder)
