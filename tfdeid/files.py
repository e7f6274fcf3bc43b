"""Files that appear under their names only when whole, the check that they still are, and locks."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pathlib
import secrets
from collections.abc import Iterator

import google_crc32c
from etils import epath

from tfdeid.errors import DeidError, loaded_errors

# What stores are read by, and raises errors of its own: TensorFlow where it is installed, else fsspec with gcsfs.
_STORES_ERRORS = (
    "tensorflow:errors.OpError",
    "gcsfs.retry:HttpError",
    "gcsfs.retry:ChecksumError",
    "aiohttp:ClientError",
    "google.auth.exceptions:GoogleAuthError",
)


def is_remote(path: str | os.PathLike[str]) -> bool:
    return "://" in os.fspath(path)


def write_text(path: epath.Path, text: str | bytes, private: bool = False) -> None:
    """Writes a file, making its folder at need; a reader sees the old content or all of the new.

    Args:
      path: the file; local if private. What is there and is none, such as /dev/stdout, is written to as it is.
      text: what it will hold; bytes as they are.
      private: only its owner can read it (0600), at any time.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # To epath, all that is no folder is a file.
    if os.path.exists(path) and not os.path.isfile(path) and not private:
        return _write(path, text)
    temporary = path.parent / f".{path.name}.incomplete-{secrets.token_hex(4)}"
    with contextlib.ExitStack() as leftovers:
        leftovers.callback(temporary.unlink, missing_ok=True)
        if private:
            os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        _write(temporary, text)
        temporary.replace(path)


def _write(path: epath.Path, text: str | bytes) -> None:
    if isinstance(text, bytes):
        path.write_bytes(text)
    else:
        path.write_text(text)


@contextlib.contextmanager
def lock(path: epath.Path, complaint: str) -> Iterator[None]:
    """Keeps other processes of this machine out while a block runs. A killed one holds nothing; object stores have no locks.

    Args:
      path: a file that is made at need and stays.
      complaint: what the error says.

    Raises:
      DeidError: another process is in.
    """
    if "://" in str(path):
        yield
        return
    with open(path, "a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DeidError(complaint) from None
        yield


def storage_errors(*others: type[Exception]) -> tuple[type[Exception], ...]:
    """Returns what is raised where a file can't be read or written, here or in a store, and others."""
    return (OSError, *others, *loaded_errors(_STORES_ERRORS))


def expand(path: str | os.PathLike[str]) -> pathlib.Path:
    """Returns a local path with `~` and `~user` replaced.

    Raises:
      DeidError: there is no such user, or no home folder is known.
    """
    try:
        return pathlib.Path(path).expanduser()
    except RuntimeError:
        raise DeidError(f"{path} begins with ~, and no such home folder is known here. Write the path in full.") from None


def file_size(path: str | os.PathLike[str]) -> int:
    """Returns a file's length in bytes.

    `epath`'s own `stat` also asks for the owner's name, and fails where a file's owner has none, as on NFS or in a container.

    Raises:
      OSError: there is no such file, or it can't be asked for.
    """
    name = os.fspath(path)
    return epath.Path(name).stat().length if "://" in name else os.stat(name).st_size


def file_state(path: epath.Path) -> tuple[int, int]:
    """Returns a file's length in bytes and when it was written: one of another state is another file.

    Raises:
      OSError: as for `file_size`.
    """
    if is_remote(path):
        remote = path.stat()
        return remote.length, int(remote.mtime or 0)
    local = os.stat(path)
    return local.st_size, local.st_mtime_ns


def crc32c(path: epath.Path) -> str:
    """Returns the CRC-32C of a file, 8 hex digits."""
    checksum = google_crc32c.Checksum()
    with path.open("rb") as file:
        for _ in checksum.consume(file, 1 << 20):
            pass
    return checksum.hexdigest().decode()
