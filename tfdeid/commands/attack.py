"""`tfdeid attack`: tries what an adversary would recover of a dataset, for its owner."""

from __future__ import annotations

from collections.abc import Sequence

from tfdeid.attack.command import add_attack
from tfdeid.parser import Parser


def run(argv: Sequence[str], program: str) -> int:
    subparsers = Parser(program.partition(" ")[0]).add_subparsers()
    add_attack(subparsers)
    arguments = subparsers.choices["attack"].parse(argv)
    return arguments.function(arguments)
