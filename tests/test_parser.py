"""The parser of all commands."""

from __future__ import annotations

import dataclasses

import pytest

from tfdeid.errors import DeidError
from tfdeid.parser import Parser


@dataclasses.dataclass
class Common:
    """What all have"""

    limit: int = 1
    """A number."""


@dataclasses.dataclass
class Own:
    """What a plug-in adds"""

    limit: int = 2
    """Another number."""


def test_an_option_of_a_plugin_that_is_there_already_is_an_error_that_names_it():
    parser = Parser("tfdeid deid")
    parser.add_arguments(Common, dest="common")
    with pytest.raises(DeidError, match=r"the option --limit of tests.test_parser.Own is one of tfdeid deid already"):
        parser.add_arguments(Own, dest="own")


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("--limt=3", "unknown option '--limt'. Did you mean '--limit'? `tfdeid deid --help` lists all."),
        ("3", "unexpected argument '3'. Options are written --name value or --name=value."),
        ("--limit=x", "argument --limit: invalid int value: 'x'. `tfdeid deid --help` lists all."),
        ("--lim=3", "unknown option '--lim'. Did you mean '--limit'? `tfdeid deid --help` lists all."),
    ],
)
def test_mistakes_are_errors_that_name_the_nearest(argument, said):
    parser = Parser("tfdeid deid")
    parser.add_arguments(Common, dest="common")
    with pytest.raises(DeidError) as caught:
        parser.parse([argument])
    assert str(caught.value) == said
