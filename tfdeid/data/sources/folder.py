"""Images in folders: one folder a class, or no classes."""

from __future__ import annotations

import concurrent.futures
import errno
import functools
import hashlib
import os
import stat
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import BinaryIO, cast

import google_crc32c
import numpy as np
from etils import epath

from tfdeid import image
from tfdeid.commandline import absolute
from tfdeid.data.sources.base import Example, Store
from tfdeid.data.sources.files import AT_ONCE, SPLIT_NAMES
from tfdeid.errors import DeidError, ImageError
from tfdeid.files import file_size, is_remote
from tfdeid.paths import folder_path

_HEAD = 1 << 16
_LAYOUTS = "PATH/split/class/*.jpg, PATH/class/*.jpg, PATH/split/*.jpg (no labels) or PATH/*.jpg (no labels)"
# The feature that says which folder an image lies in.
_FOLDER = "folder"
_NAMED = 5


@dataclass(frozen=True)
class _Folder:
    """What a folder holds, sorted by name. Subfolders without images are left out."""

    files: list[str] = field(default_factory=list)  # image files
    folders: dict[str, _Folder] = field(default_factory=dict)


@dataclass
class _LeftOut:
    """What a scan passes over."""

    kinds: Counter[str] = field(default_factory=Counter)  # by file name extension
    others: Counter[str] = field(default_factory=Counter)
    empty: list[str] = field(default_factory=list)  # folders without images
    unreadable: list[str] = field(default_factory=list)  # folders, with the reason

    def sentences(self) -> list[str]:
        counts = [f"{count:,} {kind}" for kind, count in sorted(self.kinds.items())]
        said = [f"files that are no images by their extension: {', '.join(counts)}"] if counts else []
        said += [f"{count:,} {what}" for what, count in sorted(self.others.items())]
        said += [f"folders without images: {_some(self.empty)}"] if self.empty else []
        return said + ([f"folders that can't be read: {_some(self.unreadable)}"] if self.unreadable else [])


class FolderStore(Store):
    """PATH/split/class/*.jpg or PATH/class/*.jpg (split "train"); PATH/split/*.jpg or PATH/*.jpg without labels.

    A folder of PATH that holds images is a class, unless all such folders have names that are common for splits (train, test,
    val, ...). The classes of all splits together, sorted, are the labels. Examples are sorted by class, then by file name.

    A file counts as an image by its extension, of the kinds that `tfdeid.image` reads. Other files, names that start with a
    dot and folders that can't be read are left out, which `notes` says. PATH may be remote (gs://).

    Raises:
      DeidError: PATH is no folder, can't be read, holds no images, or mixes the layouts.
    """

    name, argument = "folder", "PATH"
    notes_warn = True
    states_version = False

    def __init__(self, path: str):
        super().__init__(path)
        root = folder_path(path, "dataset folder:")
        # Resolving takes every path for a local one, and would put a remote one below the current folder.
        self.root = root if is_remote(root) else root.resolve()
        if not self.root.is_dir():
            raise DeidError(f"dataset folder:{path} must name a folder, and {self.root} is none")
        left_out = _LeftOut()
        try:
            tree = _scan(self.root, left_out, depth=2)
        except OSError as error:
            raise DeidError(f"dataset folder:{path} can't be read: {error.strerror or error}.") from error
        self._left_out = left_out.sentences()
        self._label_names, self._files = _layout(tree, path)

    @classmethod
    def absolute(cls, rest: str, data_dir: str | None = None) -> str:
        return absolute(rest)

    @property
    def source_name(self) -> str:
        return self.root.name

    @property
    def is_remote(self) -> bool:
        return is_remote(self.root)

    @property
    def label_names(self) -> list[str] | None:
        return self._label_names

    @functools.cached_property
    def notes(self) -> list[str]:
        """What of the folder has no place in the output."""
        return [f"left out of {self.root}: {'; '.join(self._left_out)}"] if self._left_out else []

    @functools.cached_property
    def sizes(self) -> dict[str, int]:
        return {split: len(files) for split, files in self._files.items()}

    @functools.cached_property
    def version(self) -> str:
        """A hash of all files' relative paths, sizes and first 64 KB: what datasets of algorithm version 1 know a folder by."""
        files = [file for split in self._files.values() for file, _ in split]
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            listing = "".join(pool.map(self._state, files))
        return hashlib.sha256(listing.encode("utf-8", "surrogateescape")).hexdigest()[:16]

    def _state(self, file: str) -> str:
        try:
            with self._open(file) as opened:
                return f"{file}\n{file_size(self.root / file)}\n{google_crc32c.value(opened.read(_HEAD))}\n"
        except OSError as error:
            raise DeidError(
                f"{self.root}: {file} has the name of an image and can't be read: {error.strerror or error}. Mend or remove it."
            ) from error

    def _open(self, file: str) -> BinaryIO:
        return cast(BinaryIO, (self.root / file).open("rb"))

    @functools.cached_property
    def channels(self) -> int | None:
        """1 if every image that can be read is gray, else 3. Reads headers up to the first that is not gray."""
        return 1 if all(self._is_gray(file) for split in self._files.values() for file, _ in split) else 3

    def labels(self, split: str) -> np.ndarray:
        return np.array([label for _, label in self._files[split]])

    def reads_quickly(self, split: str) -> bool:
        return True

    @property
    def value_features(self) -> list[str]:
        """The folder that an image lies in, where that is more than the split."""
        return [] if self._label_names is None else [_FOLDER]

    def values(self, split: str, feature: str) -> list[str]:
        return [PurePosixPath(file).parent.name for file, _ in self._files[split]]

    def read(self, split: str, indices: Sequence[int] | np.ndarray) -> Iterator[Example]:
        for index in map(int, indices):
            file, label = self._files[split][index]
            try:
                with self._open(file) as opened:
                    data = opened.read()
            except OSError as error:
                raise DeidError(f"{self.root}: image {file} (split {split!r}, {index}) can't be read: {error}") from error
            yield Example(data, label, file, index)

    def _is_gray(self, file: str) -> bool:
        try:
            with self._open(file) as opened:
                return image.is_gray(opened)
        except (ImageError, OSError):
            return True  # It will fail alone, and says nothing about the others.


