"""Command lines from dataclasses, with defaults from a configuration file."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

from tfdeid.config import check_keys, load_config
from tfdeid.parser import DataclassHelp, Parser


def read_sections(argv: Sequence[str] | None, sections: Mapping[str, type]) -> dict[str, dict[str, Any]]:
    """Returns the values of the sections in the file that `--config` names, {} for those that it does not have.

    Raises:
      DeidError: the file or a name in it is unknown.
    """
    first = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    first.add_argument("--config")
    reference = first.parse_known_args(argv)[0].config
    found = load_config(reference) if reference is not None else {}
    values = {name: dict(found.get(name, {})) for name in sections}
    for name, dataclass in sections.items():
        check_keys(name, values[name], dataclass)
    return values


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
    for name, values in read_sections(argv, sections).items():
        parser.add_arguments(sections[name], dest=name, default=sections[name](**values))
    parsed = parser.parse(argv)
    return [getattr(parsed, dest) for dest in ("options", *sections)]
