"""Configuration files."""

from __future__ import annotations

import pathlib

import pytest

from tfdeid import DeidConfig, DeidError
from tfdeid.config import check_keys, load_config
from tfdeid.data.sources import SourceConfig

SHIPPED = sorted((pathlib.Path(__file__).parents[1] / "configs").glob("*.yaml"))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_files_are_valid_and_begin_with_their_command(path):
    sections = load_config(str(path))
    SourceConfig(**sections["source"])
    DeidConfig(**sections["deid"])
    assert f"--config configs/{path.name}" in path.read_text()
    assert load_config(path.name) == load_config(f"configs/{path.name}") == sections


def test_sections(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text("deid: {input_size: 32}\ntrain:\n")
    assert load_config(str(path)) == {"deid": {"input_size": 32}, "train": {}}
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
    with pytest.raises(DeidError, match=r"cifar10_structural\.yaml"):
        load_config("cifar10_structral.yaml")


def test_unknown_keys_name_the_nearest():
    check_keys("deid", {"input_size": 1}, DeidConfig)
    with pytest.raises(DeidError, match="unknown key in section 'deid' 'input_sise'.* Did you mean 'input_size'"):
        check_keys("deid", {"input_sise": 1}, DeidConfig)
