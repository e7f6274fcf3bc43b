"""Paths and URLs of folders, as people write them: the same from every folder, and none that nothing here reads."""

from __future__ import annotations

import importlib.util
import os
import pathlib
import re
import urllib.parse

from etils import epath

from tfdeid.errors import DeidError
from tfdeid.terminal import import_tensorflow

_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://")
_FILE_URL = re.compile(r"file:(//(localhost)?)?(?=/)", re.IGNORECASE)
# What etils.epath takes for stores (it also takes a local folder /gs/... for one of them), and what each is read by where
# TensorFlow is not installed.
_STORES = {"gs": "gcsfs", "s3": "s3fs", "az": "adlfs", "hf": "huggingface_hub"}


def is_url(text: str) -> bool:
    """Tells whether a text is a URL, of whatever scheme: gs://bucket/data, file:/data."""
    return bool(_URL.match(text) or _FILE_URL.match(text))


def folder_path(text: epath.PathLike, option: str) -> epath.Path:
    """Returns a folder that someone named, as an absolute path.

    Args:
      text: a path, relative or with `~`, or a URL: file:///data, gs://bucket/data.
      option: what it was given as, for errors.

    Raises:
      DeidError: nothing here reads such a URL, or there is no such user.
    """
    text = os.fspath(text)
    if "\0" in text:
        raise DeidError(f"{option} must be a path, {option} was {text!r}.")
    if url := _FILE_URL.match(text):
        return absolute_path(urllib.parse.unquote(text[url.end() :], errors="surrogateescape"))
    if url := _URL.match(text):
        _check_scheme(url["scheme"], f"{option} {text!r}")
        return epath.Path(text)
    expanded = os.path.expanduser(text)
    if text.startswith("~") and expanded == text:
        raise DeidError(f"{option} {text!r}: there is no such user. A folder of that name here is written ./{text}.")
    return absolute_path(expanded)


def local_path(text: epath.PathLike, option: str) -> pathlib.Path:
    """Returns a path on this machine that someone named, as `folder_path` does.

    Raises:
      DeidError: it is in a store, or as for `folder_path`.
    """
    path = str(folder_path(text, option))
    if "://" in path:
        raise DeidError(f"{option} must be on this machine, {option} was {path!r}.")
    return pathlib.Path(path)


def absolute_path(text: str) -> epath.Path:
    """Returns a path of this machine as an absolute one, with the way back (`..`) resolved as the file system does it."""
    # Behind a link, `..` is not where it seems: only the file system knows.
    path = os.path.realpath(text) if os.pardir in text.split("/") else os.path.abspath(text)
    # With two slashes it is the same folder for the system, and none of a store for epath.
    return epath.Path("/" + path if path.split("/")[1] in _STORES else path)


def _check_scheme(scheme: str, what: str) -> None:
    if importlib.util.find_spec("tensorflow") is None:
        if (package := _STORES.get(scheme)) and importlib.util.find_spec(package) is None:
            raise DeidError(f"{what}: {scheme}:// is read by TensorFlow or by {package}, and neither is installed.")
        known = list(_STORES)
    else:
        import_tensorflow()  # Quietly, before `epath` does it to reach the store.
        import tensorflow as tf  # Late: takes seconds, and a local path needs none of it.

        known = [store for store in _STORES if store == "gs" or store in tf.io.gfile.get_registered_schemes()]
    if scheme not in known:
        schemes = ", ".join(f"{store}://" for store in known)
        raise DeidError(f"{what}: {scheme}:// can't be used here. Known: a local path, file://, {schemes}.")


def check_utf8(path: epath.PathLike, what: str) -> None:
    """Raises DeidError for a path that is no UTF-8: TensorFlow opens no other, and nobody could read what lies there."""
    text = os.fspath(path)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise DeidError(f"{what} must have a name in UTF-8, which TensorFlow needs, and it is {text!r}. Rename it.") from None


def default_data_dir() -> epath.Path:
    """Returns TFDS's own data directory."""
    if given := os.environ.get("TFDS_DATA_DIR"):
        return folder_path(given, "TFDS_DATA_DIR")
    if os.path.expanduser("~") == "~":
        raise DeidError("no home folder is known here, and so no default data directory. Give --data_dir and --output_dir.")
    return folder_path("~/tensorflow_datasets", "data_dir")
