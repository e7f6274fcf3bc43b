"""Configuration files."""

from __future__ import annotations

import pytest

from tests.conftest import ROOT
from tfdeid import DeidConfig, DeidError
from tfdeid.config import check_keys, load_config
from tfdeid.data.batches import DataConfig
from tfdeid.data.naming import dataset_name
from tfdeid.data.sources import SourceConfig
from tfdeid.experiments.scale import QUICK
from tfdeid.train.config import TrainConfig

PARTS = {"source": SourceConfig, "deid": DeidConfig, "data": DataConfig, "train": TrainConfig}
SHIPPED = sorted((ROOT / "configs").glob("*.yaml"))


def test_sections(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text("deid: {input_size: 32}\ntrain:\n")
    assert load_config(str(path), PARTS) == {"deid": {"input_size": 32}, "train": {}}
    path.write_text("")
    assert load_config(str(path)) == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("deit: {}", "Did you mean 'deid'"),
        ("deid: [1]", "'deid' of .* must hold `key: value` lines; it holds list"),
        ("just words", "must hold the sections"),
        ("deid: {", "not valid YAML"),
    ],
)
def test_mistakes(tmp_path, text, message):
    (tmp_path / "c.yaml").write_text(text)
    with pytest.raises(DeidError, match=message):
        load_config(str(tmp_path / "c.yaml"))


def test_missing_file_names_the_nearest():
    with pytest.raises(DeidError, match=r"cifar10_structural_50\.yaml"):
        load_config("cifar10_structral_50.yaml")


def test_unknown_keys_name_the_nearest():
    check_keys("deid", {"input_size": 1}, DeidConfig)
    with pytest.raises(DeidError, match="unknown key in section 'deid' 'input_sise'.* Did you mean 'input_size'"):
        check_keys("deid", {"input_sise": 1}, DeidConfig)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_a_shipped_experiment_is_whole(path):
    """Every section is valid, its data are what its de-identification makes, and its commands name the file itself."""
    sections = load_config(str(path), PARTS)
    for name, dataclass in PARTS.items():
        check_keys(name, sections.get(name, {}), dataclass)
    source, deid, data, train = (dataclass(**sections.get(name, {})) for name, dataclass in PARTS.items())
    commands = [line for line in path.read_text().splitlines() if line.startswith("#   python -m")]
    assert len(commands) == 2
    assert data.dataset == f"{dataset_name(source.dataset)}/{deid.name}"
    assert deid.output_size >= 75 or train.model != "InceptionResNetV2"
    assert all(f"--config configs/{path.name}" in command for command in commands)
    assert load_config(path.name, PARTS) == load_config(f"configs/{path.name}", PARTS) == sections


@pytest.mark.parametrize("path", [path for path in SHIPPED if path.stem.startswith("quick_")], ids=lambda path: path.name)
def test_a_quick_trial_is_that_of_a_comparison(path):
    options = dict(option.removeprefix("--").split("=") for option in QUICK.recipe.for_images(50_000))
    sections = load_config(str(path), PARTS)
    ours = {**sections["train"], **{name: value for name, value in sections["data"].items() if name != "dataset"}}
    assert {name: str(value) for name, value in ours.items()} == {
        name: str(type(ours[name])(value)) for name, value in options.items()
    }
    deid = DeidConfig(**sections["deid"])
    assert deid.output_size == QUICK.trained_size(deid)
