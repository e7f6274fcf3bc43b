"""Commands to paste: quoted, and meaning the same in every folder."""

from __future__ import annotations

import os
import pathlib
import re
import shlex

from tfdeid.errors import DeidError

# What is no path on this machine: gs://bucket/name, file:///data.
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_KEY_KINDS = ("env:", "gcp-secret:")


def command(*words: object) -> str:
    """Returns a command line for a shell (bash, zsh), on one line and in characters that every terminal shows as they are."""
    return " ".join(map(_quoted, map(str, words)))


def absolute(path: str | os.PathLike[str]) -> str:
    """Returns a path as it is written from every folder; what has a scheme (gs://) is left as it is."""
    text = os.fspath(path)
    if _URL.match(text):
        return text
    text = os.path.expanduser(text)
    # Behind a link, `..` is not where it seems: only the file system knows.
    return os.path.realpath(text) if os.pardir in text.split(os.sep) else os.path.abspath(text)


def absolute_dataset(dataset: str) -> str:
    """Returns a dataset's reference as it is written from every folder: `folder:REL` and paths are absolute, names stay."""
    if dataset.startswith("folder:"):
        return f"folder:{absolute(dataset.removeprefix('folder:'))}"
    is_path = dataset.startswith((".", "~", os.sep)) or (os.sep in dataset and os.path.isdir(dataset))
    return absolute(dataset) if is_path else dataset


def absolute_key(reference: str) -> str:
    """Returns a key's reference as it is written from every folder: a file's is absolute, others stay."""
    return reference if reference == "paper" or reference.startswith(_KEY_KINDS) else absolute(reference)


def local(path: str, option: str) -> pathlib.Path:
    """Returns a path on this machine, `file://` and `~` replaced.

    Raises:
      DeidError: it is elsewhere (gs://).
    """
    text = path.removeprefix("file://")
    if _URL.match(text):
        raise DeidError(f"{option} must be a place on this machine, {option} was {path}.")
    return pathlib.Path(os.path.expanduser(text))


def writable_folder(path: str, option: str) -> pathlib.Path:
    """Returns a folder of this machine, made at need, before minutes are spent on what goes there.

    Raises:
      DeidError: it can't be made or written to.
    """
    folder = local(path, option)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        reason = "" if os.access(folder, os.W_OK | os.X_OK) else "permission denied"
    except OSError as error:
        reason = error.strerror or str(error)
    if reason:
        raise DeidError(f"{path} can't be written: {reason}. Choose another --{option}.")
    return folder


def _quoted(word: str) -> str:
    if word.isprintable():
        return shlex.quote(word)
    # Line ends would break the line, and bytes that are no UTF-8 can't be printed.
    return "$'" + "".join(chr(c) if 32 <= c < 127 and c not in b"'\\" else f"\\{c:03o}" for c in os.fsencode(word)) + "'"
