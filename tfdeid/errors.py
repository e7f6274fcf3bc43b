"""The errors that tfdeid raises for what a user can mend."""

from __future__ import annotations

import difflib
import re
import sys
import warnings
from collections.abc import Iterable
from typing import Any


class DeidError(ValueError):
    """A mistake that the user can mend.

    The message states the rule, the value it met and what to do. Commands print it as one line, without a traceback.
    """


class DeidWarning(UserWarning):
    """Something that a user should know of work that goes on. Commands print it as one line, whatever the log level."""


def warn(message: str) -> None:
    """Tells the user something: the one channel for it, which commands show. Said once, however often it is raised."""
    warnings.warn(message, DeidWarning, stacklevel=2)


class ImageError(DeidError):
    """One image that cannot be de-identified (corrupt, too large, of an unsupported kind). The run goes on and counts it."""


def reason(error: Exception) -> str:
    """Returns in one line what the system or a library says of an error."""
    said = getattr(error, "strerror", None) or str(getattr(error, "message", error)).strip()
    # TensorFlow adds the operation that failed, and to what Python raises in it the type and a traceback.
    lines = re.sub(r"{{.*?}} *| *\[Op:.*", "", said).removeprefix("DeidError: ").splitlines()
    return lines[0] if lines else type(error).__name__


def loaded_errors(names: Iterable[str]) -> tuple[type[Exception], ...]:
    """Returns errors of other libraries, as far as these are loaded: otherwise nothing can have raised one.

    Args:
      names: each as module:class.
    """
    errors = []
    for name in names:
        module, _, path = name.partition(":")
        place: Any = sys.modules.get(module)
        for part in path.split("."):
            place = getattr(place, part, None)
        if isinstance(place, type) and issubclass(place, Exception):
            errors.append(place)
    return tuple(errors)


def unknown_name(kind: str, name: str, known: Iterable[str]) -> DeidError:
    """Returns the error for an unknown name, which lists the known ones and points at the nearest.

    Args:
      kind: what the name stands for, as in "scheme" or "preset".
      name: the name that was given.
      known: all names that would have been accepted.
    """
    known = sorted(known)
    nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f" Did you mean {nearest[0]!r}?" if nearest else ""
    return DeidError(f"unknown {kind} {name!r}.{hint} Known: {', '.join(known)}.")
