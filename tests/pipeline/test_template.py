"""The images and the Flex Template fit the program: real options, values that it takes, versions that it allows."""

from __future__ import annotations

import json
import re

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from beam import options
from tests.conftest import ROOT
from tfdeid.schemes import SCHEMES
from tfdeid.schemes.base import defaults

TEMPLATE = json.loads((ROOT / "dataflow" / "metadata.json").read_text())
PARAMETERS = {parameter["name"]: parameter for parameter in TEMPLATE["parameters"]}
DOCKERFILE = (ROOT / "Dockerfile").read_text()
# For each parameter what it must take and what it must refuse.
EXAMPLES = {
    "dataset": (
        ["cifar10", "imagenet2012:5.*.*", "a/b:1.0.0", "folder:gs://bucket/scans", "wds:gs://bucket/{0..9}.tar"],
        ["", "folder:/data", "gs://b/x", "a b", "parquet:/data/*.parquet", "wds:gs://bucket"],
    ),
    "data_dir": (["gs://bucket/tfds", "gs://bucket"], ["/data", "s3://bucket/x", "gs://"]),
    "output_dir": (["gs://bucket/deid"], ["/data", "bucket"]),
    "key": (
        ["gcp-secret:projects/p-1/secrets/my_key/versions/3", "gcp-secret:projects/p/secrets/s/versions/latest"],
        ["paper", "env:KEY", "/keys/key", "gcp-secret:projects/p", "jX4ZXXmM3qTgAjez/1j/EVz5tCcmQ711bz8hqIMJap0="],
    ),
    "sdk_container_image": (
        ["us-docker.pkg.dev/p/r/worker:1", "gcr.io/p/w", "localhost:5000/w:a"],
        ["worker", "a b/c", "-x/y"],
    ),
    "splits": (["train", "train,test"], ["train,", "train test"]),
    "image_feature": (["image", "left/image"], ["", " image"]),
    "label_feature": (["label", "attributes/Male", "none"], ["", " label"]),
    "limit": (["1", "100"], ["0", "-1", "1.5"]),
    "config": (["imagenet139_structural.yaml"], ["gs://b/c.yaml", "x.yml"]),
    "name": (["scans", "scans_2"], ["Scans", "2", "a-b"]),
    "scheme": (["structural", "plain"], ["Structural", "structural,plain"]),
    "input_size": (["50"], ["0", "x"]),
    "output_size": (["224"], ["", "224x224"]),
    "preset": (["default", "posterized2"], ["Default", "a b"]),
    "coordinate_decimals": (["0", "1"], ["-1", "10"]),
    "grayscale": (["true", "false"], ["True", "1"]),
    "seed": (["0", "7"], ["-1"]),
    "key_scope": (["dataset", "image", "pool:64"], ["images", "pool", "pool:x", "pool:0", "pool:99999"]),
    "axes": (["shared", "independent"], ["both"]),
    "colors": (["own", "keyed"], ["gray"]),
    "bend": (["false", "true"], ["True", "1"]),
    "file_format": (["tfrecord", "array_record"], ["parquet"]),
    "num_shards": (["2503"], ["0"]),
    "mode": (["fail", "resume", "overwrite"], ["go"]),
    "max_failed_ratio": (["0", "0.001", "1"], ["2", "1.5", "-0.1"]),
    "number_of_worker_harness_threads": (["2"], ["0"]),
    "autoscaling_algorithm": (["THROUGHPUT_BASED", "NONE"], ["FAST"]),
}


def matches(name: str, value: str) -> bool:
    return all(re.fullmatch(regex, value) for regex in PARAMETERS[name]["regexes"])


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_parameter(name):
    parameter = PARAMETERS[name]
    assert parameter["label"] and parameter["helpText"].endswith(".")
    good, bad = EXAMPLES[name]
    assert [value for value in good if not matches(name, value)] == []
    assert [value for value in bad if matches(name, value)] == []


def test_the_program_takes_all_of_them():
    """All at once, as the launcher passes them, and each of their values."""
    first = {name: good[0] for name, (good, _) in EXAMPLES.items()} | {"config": "lfw_subset.yaml"}
    for name, value in [(name, value) for name, (good, _) in EXAMPLES.items() if name != "config" for value in good]:
        together = {"scheme": "negative_positive", "grayscale": "false"} if value == "image" else {}
        given = first | together | {name: value}
        others = defaults(SCHEMES["structural"]).keys() - defaults(SCHEMES[given["scheme"]]).keys()
        given = {key: text for key, text in given.items() if key not in others}
        run, source, deid, rest = options.parse([f"--{key}={text}" for key, text in given.items()])
        taken = {**deid.to_dict(), **vars(source), **vars(run)}
        if name not in ("sdk_container_image", "number_of_worker_harness_threads", "autoscaling_algorithm"):
            assert str(taken[name]).lower() == value.lower() or float(taken[name]) == float(value)
            assert not [option for option in rest if option.startswith(f"--{name}=")]
        else:
            assert f"--{name}={value}" in rest


def test_what_cannot_be_left_out():
    needed = {name for name, parameter in PARAMETERS.items() if not parameter.get("isOptional")}
    assert needed == {"dataset", "output_dir", "key", "sdk_container_image"}


def argument(name: str) -> str:
    return re.search(rf"^ARG {name}=(.+)$", DOCKERFILE, re.MULTILINE).group(1)


def test_the_images_have_versions_that_the_package_allows():
    setup = (ROOT / "setup.py").read_text()
    required = [Requirement(text) for text in re.findall(r'^\s+"([a-z_-]+[^"]*)",\s+#', setup, re.MULTILINE)]
    beams = [requirement for requirement in required if requirement.name == "apache-beam"]
    assert beams and all(argument("BEAM_VERSION") in beam.specifier for beam in beams)
    python = re.search(r'python_requires="(.+?)"', setup).group(1)
    assert f"{argument('PYTHON_VERSION')}.0" in SpecifierSet(python)
    assert f"python{argument('PYTHON_VERSION').replace('.', '')}-template-launcher-base" in argument("LAUNCHER_BASE")


def test_the_images_hold_what_they_need_and_no_more():
    copied = [line.split()[1:-1] for line in DOCKERFILE.splitlines() if line.startswith("COPY") and "--from" not in line]
    sources = {source for line in copied for source in line}
    assert all((ROOT / source).exists() for source in sources) and "." not in sources
    sent = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert {source.split("/")[0] for source in sources} == sent
    assert DOCKERFILE.index('ENTRYPOINT ["/opt/apache/beam/boot"]') < DOCKERFILE.index("AS launcher")
