"""YAML configuration files: sections of named values, each checked against the dataclass that it fills.

What was written counts, not what YAML makes of it, to which `no` is false, 010 is eight and 12:30 is 750: a value is read as
what its field takes, and names stay the text that they are in the file.
"""

from __future__ import annotations

import dataclasses
import importlib.resources
import os
import pathlib
import re
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import yaml

from tfdeid.errors import DeidError, unknown_name

# Every command reads its own sections and checks the names of all, so that one file can describe a whole experiment.
SECTIONS = ("source", "deid", "data", "train")
_MAX_BYTES = 1_000_000
# What YAML takes plain text for, which does not count.
_TAGS = ("str", "int", "float", "bool", "null", "timestamp", "merge", "value")
_NOTHING = ("", "~", "null", "Null", "NULL")
_WORDS = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_WHOLE = re.compile(r"[-+]?(0|[1-9][0-9]*|[1-9][0-9]{0,2}(_[0-9]{3})+)")
_DECIMAL = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")


def load_config(reference: str, sections: Mapping[str, type] | None = None) -> dict[str, dict[str, Any]]:
    """Reads a configuration file.

    Args:
      reference: a path, or the name of a file that ships with the package, as `lfw_subset.yaml`.
      sections: for the sections whose values count, the dataclass that is filled with them (see `parts_of`).

    Returns:
      For each section that the file has, its keys and values: what the field's type makes of them, and in other sections text.

    Raises:
      DeidError: the file is missing, is no YAML, has an unknown section or a key twice, or a value is not of its field's type.
    """
    root = _parse(_read(reference), reference)
    if root is None or _is_nothing(root):
        return {}
    if not isinstance(root, yaml.MappingNode):
        raise DeidError(f"{reference} must hold the sections {', '.join(SECTIONS)}; it holds {_kind(root)}.")
    content: dict[str, dict[str, Any]] = {}
    for name, node in _items(root, reference):
        if name not in SECTIONS:
            raise unknown_name(f"section in {reference}", name, SECTIONS)
        if not isinstance(node, yaml.MappingNode) and not _is_nothing(node):
            raise DeidError(f"section {name!r} of {reference} must hold `key: value` lines; it holds {_kind(node)}.")
        items = dict(_items(node, reference)) if isinstance(node, yaml.MappingNode) else {}
        filled = (sections or {}).get(name)
        said = {
            key: value.value for key, value in items.items() if isinstance(value, yaml.ScalarNode) and not _is_nothing(value)
        }
        hints = {} if filled is None else _hints(filled, said)
        # What is no field's name is refused by `check_keys`.
        content[name] = {
            key: _Value(key, value, reference).read(hints[key]) if key in hints else _as_text(value)
            for key, value in items.items()
        }
    return content


def parts_of(section: Any, values: Mapping[str, Any]) -> tuple[type, ...]:
    """Returns the dataclasses whose fields a section has, with some values.

    They are one, or two where a field chooses among schemes or the like: then the section's class says by `CHOICE` which field
    that is and among what it chooses, and by `COMMON` which dataclass has the fields that are there whatever it says; the class
    that is chosen has further ones in its `Options`.

    Raises:
      DeidError: what is chosen is unknown.
    """
    if not hasattr(section, "CHOICE"):
        return (section,)
    field, registry = section.CHOICE
    return (section.COMMON, registry[values.get(field, getattr(section.COMMON, field))].Options)


def check_keys(section: str, values: Mapping[str, Any], filled: Any) -> None:
    """Raises DeidError if a key of the section is no field of what it fills; the message names the nearest field."""
    known = [
        field.name for part in parts_of(filled, values) for field in dataclasses.fields(part) if field.metadata.get("cmd", True)
    ]
    for key in values:
        if key in known:
            continue
        if hasattr(filled, "CHOICE"):
            name, registry = filled.CHOICE
            if registry.having(key):
                raise registry.no_option(key, values.get(name, getattr(filled.COMMON, name)))
        raise unknown_name(f"key in section {section!r}", str(key), known)


