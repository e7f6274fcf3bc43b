"""`tfdeid SUBCOMMAND`: thin wrappers on the Python API."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import NoReturn

from tfdeid.errors import DeidError, unknown_name
from tfdeid.key import Key, default_key_path


class _Parser(argparse.ArgumentParser):
    """Reports mistakes as DeidError, so that all commands print errors in one way."""

    def error(self, message: str) -> NoReturn:
        raise DeidError(f"{message}. `{self.prog} --help` lists what there is.")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a subcommand; returns the exit code, 2 after a mistake that the user can mend."""
    try:
        return _run(list(sys.argv[1:] if argv is None else argv))
    except DeidError as error:
        print(f"tfdeid: error: {error}", file=sys.stderr)
        return 2


def _run(argv: list[str]) -> int:
    parser = _Parser(prog="tfdeid", description="Structural image de-identification for TFDS datasets.", allow_abbrev=False)
    subparsers = parser.add_subparsers(dest="command", metavar="SUBCOMMAND", required=True)
    _add_keygen(subparsers)
    if argv and not argv[0].startswith("-") and argv[0] not in subparsers.choices:
        raise unknown_name("subcommand", argv[0], subparsers.choices)
    arguments = parser.parse_args(argv)
    return arguments.function(arguments)


def _add_keygen(subparsers: argparse._SubParsersAction) -> None:
    keygen = subparsers.add_parser(
        "keygen", help="write a new key", description="Write a new key to a file that only you can read."
    )
    keygen.add_argument("--output", default=str(default_key_path()), help="the new file (default: %(default)s)")
    keygen.set_defaults(function=_keygen)


def _keygen(arguments: argparse.Namespace) -> int:
    key = Key.generate()
    try:
        key.save(arguments.output)
    except FileExistsError:
        raise DeidError(f"{arguments.output} exists, and keys are never overwritten. Choose another --output.") from None
    except OSError as error:
        raise DeidError(f"{arguments.output} can't be written: {error.strerror}.") from None
    print(f"wrote {arguments.output} (fingerprint {key.fingerprint}). Keep it: nothing else can repeat or check what it makes.")
    print(f"next: python -m beam.deid --key {arguments.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
