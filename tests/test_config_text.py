"""A configuration file means what a person wrote in it, and one that can't be read is one line."""

from __future__ import annotations

import os

import pytest
import yaml

from tests.test_config import SHIPPED
from tfdeid.config import load_config
from tfdeid.data.batches import DataConfig
from tfdeid.data.sources import SourceConfig, open_source
from tfdeid.deidentifier import DeidConfig
from tfdeid.errors import DeidError
from tfdeid.image import encode_png
from tfdeid.options import read_sections
from tfdeid.train.config import TrainConfig

PARTS = {"source": SourceConfig, "deid": DeidConfig, "data": DataConfig, "train": TrainConfig}


ZEROS = "without zeros before it"


@pytest.fixture
def load(tmp_path):
    def call(text: str | bytes):
        path = tmp_path / "c.yaml"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return load_config(str(path), PARTS)

    return call


@pytest.fixture
def error(load):
    def call(text: str | bytes) -> str:
        with pytest.raises(DeidError) as caught:
            load(text)
        assert "\n" not in str(caught.value) and len(str(caught.value)) < 400
        return str(caught.value)

    return call


NAMES = [
    *(
        "yes",
        "no",
        "on",
        "off",
        "Yes",
        "NO",
        "true",
        "False",
        "y",
        "n",
        "null",
        "~",
        "Null",
        "1",
        "02",
        "010",
        "0x1F",
        "0o17",
        "1e3",
    ),
    *(
        "1_000",
        "12:30",
        "190:20:30",
        "2024-01-01",
        "2001-12-14t21:59:43.10-05:00",
        "1.0",
        ".inf",
        ".nan",
        "-1",
        "+1",
        "=",
        "<<",
    ),
    *("Norwegian 'NO'", "a b", "Ünï", "a/b", "50%"),
]


@pytest.mark.parametrize("layout", ["  classes: [{}]", "  classes:\n{}"])
def test_names_are_the_text_that_was_written(load, layout):
    lines = "\n".join(f"  - {name}" for name in NAMES)
    assert load("source:\n" + layout.format(lines if "\n" in layout else ", ".join(NAMES)))["source"]["classes"] == NAMES


def test_quoted_names_are_their_text(load):
    assert load("""source: {classes: ["yes", 'NO', "null", '1', "", "a\\tb"]}""")["source"]["classes"] == [
        *("yes", "NO", "null", "1", "", "a\tb")
    ]


@pytest.mark.parametrize("name", NAMES)
def test_a_lone_name_and_names_as_keys(load, name):
    section = load(f"source:\n  split_sizes: {{{name}: 5}}\n  splits: {name}\n")["source"]
    assert section["split_sizes"] == {name: 5}
    # A lone null is YAML's way to say nothing.
    assert section["splits"] == (None if name in ("null", "~", "Null") else name)


def test_classes_of_such_names_are_chosen(load, tmp_path):
    for name in ("yes", "no", "maybe", "02", "1.0"):
        (tmp_path / "scans" / name).mkdir(parents=True)
        (tmp_path / "scans" / name / "1.png").write_bytes(encode_png_of_one())
    section = load(f"source:\n  dataset: folder:{tmp_path}/scans\n  classes: [yes, no, 02, 1.0]\n")["source"]
    assert open_source(SourceConfig(**section)).label_names == ["02", "1.0", "no", "yes"]


def encode_png_of_one() -> bytes:
    import numpy as np

    return encode_png(np.zeros((2, 2, 1), np.uint8))


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("true", True),
        ("True", True),
        ("yes", True),
        ("ON", True),
        ("false", False),
        ("no", False),
        ("Off", False),
        ("'no'", False),
    ],
)
def test_switches(load, written, meant):
    assert load(f"deid: {{grayscale: {written}}}") == {"deid": {"grayscale": meant}}