def _hints(filled: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the types of a section's fields."""
    return {name: hint for part in parts_of(filled, values) for name, hint in typing.get_type_hints(part).items()}


def number(name: str, value: Any) -> float:
    """Returns a value of a file or an option as a float: YAML takes numbers such as 1e-6, without a point, for text.

    Raises:
      DeidError: it is none.
    """
    try:
        return float(value)
    except (TypeError, ValueError):
        raise DeidError(f"{name} must be a number, it was {value!r}.") from None


def experiment_on(dataset: str) -> str | None:
    """Returns the name of the shipped configuration file that makes and trains on a dataset `name/config`, if there is one."""
    for path in sorted(_shipped().iterdir(), key=lambda path: path.name) if _shipped().is_dir() else []:
        if path.name.endswith(".yaml") and load_config(path.name).get("data", {}).get("dataset") == dataset:
            return path.name
    return None


def _shipped() -> Any:
    shipped = importlib.resources.files("tfdeid") / "configs"
    # In a source tree the folder lies beside the package.
    return shipped if shipped.is_dir() else pathlib.Path(__file__).parents[1] / "configs"


def _read(reference: str) -> str:
    path = os.path.expanduser(reference)
    try:
        with open(path, "rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        if os.path.islink(path):
            raise DeidError(f"{reference} is a link to a file that is not there.") from None
        data = _read_shipped(reference)
    except OSError as error:
        raise DeidError(f"{reference} can't be read: {error.strerror}.") from None
    if len(data) > _MAX_BYTES:
        raise DeidError(f"a configuration file has at most {_MAX_BYTES:,} bytes, and {reference} has more.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise DeidError(f"{reference} must be text in UTF-8, line {line} is not. Save it as UTF-8.") from None


def _read_shipped(reference: str) -> bytes:
    # A path such as configs/x.yaml, pasted from the README, works outside the source tree too.
    candidate = _shipped() / pathlib.Path(reference).name
    if candidate.is_file():
        return candidate.read_bytes()
    known = [entry.name for entry in _shipped().iterdir() if entry.name.endswith(".yaml")] if _shipped().is_dir() else []
    raise unknown_name("configuration file", reference, known)


def _parse(text: str, reference: str) -> yaml.Node | None:
    """Returns what YAML's grammar sees in a text, before it makes anything else of it; None for nothing."""
    try:
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.reader.ReaderError as error:
        where = _place(reference, text[: error.position].count("\n"))
        raise DeidError(f"{where}: {chr(error.character)!r} has no place in a text file. Save it as UTF-8.") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line if error.problem_mark else 0
        if error.problem == "but found another document":
            problem = "a second document begins here, and a configuration file is one. Write it in two files"
        elif "\t" in (text.splitlines() or [""])[: line + 1][-1]:
            problem = "there is a tab, where YAML takes spaces alone. Use spaces"
        else:
            problem = f"this is not valid YAML: {error.problem}"
        raise DeidError(f"{_place(reference, line)}: {problem}.") from None
    except RecursionError:
        raise DeidError(f"{reference} is not valid YAML for us: it is nested too deep.") from None


def _place(reference: str, line: int) -> str:
    return f"{reference}, line {line + 1}"


def _items(node: yaml.MappingNode, reference: str) -> Iterator[tuple[str, yaml.Node]]:
    """Yields keys, as they are written, and values.

    Raises:
      DeidError: a key is there twice, of which YAML would take the last, or is no text.
    """
    seen: dict[str, int] = {}
    for key, value in node.value:
        line = key.start_mark.line
        if not isinstance(key, yaml.ScalarNode):
            raise DeidError(f"{_place(reference, line)}: a key must be a name, it holds {_kind(key)}.")
        if key.value in seen:
            raise DeidError(f"{_place(reference, line)}: {key.value!r} is there already, in line {seen[key.value] + 1}.")
        seen[key.value] = line
        yield key.value, value


def _as_text(node: yaml.Node) -> str:
    return node.value if isinstance(node, yaml.ScalarNode) else _kind(node)


def _kind(node: yaml.Node) -> str:
    kinds: dict[type, str] = {yaml.SequenceNode: "list", yaml.MappingNode: "`key: value` lines"}
    return kinds.get(type(node), "text")


def _is_nothing(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.style is None and node.value in _NOTHING


@dataclasses.dataclass(frozen=True)
class _Value:
    """A value of a file.

    Attributes:
      name: its key.
      node: what is written.
      reference: the file.
    """

    name: str
    node: yaml.Node
    reference: str

    def read(self, hint: Any) -> Any:
        """Returns the value as a field's type has it.

        Raises:
          DeidError: it is none of that type.
        """
        wanted = typing.get_args(hint) if typing.get_origin(hint) in (types.UnionType, typing.Union) else (hint,)
        origins = [typing.get_origin(kind) for kind in wanted]
        if _is_nothing(self.node):
            if types.NoneType not in wanted:
                raise self._error("has no value: write one, or leave the line out.")
            return None
        if isinstance(self.node, yaml.SequenceNode) and tuple in origins:
            return [_Value(f"{self.name}[{k}]", node, self.reference)._text() for k, node in enumerate(self.node.value)]
        if isinstance(self.node, yaml.MappingNode) and Mapping in origins:
            several = _items(self.node, self.reference)
            return {key: _Value(f"{self.name}[{key}]", node, self.reference)._as(int) for key, node in several}
        if tuple in origins:
            return self._text()  # A lone name is easily meant.
        if Mapping in origins:
            raise self._error(f"must hold `name: count` lines, it holds {_kind(self.node)}.")
        return self._as(next((kind for kind in (bool, int, float) if kind in wanted), str))

    def _as(self, kind: type) -> Any:
        text = self._text()
        rule, holds, make = _RULES[kind]
        if not holds(text):
            raise self._error(f"must be {rule}, it was {text!r}.")
        return make(text)

    def _text(self) -> str:
        if not isinstance(self.node, yaml.ScalarNode):
            raise self._error(f"must be one value, it holds {_kind(self.node)}.")
        if self.node.tag.removeprefix("tag:yaml.org,2002:") not in _TAGS:
            raise self._error(f"has the tag {self.node.tag}, and tags mean nothing here. Quote the text if it begins with !.")
        if self.node.style is None and not self.node.value:
            raise self._error("has no value: write one, or leave the line out.")
        return self.node.value

    def _error(self, problem: str) -> DeidError:
        return DeidError(f"{_place(self.reference, self.node.start_mark.line)}: {self.name} {problem}")


_RULES: dict[type, tuple[str, Callable[[str], Any], Callable[[str], Any]]] = {
    bool: ("true or false", lambda text: text.lower() in _WORDS, lambda text: _WORDS[text.lower()]),
    int: ("a whole number in decimal digits, without zeros before it", _WHOLE.fullmatch, int),
    float: ("a number, as 0.1 or 1e-6", _DECIMAL.fullmatch, float),
    str: ("text", lambda text: True, str),
}
