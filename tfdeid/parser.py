"""The one parser of all commands: options from dataclasses, or one by one."""

from __future__ import annotations

import argparse
import dataclasses
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn

import simple_parsing

from tfdeid.errors import DeidError, unknown_name


class DataclassHelp(simple_parsing.SimpleHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """For options from dataclasses: keeps the line breaks of the examples, and names a default once, where there is one."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        if action.default is None or "(default" in (action.help or ""):
            return action.help
        return super()._get_help_string(action)


class Parser(simple_parsing.ArgumentParser):
    """Reports mistakes as DeidError, so that all commands print them in one way; options are written in full.

    Args:
      prog: what is typed to run the command, as in "tfdeid train".
      description: a sentence or two.
      epilog: what stands below the options.
      formatter_class: how help is laid out.
      add_help: whether --help is an option.
    """

    def __init__(
        self,
        prog: str,
        description: str | None = None,
        epilog: str | None = None,
        formatter_class: type[argparse.HelpFormatter] = argparse.HelpFormatter,
        add_help: bool = True,
    ):
        super().__init__(
            prog=prog,
            description=description,
            epilog=epilog,
            allow_abbrev=False,
            formatter_class=formatter_class,
            add_help=add_help,
        )
        self._owners: dict[str, Any] = {}
        self.headings: dict[str, str] = {}  # Of groups of options from dataclasses, by their destination.
        # Texts above the epilog, made where help is shown: to list schemes, all of them have to be imported.
        self.lists: list[Callable[[], str]] = []

    def format_help(self) -> str:
        self._preprocessing()  # Makes the groups.
        for group in self._action_groups:
            if made := re.fullmatch(r"\w+ \['(\w+)'\]", group.title or ""):
                group.title = self.headings.get(made[1], made[1])
        epilog, self.epilog = self.epilog, "\n\n".join([*filter(None, (text() for text in self.lists)), self.epilog or ""])
        try:
            return super().format_help()
        finally:
            self.epilog = epilog

    def add_arguments(self, dataclass: Any, *arguments: Any, **options: Any) -> Any:
        """Adds options from a dataclass.

        Raises:
          DeidError: one is there already: a plug-in has called an option of its own like one of the command's.
        """
        for field in dataclasses.fields(dataclass):
            owner = self._owners.setdefault(field.name, dataclass)
            if owner is not dataclass and field.metadata.get("cmd", True):
                whose = f"{dataclass.__module__}.{dataclass.__qualname__}"
                raise DeidError(
                    f"the option --{field.name} of {whose} is one of {self.prog} already. Have it call its option otherwise."
                )
        return super().add_arguments(dataclass, *arguments, **options)

    def error(self, message: str) -> NoReturn:
        raise DeidError(f"{message}. `{self.prog} --help` lists all." if self.prog else f"{message}.")

    def parse(self, argv: Sequence[str] | None) -> argparse.Namespace:
        """Returns what a command line gives.

        Args:
          argv: the arguments; None for those of the process.

        Raises:
          DeidError: an argument is unknown or can't be read.
        """
        parsed, unknown = self.parse_known_args(argv)
        if unknown:
            raise self.unknown(unknown[0])
        return parsed

    def unknown(self, argument: str, more_options: Iterable[str] = ()) -> DeidError:
        """Returns the error for an argument that means nothing. The nearest option is named, the list is left to --help.

        Args:
          argument: as it was given.
          more_options: names of options that would have been understood, but for the parser's own.
        """
        if not argument.startswith("--"):
            return DeidError(f"unexpected argument {argument!r}. Options are written --name value or --name=value.")
        known = [*self._option_string_actions, *more_options]
        message = str(unknown_name("option", argument.split("=")[0], known)).split(" Known:")[0]
        return DeidError(f"{message} `{self.prog} --help` lists all.")