@pytest.mark.parametrize(("written", "meant"), [("100", 100), ("+7", 7), ("0", 0), ("1_000_000", 1_000_000), ('"12"', 12)])
def test_whole_numbers(load, written, meant):
    assert load(f"source: {{class_seed: {written}}}") == {"source": {"class_seed": meant}}


@pytest.mark.parametrize(
    ("written", "meant"), [("1e-6", 1e-6), ("1.0e-6", 1e-6), ("1E3", 1e3), ("0", 0.0), (".5", 0.5), ("5.", 5.0), ("-1", -1.0)]
)
def test_numbers(load, written, meant):
    assert load(f"train: {{weight_decay: {written}}}") == {"train": {"weight_decay": meant}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        *(
            (
                f"source:\n  limit: {text}",
                f"line 2: limit must be a whole number in decimal digits, without zeros before it, it was '{text}'",
            )
            for text in ("010", "0x10", "0b11", "1e3", "1.0", "12:30", "ten", "1_0", "yes", "2024-01-01")
        ),
        ("source:\n  split_sizes:\n    train: 0x10", "line 3: split_sizes[train] must be a whole number"),
        ("deid: {bend: maybe}", "line 1: bend must be true or false, it was 'maybe'"),
        ("deid: {bend: 1}", "bend must be true or false, it was '1'"),
        ("train: {weight_decay: 190:20:30}", "weight_decay must be a number, as 0.1 or 1e-6, it was '190:20:30'"),
        ("data: {rotation: .nan}", "rotation must be a number"),
        ("deid:\n  scheme:\n  input_size: 32", "line 2: scheme has no value: write one, or leave the line out."),
        ("source: {classes: [a, , b]}", "line 1"),
        ("source:\n  classes:\n  - a\n  -\n", "classes[1] has no value"),
        ("source: {split_sizes: {train: }}", "split_sizes[train] has no value"),
        ("source: {classes: [[a], b]}", "classes[0] must be one value, it holds list"),
        ("source: {classes: {a: 1}}", "classes must be one value, it holds `key: value` lines"),
        ("source: {dataset: [a, b]}", "dataset must be one value, it holds list"),
        ("source: {split_sizes: [1, 2]}", "split_sizes must hold `name: count` lines, it holds list"),
        ("source: {split_sizes: 3}", "split_sizes must hold `name: count` lines, it holds text"),
        ("source: {dataset: !!python/object:os.system x}", "tags mean nothing here"),
        ("source: {dataset: !name x}", "tags mean nothing here"),
        ("? [a]\n: 1", "a key must be a name, it holds list"),
    ],
)
def test_what_a_field_does_not_take(error, text, message):
    said = error(text)
    assert message in said and "c.yaml, line" in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("deid:\n  scheme: plain\ndeid:\n  scheme: structural\n", "line 3: 'deid' is there already, in line 1."),
        ("deid:\n  input_size: 32\n  bend: true\n  input_size: 50\n", "line 4: 'input_size' is there already, in line 2."),
        ("source:\n  split_sizes: {train: 1, test: 2,\n    'train': 3}\n", "line 3: 'train' is there already, in line 2."),
    ],
)
def test_a_key_that_is_there_twice(error, text, said):
    assert said in error(text)


def test_nothing_is_none_or_the_default(load):
    section = load("source:\n  limit:\n  classes: null\n  data_dir: ~\n  splits:\n")["source"]
    assert (
        section == {"limit": None, "classes": None, "data_dir": None, "splits": None}
        and SourceConfig(**section) == SourceConfig()
    )
    for text in ("", "# nothing\n", "---\n", "null", "deid:\n", "deid: {}\n", "\ufeff"):
        assert not any(load(text).values())


def test_aliases_stand_for_what_they_name(load):
    assert load("deid: {input_size: &size 32, output_size: *size}") == {"deid": {"input_size": 32, "output_size": 32}}


