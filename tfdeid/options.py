"""Command lines from dataclasses, with defaults from a configuration file."""

from __future__ import annotations

import argparse
import dataclasses
import functools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tfdeid.config import check_keys, load_config, parts_of
from tfdeid.errors import DeidError
from tfdeid.parser import DataclassHelp, Parser


def read_sections(argv: Sequence[str] | None, sections: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Returns the values of the sections in the file that `--config` names, {} for those that it does not have.

    Where a section chooses among schemes or the like, what the command line chooses wins over the file.

    Raises:
      DeidError: the file or a name in it is unknown.
    """
    reference = _given(argv, "config")
    written = load_config(reference, sections) if reference is not None else {}
    values = {name: dict(written.get(name, {})) for name in sections}
    for name, filled in sections.items():
        check_keys(name, values[name], filled)
        if hasattr(filled, "CHOICE"):
            field, _ = filled.CHOICE
            chosen = _given(argv, field)
            values[name] |= {} if chosen is None else {field: chosen}
    return values


def add_section(parser: Parser, name: str, filled: Any, values: Mapping[str, Any]) -> None:
    """Adds the options of a section, with its values as defaults; `section_of` returns what they come to.

    Raises:
      DeidError: a value is out of bounds, or is one of an option that what is chosen has not.
    """
    left = dict(values)
    for number, part in enumerate(parts_of(filled, values)):
        # Each by itself: whether all go together shows when the command line has been read too.
        usual = part(**{field.name: left.pop(field.name) for field in dataclasses.fields(part) if field.name in left})
        parser.add_arguments(part, dest=f"{name}_{number}" if number else name, default=usual)
    if hasattr(filled, "CHOICE"):
        field, registry = filled.CHOICE
        chosen = values.get(field, getattr(filled.COMMON, field))
        for option, value in left.items():
            raise DeidError(f"in the file of --config: {registry.no_option(option, chosen, value)}")
        parser.headings[f"{name}_1"] = f"options of the {registry.kind} {chosen}"
        parser.lists.append(functools.partial(_list, filled))


def section_of(parsed: argparse.Namespace, name: str, filled: type) -> Any:
    """Returns what the options of a section came to.

    Raises:
      DeidError: a value is out of bounds, or values do not go together.
    """
    common = getattr(parsed, name)
    if not hasattr(filled, "CHOICE"):
        return common
    own = getattr(parsed, f"{name}_1")
    fields = [field.name for field in dataclasses.fields(common) if field.metadata.get("cmd", True)]
    return filled(**{name: getattr(common, name) for name in fields}, options=own)


def parse(
    argv: Sequence[str] | None, program: str, description: str, examples: str, options: type, sections: Mapping[str, type]
) -> list[Any]:
    """Reads a command line; options on it win over the values of `--config`.

    Args:
      argv: the arguments; None for those of the process.
      program: what is typed to run the command.
      description: a sentence.
      examples: lines below the options.
      options: the command's own dataclass.
      sections: section of the configuration file -> dataclass.

    Returns:
      An object of each dataclass: options, then sections in their order.

    Raises:
      DeidError: an option is unknown (the message names the nearest), or a value is out of bounds.
    """
    parser = Parser(program, description, examples, DataclassHelp)
    parser.add_arguments(options, dest="options")
    values = read_sections(argv, sections)
    for name, filled in sections.items():
        add_section(parser, name, filled, values[name])
    parsed, unknown = parser.parse_known_args(argv)
    if unknown:
        raise unknown_argument(unknown[0], parser, sections, values)
    return [parsed.options, *(section_of(parsed, name, filled) for name, filled in sections.items())]


def unknown_argument(
    argument: str,
    parser: Parser,
    sections: Mapping[str, Any],
    values: Mapping[str, Mapping[str, Any]],
    more_options: Iterable[str] = (),
) -> DeidError:
    """Returns the error for an argument that no option takes: another scheme may have it, or it is a slip.

    Args:
      argument: as it was given.
      parser: the command's.
      sections: as for `parse`.
      values: as `read_sections` returned them.
      more_options: names of options that would have been understood, but for the parser's own.
    """
    given = argument.split("=")[0]
    for name, filled in sections.items():
        if given.startswith("--") and hasattr(filled, "CHOICE"):
            field, registry = filled.CHOICE
            chosen = values[name].get(field, getattr(filled.COMMON, field))
            for option in (given[2:], given[2:].removeprefix("no")):
                if registry.having(option):
                    return registry.no_option(option, chosen)
    return parser.unknown(argument, more_options)


def _given(argv: Sequence[str] | None, name: str) -> str | None:
    """Returns the value of one option, before the others are known."""
    parser = Parser("", add_help=False)
    parser.add_argument(f"--{name}")
    return getattr(parser.parse_known_args(argv)[0], name)


def _list(filled: Any) -> str:
    """Returns a line on each of what a section chooses among."""
    field, registry = filled.CHOICE
    width = max(map(len, registry))
    others = {name: f" (plug-in {registry.plugin(name)})" if registry.plugin(name) else "" for name in registry}
    lines = [f"  {name:{width}}  {registry[name].about}{others[name]}" for name in registry]
    return "\n".join([f"{registry.kind}s, for --{field} (`--{field} NAME --help` shows the options of each):", *lines])
