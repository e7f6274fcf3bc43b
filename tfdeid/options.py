"""Command lines from dataclasses, with defaults from a configuration file."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

import simple_parsing

from tfdeid.config import check_keys, load_config
from tfdeid.errors import DeidError, unknown_name


class _HelpFormatter(simple_parsing.SimpleHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Keeps the line breaks of the examples, and names a default once, where there is one."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        if action.default is None or "(default" in (action.help or ""):
            return action.help
        return super()._get_help_string(action)


def make_parser(program: str, description: str, examples: str) -> simple_parsing.ArgumentParser:
    """Returns the parser that all commands share: no abbreviations, examples below the options, mistakes as DeidError."""
    parser = simple_parsing.ArgumentParser(
        prog=f"python -m {program}",
        description=description,
        epilog=examples,
        allow_abbrev=False,
        formatter_class=_HelpFormatter,
    )
    parser.error = _raise  # type: ignore[method-assign, assignment]
    return parser


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
      program: the module that is run.
      description: a sentence.
      examples: lines below the options.
      options: the command's own dataclass.
      sections: section of the configuration file -> dataclass.

    Returns:
      An object of each dataclass: options, then sections in their order.

    Raises:
      DeidError: an option is unknown (the message names the nearest), or a value is out of bounds.
    """
    parser = make_parser(program, description, examples)
    parser.add_arguments(options, dest="options")
    for name, values in read_sections(argv, sections).items():
        parser.add_arguments(sections[name], dest=name, default=sections[name](**values))
    parsed, unknown = parser.parse_known_args(argv)
    if unknown and unknown[0].startswith("--"):
        message = str(unknown_name("option", unknown[0].split("=")[0], parser._option_string_actions)).split(" Known:")[0]
        raise DeidError(f"{message} `python -m {program} --help` lists all.")
    if unknown:
        raise DeidError(f"unexpected argument {unknown[0]!r}. Options are written --name value or --name=value.")
    return [getattr(parsed, dest) for dest in ("options", *sections)]


def _raise(message: str) -> None:
    raise DeidError(f"{message}.")
