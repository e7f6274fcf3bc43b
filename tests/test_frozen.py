"""What users have made stays what it is: names, identities and pixels of every option, as `frozen.json` has them.

Its figures are this program's own, of 2026-11. They say nothing of what is right, which other tests ask for: only that a
dataset which is resumed, verified or looked up by its name is still the same one. A change of them is a new algorithm version.
New options and schemes add lines: `python -m tests.test_frozen` prints the file with those that it lacks.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import pathlib
import warnings
from typing import Any

import numpy as np
import pytest

from beam.job import Job, plan_shards, run_identity
from tfdeid import DeidConfig, Deidentifier, Key
from tfdeid.data.example import RecordIds
from tfdeid.data.naming import dataset_name
from tfdeid.data.sources import SourceConfig, open_source
from tfdeid.schemes import SCHEMES
from tfdeid.schemes.base import defaults
from tfdeid.schemes.structural import PRESETS

FILE = pathlib.Path(__file__).with_name("frozen.json")
KEY = Key.load("paper")
SMALL = {"input_size": 24, "output_size": 40}
STRUCTURAL: list[dict[str, Any]] = [
    {},
    {"input_size": 32},
    {"output_size": 64},
    *({"preset": preset} for preset in PRESETS if preset != "default"),
    *({"coordinate_decimals": decimals} for decimals in (0, 2)),
    {"grayscale": True},
    {"backend": "cairo"},
    {"preset": "randomsampling2", "seed": 7},
    {"key_scope": "pool:3"},
    {"key_scope": "image"},
    {"axes": "independent"},
    {"colors": "keyed"},
    {"bend": True},
    {"key_scope": "pool:3", "axes": "independent", "colors": "keyed", "bend": True, "coordinate_decimals": 0},
]
BASELINES: list[dict[str, Any]] = [{}, {"input_size": 32}, {"key_scope": "image"}]
CONFIGS: list[dict[str, Any]] = [
    *({**SMALL, **options} for options in STRUCTURAL),
    *({**SMALL, "scheme": "negative_positive", **options} for options in BASELINES),
    *({**SMALL, "scheme": "block_shuffle", **options} for options in (*BASELINES, {"grayscale": True})),
    *({**SMALL, "scheme": "vectorized", **options} for options in ({}, {"preset": "detailed"}, {"grayscale": True})),
    *({**SMALL, "scheme": "plain", **options} for options in ({}, {"grayscale": True})),
    *({**SMALL, "scheme": "pixelate", **options} for options in ({}, {"cells": 7}, {"grayscale": True})),
    *({**SMALL, "scheme": "blur", **options} for options in ({}, {"sigma": 0.3}, {"grayscale": True})),
    *({**SMALL, "scheme": "noise", **options} for options in ({}, {"sigma": 1.5}, {"grayscale": True})),
    *(
        {**SMALL, "scheme": "dp_pix", **options}
        for options in ({}, {"cells": 7, "epsilon": 40.0}, {"m": 3}, {"grayscale": True})
    ),
    {**SMALL, "scheme": "blackout"},
    *({**SMALL, "scheme": "block_permute", **options} for options in (*BASELINES, {"cells": 3}, {"grayscale": True})),
    *({**SMALL, "scheme": "etc", **options} for options in (*BASELINES, {"cells": 8}, {"grayscale": True})),
]
SOURCES: list[dict[str, Any]] = [
    {},
    {"limit": 20},
    {"first": 20},
    {"classes": ("face",)},
    {"num_classes": 1, "class_seed": 3},
    {"split_sizes": {"train": 120, "held_out=train": 30}},
]


def line_of(options: dict[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in options.items())


@functools.cache
def images() -> list[np.ndarray]:
    """Returns an image with every kind of thing that schemes work on, in colour and gray, the same on every machine."""
    down, across = np.indices((60, 50), np.int64)
    color = np.stack([down * across // 11, 3 * down + across, (down // 7 + across // 9) % 2 * 255], -1)
    color[20:40, 10:30] = (200, 30, 90)
    color += np.random.RandomState(0).randint(-9, 10, color.shape)
    picture = color.clip(0, 255).astype(np.uint8)
    return [picture, picture[..., :1]]


def config_of(options: dict[str, Any], version: int = 2) -> DeidConfig:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return DeidConfig(**options, algorithm_version=version)


def pixels_of(config: DeidConfig) -> str:
    digest = hashlib.sha256()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Of canvases, which are no matter here.
        deidentifier = Deidentifier(config, KEY)
        for number, image in enumerate(images()):
            if config.scheme == "negative_positive" and image.shape[2] == 1:
                continue
            digest.update(np.ascontiguousarray(deidentifier(image, f"an id {number}")).tobytes())
    return digest.hexdigest()[:16]


def identity_of(config: DeidConfig, source_config: SourceConfig, **changes: Any) -> str:
    source = open_source(source_config)
    job = Job(
        source=source_config,
        deid=config,
        key_reference="paper",
        fingerprint=KEY.fingerprint,
        output_dir="out",
        dataset=dataset_name(source.name),
        file_format="tfrecord",
        channels=1,
        label_names=tuple(source.label_names or ()),
        source_name=source.name,
        source_version=source.version if config.algorithm_version == 1 else source.stated_version,
        all_label_names=tuple(source.all_label_names or ()),
    )
    num_shards = changes.pop("num_shards", 3)
    return run_identity(plan_shards(dataclasses.replace(job, **changes), source, KEY, num_shards))[:16]


def of_config(options: dict[str, Any], version: int) -> dict[str, Any]:
    config = config_of(options, version)
    return {
        "name": config.name,
        "facts": config.to_dict(),
        "essentials": config.essentials(),
        "identity": identity_of(config, SourceConfig()),
        "pixels": pixels_of(config),
    }


def of_source(options: dict[str, Any], version: int) -> dict[str, Any]:
    config = SourceConfig(**options)
    source = open_source(config)
    ids = RecordIds(KEY, source.name, version)
    examples = [(split, one) for split, size in source.splits.items() for one in source.read(split, 0, min(5, size))]
    return {
        "selection": config.selection(version),
        "splits": dict(source.splits),
        "identity": identity_of(config_of(SMALL, version), config),
        "ids": hashlib.sha256("".join(ids(split, one) for split, one in examples).encode()).hexdigest()[:16],
        "labels": [one.label for _, one in examples],
    }


def of_job(changes: dict[str, Any], version: int) -> dict[str, Any]:
    return {"identity": identity_of(config_of(SMALL, version), SourceConfig(), **changes)}


JOBS: list[dict[str, Any]] = [{"file_format": "array_record"}, {"num_shards": 1}, {"dataset": "mine"}]
KINDS = {"config": (CONFIGS, of_config), "source": (SOURCES, of_source), "job": (JOBS, of_job)}
CASES = [
    (kind, line_of(options), version, options) for kind, (many, _) in KINDS.items() for options in many for version in (1, 2)
]


@functools.cache
def frozen() -> dict[str, Any]:
    return json.loads(FILE.read_text())


def found_for(kind: str, options: dict[str, Any], version: int) -> Any:
    # As it is in a file: tuples are lists there.
    return json.loads(json.dumps(KINDS[kind][1](options, version)))


@pytest.mark.parametrize(("kind", "line", "version", "options"), CASES, ids=[f"{k} {line} v{v}" for k, line, v, _ in CASES])
def test_what_was_made_stays_what_it_is(kind, line, version, options):
    if options.get("backend") == "cairo":
        pytest.importorskip("cairocffi")
    assert found_for(kind, options, version) == frozen()[f"{kind} {line} v{version}"]


def test_every_option_is_frozen():
    ours = [name for name in SCHEMES if not SCHEMES.plugin(name)]
    for scheme in ours:
        known = {name for options in CONFIGS if options.get("scheme", "structural") == scheme for name in options}
        assert known | {"scheme", "key_scope", "grayscale"} >= set(defaults(SCHEMES[scheme])) - {"backend", "seed"}, scheme
    assert {"key_scope", "grayscale", "backend", "seed"} <= {name for options in CONFIGS for name in options}
    assert set(frozen()) == {f"{kind} {line} v{version}" for kind, line, version, _ in CASES}


if __name__ == "__main__":
    lacking = {f"{k} {line} v{v}": (k, o, v) for k, line, v, o in CASES}
    known = frozen() if FILE.exists() else {}
    new = {name: found_for(*case) for name, case in lacking.items() if name not in known}
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(made)}" for name, made in {**known, **new}.items())
    print(f"{{\n{lines}\n}}")
