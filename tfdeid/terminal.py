"""What the commands share: one line an error or a warning, and no greetings of libraries between them."""

from __future__ import annotations

import atexit
import contextlib
import errno
import gc
import logging
import os
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Any, TextIO

from tqdm import tqdm

from tfdeid.errors import DeidError, DeidWarning, loaded_errors
from tfdeid.redaction import without_keys

_ADVICE = {
    errno.ENOSPC: "Make room there, or choose another place.",
    errno.EDQUOT: "Make room there, or choose another place.",
    errno.EROFS: "Choose a place that can be written to.",
    errno.EACCES: "Choose another place, or mend its permissions.",
    errno.EPERM: "Choose another place, or mend its permissions.",
    errno.EMFILE: "Raise the limit of this shell: ulimit -n 4096.",
    errno.ENAMETOOLONG: "Choose a shorter one.",
    errno.ESTALE: "Mount it again.",
}
# Of other libraries, if they are loaded: a place that is not there, may not be used or does not answer.
_FOREIGN = (
    *(
        f"tensorflow:errors.{name}Error"
        for name in (
            *("NotFound", "PermissionDenied", "Unauthenticated", "Unavailable", "ResourceExhausted"),
            *("FailedPrecondition", "DeadlineExceeded", "DataLoss", "AlreadyExists", "Aborted"),
        )
    ),
    "gcsfs.retry:HttpError",
    "gcsfs.retry:ChecksumError",
    "aiohttp:ClientError",
    "google.api_core.exceptions:GoogleAPIError",
    "google.auth.exceptions:GoogleAuthError",
)
_HOMELESS = "Could not determine home directory."  # Python's words where a path's ~ or ~user can't be replaced.
_INTERRUPTED = 130  # As shells count it: 128 and the number of the signal.
_NOT_HEARD = 141


def run_command(program: str, command: Callable[[], int]) -> int:
    """Runs a command for its exit code; what went wrong that is no fault of this program is one line on standard error.

    Returns:
      The command's own code; 2 for a mistake that the user can mend, and for what the system refuses; 130 if it was
      interrupted; 141 if nobody listens to standard output any more, as after `| head`.
    """
    # Before Beam and TensorFlow are imported, which greet with warnings about what this program has no use for. Errors too are
    # silenced: Beam logs each several times with its traceback, and then raises it.
    logging.getLogger().setLevel(logging.CRITICAL)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # TensorFlow uses it unasked on some processors only; networks take two thirds of the time.
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    warnings.showwarning = _once(lambda text: _say(f"{program}: warning: {text}"))
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # What libraries have to say is for their own users.
    for category in (DeprecationWarning, PendingDeprecationWarning, FutureWarning):
        warnings.filterwarnings("ignore", category=category)
    # Before any filter of the environment (PYTHONWARNINGS): what users need to know is never hidden.
    warnings.filterwarnings("default", category=DeidWarning)
    exit_quickly()
    with _usable_streams():
        code, said = _outcome(command)
        ending, lost = _outcome(lambda: sys.stdout.flush() or 0)
        code, said = code or ending, said or lost
        if said:
            _say(f"{program}: {said}")
    return code


def exit_quickly() -> None:
    """Has this process end without a search for garbage in all that it has loaded: a second where there are kernels."""
    atexit.unregister(gc.freeze)  # Once is enough.
    atexit.register(gc.freeze)


def _once(say: Callable[[str], None]) -> Callable[..., None]:
    """Returns what shows a warning the first time. Python forgets what it has shown when a library changes the filters."""
    said: set[str] = set()

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        if (text := str(message)) not in said:
            said.add(text)
            say(text)

    return show


def _outcome(command: Callable[[], int]) -> tuple[int, str]:
    """Returns a command's exit code, and what to say; what is a fault of ours is raised."""
    try:
        return command(), ""
    except SystemExit as end:  # The parser's own, after --help.
        return (end.code, "") if isinstance(end.code, int) else (1, str(end.code)) if end.code else (0, "")
    except KeyboardInterrupt:
        return _INTERRUPTED, "interrupted."
    except DeidError as error:
        # One that tells what became of an interrupted piece of work has the interruption for its context.
        return _INTERRUPTED if isinstance(error.__context__, KeyboardInterrupt) else 2, f"error: {error}"
    except MemoryError as error:
        return 2, f"error: memory ran out{f' ({error})' if str(error) else ''}. Do less at once, or free some."
    except _LostOutput as error:
        _silence(sys.stdout)  # Python writes what is left at its end, and would complain.
        if error.errno == errno.EPIPE:
            return _NOT_HEARD, ""
        return 2, f"error: standard output can't be written: {error.strerror}."
    except OSError as error:
        return 2, f"error: {_refusal(error)}"
    except Exception as error:
        if isinstance(error, RuntimeError) and str(error) == _HOMELESS:
            return 2, "error: a path begins with ~, and no such home folder is known here. Write it in full."
        if not isinstance(error, loaded_errors(_FOREIGN)):
            raise
        first = str(getattr(error, "message", None) or error).partition("\n")[0].strip(" .")
        return 2, f"error: a file or service can't be used: {first or type(error).__name__}."


