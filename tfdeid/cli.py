"""`tfdeid SUBCOMMAND`: the commands of `tfdeid.commands`, each imported when it is asked for."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

from tfdeid.errors import unknown_name
from tfdeid.parser import Parser
from tfdeid.terminal import run_command

# Module of `tfdeid.commands` -> what it does.
COMMANDS = {
    "keygen": "write a new key",
    "preview": "paint a picture of what de-identification does",
    "measure": "choose an input size by how much of the images is left to see",
    "deid": "de-identify an image dataset and write it as a TFDS dataset (python -m beam.deid)",
    "verify": "check that a de-identified dataset is whole, and what your key makes of the source",
    "train": "train a network on a prepared TFDS dataset (python -m tfdeid.train)",
    "evaluate": "test the network of a training run (python -m tfdeid.evaluate)",
    "classify": "de-identify private images and let a trained network classify them",
    "fhe": "let a trained network classify encrypted images, and say what that costs",
    "attack": "try what an adversary would recover of a de-identified dataset",
    "compare": "compare methods on your own dataset: accuracy, and what attackers get",
    "reproduce": "run the paper's experiments, and print its tables beside ours",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a subcommand; returns the exit code, 2 after a mistake that the user can mend."""
    return run_command("tfdeid", lambda: _run(list(sys.argv[1:] if argv is None else argv)))


def _run(argv: list[str]) -> int:
    if argv and argv[0] in COMMANDS:
        return importlib.import_module(f"tfdeid.commands.{argv[0]}").run(argv[1:], f"tfdeid {argv[0]}")
    if argv and not argv[0].startswith("-"):
        raise unknown_name("subcommand", argv[0], COMMANDS)
    parser = Parser("tfdeid", "Structural image de-identification for TFDS datasets.")
    subparsers = parser.add_subparsers(metavar="SUBCOMMAND", required=True)
    for name, summary in COMMANDS.items():
        subparsers.add_parser(name, help=summary)
    parser.parse(argv)
    return 0


if __name__ == "__main__":
    sys.exit(main())
