"""What an attack of another kind adds to a report: a table, sentences and figures, which all three forms of it show."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any


@dataclasses.dataclass(frozen=True)
class Section:
    """A part of a report. Nothing in it is secret, and `private` apart, nothing names anybody.

    In sentences, names stand between backquotes, which the page sets off.

    Attributes:
      name: what the figures stand under in attack.json.
      title: of the part.
      head: the titles of the table's columns; [] for no table.
      rows: rows of as many cells, of which the first is the row's title.
      sentences: what the table comes to, and how to read it.
      figures: numbers and words for other programs, no pictures.
      private: sentences that name people or show what is written: for the page, which is the owner's alone.
    """

    name: str
    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    sentences: Sequence[str]
    figures: Mapping[str, Any]
    private: Sequence[str] = ()