def test_encodings(load, error):
    text = "source:\r\n  classes: [Ünï]\r\n"
    assert load(text.encode("utf-8-sig")) == load(text) == {"source": {"classes": ["Ünï"]}}
    for encoding in ("utf-16", "utf-16-le", "utf-32", "latin-1", "cp1252"):
        assert "Save it as UTF-8" in error(text.encode(encoding))
    assert "line 2 is not" in error(text.encode("latin-1"))
    assert r"line 2: '\x00' has no place in a text file" in error("deid:\n  scheme: pla\0in")
    assert "Save it as UTF-8" in error(bytes(range(256)))


BOMB = "a: &a [x, x, x, x]\n" + "".join(
    f"{b}: &{b} [*{a}, *{a}, *{a}, *{a}]\n" for a, b in zip("abcdefghijklmno", "bcdefghijklmnop")
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("deid:\n\tinput_size: 32\n", "line 2: there is a tab, where YAML takes spaces alone"),
        ("deid:\n  bend: true\n  input_size:\t32\n", "line 3: there is a tab"),
        ("deid: {bend: true}\n---\ndeid: {bend: false}\n", "line 2: a second document begins here"),
        ("deid:\r  bend: true\r  input_size:\t32\r", "line 3: there is a tab"),
        ("deid:\u2028  a: {\n", "line 3: this is not valid YAML"),
        ("deid: {scheme: *unknown}", "line 1: this is not valid YAML: found undefined alias 'unknown'"),
        ("source: {dataset: folder: x}", "line 1: this is not valid YAML"),
        ("deid: {", "this is not valid YAML"),
        ("deid: 'x", "this is not valid YAML"),
        ("[" * 100_000, "nested too deep"),
        ("source: &s {classes: *s}", "line 1"),
        (BOMB, "unknown section in"),
        ("source:\n  classes: &z\n  - " + BOMB.replace("\n", "\n    "), "line 3"),
        ("x" * 1_000_001, "at most 1,000,000 bytes"),
        ("- a\n", "must hold the sections source, deid, data, train; it holds list"),
        ("deid: plain", "section 'deid' of"),
    ],
)
def test_what_is_no_configuration(error, text, said):
    assert said in error(text)


def test_unknown_keys_of_whatever_value_name_the_nearest(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text("source: {clases: [a, [b]]}")
    with pytest.raises(DeidError, match="Did you mean 'classes'"):
        read_sections(["--config", str(path)], {"source": SourceConfig})


def test_files_that_can_not_be_read(tmp_path, monkeypatch):
    (tmp_path / "link.yaml").symlink_to(tmp_path / "absent.yaml")
    (tmp_path / "quick_deid.yaml").mkdir()
    for name, said in (
        ("link.yaml", "is a link to a file that is not there"),
        (".", "can't be read: Is a directory."),
        ("quick_deid.yaml", "can't be read: Is a directory."),
        ("x" * 300, "can't be read: File name too long."),
        ("quick_deed.yaml/x", "unknown configuration file"),
        ("~nosuchuser/x.yaml", "unknown configuration file"),
    ):
        with pytest.raises(DeidError, match=said):
            load_config(f"{tmp_path}/{name}" if name[0] != "~" else name)
    with pytest.raises(DeidError, match="unknown configuration file ''"):
        read_sections(["--config", ""], {"source": SourceConfig})

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", refuse)  # Root may read everything.
    with pytest.raises(DeidError, match="c.yaml can't be read: Permission denied."):
        load_config("c.yaml")


def test_a_pipe_is_a_file(tmp_path):
    read, write = os.pipe()
    os.write(write, b"deid: {bend: true}")
    os.close(write)
    assert load_config(f"/dev/fd/{read}", PARTS) == {"deid": {"bend": True}}
    os.close(read)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_shipped_files_say_what_yaml_says(path):
    ours, theirs = load_config(str(path), PARTS), yaml.safe_load(path.read_text())
    assert ours.keys() == theirs.keys()
    for name, dataclass in PARTS.items():
        assert dataclass(**ours.get(name, {})) == dataclass(**(theirs.get(name) or {}))
