"""Checks that options make of their values, with one kind of message."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tfdeid.errors import DeidError, unknown_name


def check_known(name: str, value: Any, known: Iterable[str]) -> None:
    """Raises DeidError if a value is none of some names; the message points at the nearest."""
    known = list(known)
    if not isinstance(value, str) or value not in known:
        raise unknown_name(name, str(value), known)


def check_whole(name: str, value: Any, low: int, high: int) -> None:
    """Raises DeidError if a value is no whole number of [low, high]."""
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise DeidError(f"{name} must be a whole number in [{low}, {high}], {name} was {value!r}.")


def checked_number(name: str, value: Any, above: float, highest: float) -> float:
    """Returns a value as a float; raises DeidError if it is no number that is greater than `above` and at most `highest`."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not above < value <= highest:
        raise DeidError(f"{name} must be a number greater than {above:g} and at most {highest:g}, {name} was {value!r}.")
    return float(value)


def check_flag(name: str, value: Any) -> None:
    """Raises DeidError if a value is neither true nor false."""
    if not isinstance(value, bool):
        raise DeidError(f"{name} must be true or false, {name} was {value!r}.")
