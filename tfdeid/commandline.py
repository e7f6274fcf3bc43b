"""Commands to paste: quoted, and meaning the same in every folder."""

from __future__ import annotations

import contextlib
import os
import pathlib
import shlex
from collections.abc import Iterator

from tfdeid.errors import DeidError, reason
from tfdeid.paths import folder_path, local_path

_KEY_KINDS = ("env:", "gcp-secret:")


def command(*words: object) -> str:
    """Returns a command line for a shell (bash, zsh), on one line and in characters that every terminal shows as they are."""
    return " ".join(map(_quoted, map(str, words)))


def absolute(path: str | os.PathLike[str]) -> str:
    """Returns a path as it is written from every folder; what has a scheme (gs://) is left as it is.

    Raises:
      DeidError: as for `tfdeid.paths.folder_path`.
    """
    return os.fspath(folder_path(path, "path"))


def absolute_key(reference: str) -> str:
    """Returns a key's reference as it is written from every folder: a file's is absolute, others stay."""
    return reference if reference == "paper" or reference.startswith(_KEY_KINDS) else absolute(reference)


def writable_folder(path: str, option: str) -> pathlib.Path:
    """Returns a folder of this machine, made at need, before minutes are spent on what goes there.

    Raises:
      DeidError: it can't be made or written to.
    """
    folder = local_path(path, option)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        refusal = "" if os.access(folder, os.W_OK | os.X_OK) else "permission denied"
    except OSError as error:
        refusal = reason(error)
    if refusal:
        raise DeidError(f"{path} can't be written: {refusal}. Choose another --{option}.")
    return folder


@contextlib.contextmanager
def writing(place: str | os.PathLike[str], option: str) -> Iterator[None]:
    """Turns what the system refuses while results are written into one error, which names the option that says where.

    Raises:
      DeidError: they can't be written.
    """
    try:
        yield
    except OSError as error:
        raise DeidError(f"{os.fspath(place)} can't be written: {reason(error)}. Choose another --{option}.") from None


def _quoted(word: str) -> str:
    if word.isprintable():
        return shlex.quote(word)
    # Line ends would break the line, and bytes that are no UTF-8 can't be printed.
    return "$'" + "".join(chr(c) if 32 <= c < 127 and c not in b"'\\" else f"\\{c:03o}" for c in os.fsencode(word)) + "'"