def _scan(folder: epath.Path, left_out: _LeftOut, depth: int) -> _Folder:
    """Lists a folder and, `depth` levels deep, its subfolders."""
    files, folders = [], {}
    for name, is_folder in sorted(_entries(folder)):
        extension = PurePosixPath(name).suffix.lower()
        if name.startswith("."):
            left_out.others["hidden, by names that start with a dot"] += 1
        elif extension in image.extensions():
            _check_readable(folder, name)
            files.append(name)
        elif not is_folder:
            left_out.kinds[extension or "without extension"] += 1
        elif subfolder := _subfolder(folder / name, left_out, depth):
            folders[name] = subfolder
    return _Folder(files, folders)


def _check_readable(folder: epath.Path, name: str) -> None:
    """Raises DeidError for what has the name of an image and is none that can be read: before any work, not in its midst."""
    if is_remote(folder):
        return
    path = os.path.join(os.fspath(folder), name)
    try:
        mode = os.stat(path).st_mode
        reason = "it is a folder" if stat.S_ISDIR(mode) else "" if stat.S_ISREG(mode) else "it is no regular file"
        reason = reason or ("" if os.access(path, os.R_OK) else os.strerror(errno.EACCES))
    except OSError as error:
        reason = error.strerror or str(error)
    if reason:
        raise DeidError(f"{path} has the name of an image and can't be read: {reason}. Mend or remove it.")


def _subfolder(folder: epath.Path, left_out: _LeftOut, depth: int) -> _Folder | None:
    """Returns what a folder holds; None if that is no image."""
    if not depth:
        raise DeidError(f"{folder} lies too deep: images are laid out as {_LAYOUTS}")
    try:
        tree = _scan(folder, left_out, depth - 1)
    except OSError as error:
        left_out.unreadable.append(f"{folder.name} ({error.strerror or error})")
        return None
    if not tree.files and not tree.folders:
        left_out.empty.append(folder.name)
        return None
    return tree


def _entries(folder: epath.Path) -> Iterator[tuple[str, bool]]:
    """Yields the name of each entry of a folder, and whether it is a folder."""
    if is_remote(folder):
        yield from ((path.name, path.is_dir()) for path in folder.iterdir())
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            try:
                yield entry.name, entry.is_dir()
            except OSError:  # A link in a circle, or through a folder that can't be read.
                yield entry.name, False


def _layout(tree: _Folder, path: str) -> tuple[list[str] | None, dict[str, list[tuple[str, int | None]]]]:
    """Returns the label names, and the (relative path, label) of every image of every split."""
    if not tree.files and not tree.folders:
        raise DeidError(f"folder {path} has no images; expected {_LAYOUTS}, of type {' '.join(sorted(image.extensions()))}")
    if tree.files and not tree.folders:
        return None, {"train": [(file, None) for file in tree.files]}
    shapes = {(bool(folder.files), bool(folder.folders)) for folder in tree.folders.values()}
    if tree.files or len(shapes) > 1 or (True, True) in shapes:
        raise DeidError(f"folder {path} has images at several levels; expected one of {_LAYOUTS}")
    flat = shapes == {(True, False)}
    if flat and set(tree.folders) <= SPLIT_NAMES:
        return None, {split: [(f"{split}/{file}", None) for file in folder.files] for split, folder in tree.folders.items()}
    splits = {"train": tree} if flat else tree.folders
    names = sorted({name for split in splits.values() for name in split.folders})
    labels = {name: label for label, name in enumerate(names)}
    return names, {
        split: [
            (f"{name}/{file}" if flat else f"{split}/{name}/{file}", labels[name])
            for name, folder in classes.folders.items()
            for file in folder.files
        ]
        for split, classes in splits.items()
    }


def _some(names: list[str]) -> str:
    return ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else "")