def _refusal(error: OSError) -> str:
    """Returns what the system refused, why, and what to do."""
    reason = (error.strerror or str(error) or type(error).__name__).rstrip(".")
    if error.filename is None:
        if isinstance(error, FileNotFoundError) and not _has_current_folder():
            return "the current folder does not exist any more. Change to another one."
        what = "the system refused"
    else:
        names = [os.fsdecode(name) for name in (error.filename, error.filename2) if isinstance(name, str | bytes)]
        what = f"{' or '.join(names) or error.filename} can't be used"
    return f"{what}: {reason}. {_ADVICE.get(error.errno or 0, '')}".rstrip()


def _has_current_folder() -> bool:
    try:
        return bool(os.getcwd())
    except OSError:
        return False


def _say(text: str) -> None:
    """Writes one line to standard error; a progress bar there goes on below it."""
    tqdm.write(" ".join(text.splitlines()), file=sys.stderr)


def _silence(stream: TextIO) -> None:
    """Lets a stream that can't be written lead nowhere."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
        stream.flush()


class _LostOutput(OSError):
    """Standard output can't be written."""


class _Stdout:
    """Standard output as commands use it: what goes wrong there is told from what goes wrong with files."""

    def __init__(self, stream: TextIO):
        self._stream = stream

    def write(self, text: str) -> int:
        return self._checked(self._stream.write, text)

    def flush(self) -> None:
        self._checked(self._stream.flush)

    def _checked(self, function: Callable[..., Any], *arguments: str) -> Any:
        try:
            return function(*arguments)
        except OSError as error:
            raise _LostOutput(error.errno, error.strerror) from error

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _Stderr:
    """Standard error as commands use it: that nobody can hear it changes nothing, and no key's text gets through."""

    def __init__(self, stream: TextIO):
        self._stream = stream

    def write(self, text: str) -> int:
        try:
            self._stream.write(without_keys(text))
        except (OSError, ValueError):
            _silence(self._stream)
        return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except (OSError, ValueError):
            _silence(self._stream)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def _usable_streams() -> Iterator[None]:
    """Makes standard output and error take whatever is written to them, also where they are closed or can't spell it."""
    _occupy_descriptors()
    before = sys.stdout, sys.stderr
    with open(os.devnull, "w", errors="backslashreplace") as nowhere:
        sys.stdout = _Stdout(before[0] or nowhere)  # type: ignore[assignment]
        sys.stderr = _Stderr(before[1] or nowhere)  # type: ignore[assignment]
        if hasattr(before[0], "reconfigure"):
            before[0].reconfigure(errors="backslashreplace")
        try:
            yield
        finally:
            sys.stdout, sys.stderr = before


def _occupy_descriptors() -> None:
    """Opens descriptors of standard streams that are closed: the next file would get their numbers, and others' words."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # Takes the lowest number that is free.


_DIVERTING = threading.Lock()


def import_tensorflow() -> None:
    """Imports TensorFlow with its native code's standard error closed: it logs before any log level is in force.

    What Python itself reports, such as a failed import, is raised as ever. Safe to call from many threads at once, which would
    otherwise restore each other's standard error.
    """
    with _DIVERTING:
        if "tensorflow" not in sys.modules:
            with divert_stderr(os.devnull):
                import tensorflow  # noqa: F401  # Late: it takes seconds, and is to be quiet.


def import_tensorflow_for_attackers() -> None:
    """Imports TensorFlow, as quietly, for networks of attackers, which no other backend trains.

    Raises:
      DeidError: Keras has another backend.
    """
    if (backend := os.environ.get("KERAS_BACKEND", "tensorflow")) != "tensorflow":
        raise DeidError(
            f"networks of attackers are trained on TensorFlow alone, KERAS_BACKEND was {backend!r}: unset it for this command."
        )
    import_tensorflow()


def import_keras(fitting: str | None = None) -> None:
    """Imports Keras and its backend, which the environment variable KERAS_BACKEND names, as quietly as `import_tensorflow`.

    Args:
      fitting: the backend to take where none is named, and none is loaded yet.

    Raises:
      DeidError: the backend is not installed.
    """
    if fitting and "keras" not in sys.modules:
        os.environ.setdefault("KERAS_BACKEND", fitting)
    backend = os.environ.get("KERAS_BACKEND", "tensorflow")
    if backend == "tensorflow":
        import_tensorflow()
    try:
        import keras  # noqa: F401  # Late: it takes seconds.
    except ModuleNotFoundError as error:
        raise DeidError(
            f"KERAS_BACKEND is {backend!r}, and {error.name} is not installed: pip install 'tfdeid[{backend}]'."
        ) from None


@contextlib.contextmanager
def divert_stderr(path: str | os.PathLike[str]) -> Iterator[None]:
    """Sends what native code and child processes write on standard error to a file; this process's `sys.stderr` stays.

    Args:
      path: the file, emptied first; only its owner can read it.
    """
    _occupy_descriptors()
    with contextlib.ExitStack() as leftovers:
        kept = os.dup(2)
        leftovers.callback(os.close, kept)
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        leftovers.callback(os.close, file)
        terminal = leftovers.enter_context(open(kept, "w", buffering=1, errors="backslashreplace", closefd=False))
        if _is_native(sys.stderr):
            leftovers.enter_context(contextlib.redirect_stderr(_Stderr(terminal)))
        leftovers.callback(os.dup2, kept, 2)
        os.dup2(file, 2)
        yield


def _is_native(stream: TextIO) -> bool:
    try:
        return stream.fileno() == 2
    except (OSError, ValueError, AttributeError):  # A test or a notebook has put something else in its place.
        return False
