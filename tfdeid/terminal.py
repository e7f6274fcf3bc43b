"""What the commands share: one line an error or a warning, and no greetings of libraries between them."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator

from tfdeid.errors import DeidError


def run_command(program: str, command: Callable[[], int]) -> int:
    """Runs a command and returns its exit code: 2, after one line on standard error, for a mistake that the user can mend."""
    # Before Beam and TensorFlow are imported, which greet with warnings about what this program has no use for.
    logging.getLogger().setLevel(logging.ERROR)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    warnings.showwarning = lambda message, *_, **__: print(f"{program}: warning: {message}", file=sys.stderr)
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    warnings.filterwarnings("ignore", category=FutureWarning)
    try:
        return command()
    except DeidError as error:
        print(f"{program}: error: {error}", file=sys.stderr)
        return 2


@functools.cache
def import_tensorflow() -> None:
    """Imports TensorFlow with its native code's standard error closed: it logs before any log level is in force.

    What Python itself reports, such as a failed import, is raised as ever.
    """
    with _no_native_stderr():
        import tensorflow  # noqa: F401


@contextlib.contextmanager
def _no_native_stderr() -> Iterator[None]:
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(nowhere)
        os.close(kept)
