"""Where prepared datasets lie: their folders by name, version and data directory."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
from collections.abc import Iterator
from typing import Any

from etils import epath

from tfdeid.data.shard_report import REPORTS
from tfdeid.errors import DeidError, reason, unknown_name
from tfdeid.files import storage_errors
from tfdeid.paths import absolute_path, default_data_dir, folder_path, is_url

FEATURES = "features.json"
_NAME = re.compile(r"(?P<name>\w+)(/(?P<config>[^/:]+))?(:(?P<version>[\w.*]+))?")


class MissingDatasetError(DeidError):
    """There is no such dataset; other errors are about one that is there."""


@contextlib.contextmanager
def read_errors(what: object) -> Iterator[None]:
    """Turns what a disk or a store says while it is read into one clear error."""
    try:
        yield
    except storage_errors() as error:
        raise DeidError(f"{what} can't be read: {reason(error)}.") from error


def dataset_folder(dataset: epath.PathLike, data_dir: epath.PathLike | None = None) -> epath.Path:
    """Returns the folder that holds a prepared dataset, with its features.json.

    Args:
      dataset: `name`, `name/config`, `name:version` or `name/config:version`; or the folder that holds it, or one above with
        no other configuration in it. Without a config, it is the default or only one; without a version, the highest. Versions
        may have wildcards (`3.*.*`).
      data_dir: TFDS data directory; None for TFDS's own.

    Raises:
      MissingDatasetError: there is no dataset of that name.
      DeidError: it is not finished, the folder holds none, or it is neither a name nor a folder.
    """
    root = default_data_dir() if data_dir is None or data_dir == "" else folder_path(data_dir, "data_dir")
    with read_errors(root):
        return _dataset_folder(os.fspath(dataset), root)


def _dataset_folder(text: str, root: epath.Path) -> epath.Path:
    if text.startswith(("/", ".", "~")) or is_url(text):
        folder = folder_path(text, "dataset")
        if prepared := _find(folder):
            return prepared
        raise _no_dataset(text, folder)
    parts = _NAME.fullmatch(text)
    if parts and (prepared := _find(root / parts["name"], parts["config"], parts["version"])):
        return prepared
    for folder in (root / text, absolute_path(text)) if text else ():
        if prepared := _find(folder):
            return prepared
    if not parts and text and absolute_path(text).exists():
        raise _no_dataset(text, absolute_path(text))
    if not parts:
        raise DeidError(
            "a dataset must be name, name/config, name:version or name/config:version, or a folder that holds one, got "
            f"{text!r}"
        )
    _check_finished(text, root / text.split(":")[0])
    hint = "Nothing is downloaded: prepare it (tfds build), or name its folder by data_dir."
    known = sorted(_prepared(root))
    if not known:
        raise MissingDatasetError(f"dataset {text!r} is not prepared: there is no dataset in {root}. {hint}")
    raise MissingDatasetError(f"{unknown_name('dataset', text, known)} Looked in {root}. {hint}")


def open_folder(folder: epath.Path) -> Any:
    """Returns TFDS's builder of the dataset in a folder.

    Raises:
      DeidError: its metadata is damaged.
    """
    import tensorflow_datasets as tfds  # Late: takes seconds.

    try:
        return tfds.builder_from_directory(folder)
    except Exception as error:  # TFDS lets through whatever the parsers of its files raise.
        reason = getattr(error, "strerror", None) or (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise DeidError(f"the metadata of {folder} can't be read: {reason}. Prepare the dataset again.") from error


def _find(folder: epath.Path, config: str | None = None, version: str | None = None) -> epath.Path | None:
    """Returns the folder of a dataset: the given one, or that of a configuration and version below it."""
    if config is None and version is None and (folder / FEATURES).exists():
        return folder
    if config := config or _default_config(folder):
        folder = folder / config
    versions = [known for known in _versions(folder) if not version or known.match(version)]
    return folder / str(max(versions)) if versions else None


def _no_dataset(text: str, folder: epath.Path) -> DeidError:
    """Returns the error for a path that leads to no dataset."""
    if not folder.exists():
        return DeidError(f"there is no folder {text!r} that could hold a dataset.")
    if not folder.is_dir():
        return DeidError(f"a dataset is a folder, and {text!r} is a file. Give the folder that has {FEATURES} in it.")
    _check_finished(text, folder)
    below = sorted(_prepared(folder))
    hint = f"Below it are: {', '.join(below)}. Name one." if below else f"A dataset's folder has {FEATURES} in it."
    return DeidError(f"{text!r} is not the folder of one dataset. {hint}")


def _check_finished(dataset: str, folder: epath.Path) -> None:
    """Raises DeidError if there are shards of ours in a folder or below it, and not yet a dataset."""
    for place in (folder, *_folders(folder), *(inner for outer in _folders(folder) for inner in _folders(outer))):
        if (place / REPORTS).is_dir() and not (place / FEATURES).exists():
            raise DeidError(
                f"the dataset {dataset!r} is not complete. The command that made {place} goes on with --mode=resume."
            )


def _folders(folder: epath.Path) -> Iterator[epath.Path]:
    """Yields the folders in a folder, but those whose names begin with a dot or an underscore: such are no datasets."""
    with read_errors(folder):
        entries = sorted(folder.iterdir()) if folder.is_dir() else []
    yield from (entry for entry in entries if not entry.name.startswith((".", "_")) and entry.is_dir())


def _versions(folder: epath.Path) -> list[Any]:
    import tensorflow_datasets as tfds  # Late: takes seconds.

    valid = [entry for entry in _folders(folder) if tfds.core.Version.is_valid(entry.name)]
    for entry in valid:  # What may not be looked into has no files, as far as `exists` can tell.
        if "://" not in str(entry) and not os.access(entry, os.R_OK | os.X_OK):
            raise DeidError(f"{entry} can't be read: {os.strerror(errno.EACCES)}.")
    return [tfds.core.Version(entry.name) for entry in valid if (entry / FEATURES).exists()]


def _default_config(folder: epath.Path) -> str | None:
    """Returns the config that a bare name stands for; None if there are none, or none is the default."""
    try:
        default = json.loads((folder / ".config" / "metadata.json").read_text()).get("default_config_name")
    except (OSError, ValueError, AttributeError):  # Where it is damaged, as where there is none, a single config will do.
        default = None
    if isinstance(default, str) and _versions(folder / default):
        return default
    if _versions(folder):
        return None
    configs = [entry.name for entry in _folders(folder) if _versions(entry)]
    return configs[0] if len(configs) == 1 else None


def _prepared(root: epath.Path) -> Iterator[str]:
    """Yields the names of all prepared datasets, as a user would give them."""
    for dataset in _folders(root):
        yield from (f"{dataset.name}:{version}" for version in _versions(dataset))
        for config in _folders(dataset):
            yield from (f"{dataset.name}/{config.name}:{version}" for version in _versions(config))
