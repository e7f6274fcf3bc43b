"""What the commands share: one line an error or a warning, and no greetings of libraries between them."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import TextIO

from tfdeid.errors import DeidError, DeidWarning


def run_command(program: str, command: Callable[[], int]) -> int:
    """Runs a command and returns its exit code: 2, after one line on standard error, for a mistake that the user can mend."""
    # Before Beam and TensorFlow are imported, which greet with warnings about what this program has no use for. Errors too are
    # silenced: Beam logs each several times with its traceback, and then raises it.
    logging.getLogger().setLevel(logging.CRITICAL)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    warnings.showwarning = lambda message, *_, **__: print(f"{program}: warning: {message}", file=sys.stderr)
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    warnings.filterwarnings("ignore", category=FutureWarning)
    # Before any filter of the environment (PYTHONWARNINGS): what users need to know is never hidden.
    warnings.filterwarnings("default", category=DeidWarning)
    try:
        return command()
    except DeidError as error:
        print(f"{program}: error: {error}", file=sys.stderr)
        return 2


_DIVERTING = threading.Lock()


def import_tensorflow() -> None:
    """Imports TensorFlow with its native code's standard error closed: it logs before any log level is in force.

    What Python itself reports, such as a failed import, is raised as ever. Safe to call from many threads at once, which would
    otherwise restore each other's standard error.
    """
    with _DIVERTING:
        if "tensorflow" not in sys.modules:
            with divert_stderr(os.devnull):
                import tensorflow  # noqa: F401


@contextlib.contextmanager
def divert_stderr(path: str | os.PathLike[str]) -> Iterator[None]:
    """Sends what native code and child processes write on standard error to a file; this process's `sys.stderr` stays.

    Args:
      path: the file, emptied first; only its owner can read it.
    """
    kept = os.dup(2)
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with open(kept, "w", buffering=1, closefd=False) as terminal:
            replaced = contextlib.redirect_stderr(terminal) if _is_native(sys.stderr) else contextlib.nullcontext()
            os.dup2(file, 2)
            with replaced:
                yield
    finally:
        os.dup2(kept, 2)
        os.close(file)
        os.close(kept)


def _is_native(stream: TextIO) -> bool:
    try:
        return stream.fileno() == 2
    except (OSError, ValueError, AttributeError):  # A test or a notebook has put something else in its place.
        return False
