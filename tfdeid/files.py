"""Files that appear under their names only when whole, the check that they still are, and locks."""

from __future__ import annotations

import contextlib
import fcntl
import secrets
from collections.abc import Iterator

import google_crc32c
from etils import epath

from tfdeid.errors import DeidError


def write_text(path: epath.Path, text: str) -> None:
    """Writes a text file, making its folder at need; a reader sees the old content or all of the new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f".{path.name}.incomplete-{secrets.token_hex(4)}"
    with contextlib.ExitStack() as leftovers:
        leftovers.callback(temporary.unlink, missing_ok=True)
        temporary.write_text(text)
        temporary.replace(path)


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


def crc32c(path: epath.Path) -> str:
    """Returns the CRC-32C of a file, 8 hex digits."""
    checksum = google_crc32c.Checksum()
    with path.open("rb") as file:
        for _ in checksum.consume(file, 1 << 20):
            pass
    return checksum.hexdigest().decode()
