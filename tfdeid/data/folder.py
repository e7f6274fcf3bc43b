"""Images in folders: one folder a class, or no classes."""

from __future__ import annotations

import concurrent.futures
import functools
import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

import google_crc32c
import numpy as np
from etils import epath
from PIL import Image

from tfdeid import image
from tfdeid.data.example import Example
from tfdeid.errors import DeidError, ImageError, warn

_SPLIT_NAMES = {"train", "training", "test", "testing", "val", "valid", "validation", "dev", "eval"}
_HEAD = 1 << 16
_LAYOUTS = "PATH/split/class/*.jpg, PATH/class/*.jpg, PATH/split/*.jpg (no labels) or PATH/*.jpg (no labels)"


@dataclass(frozen=True)
class _Folder:
    """What a folder holds, sorted by name. Subfolders without images are left out."""

    files: list[str] = field(default_factory=list)  # image files
    folders: dict[str, _Folder] = field(default_factory=dict)


class FolderStore:
    """PATH/split/class/*.jpg or PATH/class/*.jpg (split "train"); PATH/split/*.jpg or PATH/*.jpg without labels.

    A folder of PATH that holds images is a class, unless all such folders have names that are common for splits (train, test,
    val, ...). The classes of all splits together, sorted, are the labels. Examples are sorted by class, then by file name.

    A file counts as an image by its extension, of the kinds that `tfdeid.image` reads; other files are left out and a warning
    counts them. Names that start with a dot are passed over. PATH may be remote (gs://).

    Raises:
      DeidError: PATH is no folder, holds no images, or mixes the layouts.
    """

    def __init__(self, path: str):
        root = epath.Path(path).expanduser()
        # Resolving takes every path for a local one, and would put a remote one below the current folder.
        self.root = root if "://" in str(root) else root.resolve()
        if not self.root.is_dir():
            raise DeidError(f"dataset folder:{path} must name a folder, and {self.root} is none")
        self.name = self.root.name
        ignored: Counter[str] = Counter()
        tree = _scan(self.root, ignored, depth=2)
        if ignored:
            counts = ", ".join(f"{count} {kind}" for kind, count in sorted(ignored.items()))
            warn(f"{path}: left out files that are no images by their extension: {counts}")
        self.label_names, self._files = _layout(tree, path)

    @property
    def sizes(self) -> dict[str, int]:
        return {split: len(files) for split, files in self._files.items()}

    @functools.cached_property
    def version(self) -> str:
        """A hash of all files' relative paths, sizes and first 64 KB, so that a changed folder counts as another source."""
        files = [file for split in self._files.values() for file, _ in split]
        with concurrent.futures.ThreadPoolExecutor(16) as pool:  # Remote folders answer slowly.
            listing = "".join(f"{file}\n{state}\n" for file, state in zip(files, pool.map(self._state, files)))
        return hashlib.sha256(listing.encode("utf-8", "surrogateescape")).hexdigest()[:16]

    def _state(self, file: str) -> str:
        path = self.root / file
        try:
            with path.open("rb") as opened:
                return f"{path.stat().length}\n{google_crc32c.value(opened.read(_HEAD))}"
        except OSError as error:
            raise DeidError(
                f"{self.root}: {file} has the name of an image and can't be read: {error.strerror or error}. Mend or remove it."
            ) from error

    @functools.cached_property
    def channels(self) -> int | None:
        """1 if every image that can be read is gray, else 3. Reads headers up to the first that is not gray."""
        return 1 if all(self._is_gray(file) for split in self._files.values() for file, _ in split) else 3

    def labels(self, split: str) -> np.ndarray:
        return np.array([label for _, label in self._files[split]])

    def read(self, split: str, indices: Sequence[int] | np.ndarray) -> Iterator[Example]:
        for index in map(int, indices):
            file, label = self._files[split][index]
            try:
                data = (self.root / file).read_bytes()
            except OSError as error:
                raise DeidError(f"{self.root}: image {file} (split {split!r}, {index}) can't be read: {error}") from error
            yield Example(data, label, file, index)

    def _is_gray(self, file: str) -> bool:
        try:
            with (self.root / file).open("rb") as opened:
                return image.is_gray(opened)
        except (ImageError, OSError):
            return True  # It will fail alone, and says nothing about the others.


@functools.cache
def _extensions() -> frozenset[str]:
    known = Image.registered_extensions()
    return frozenset(extension for extension, kind in known.items() if kind in image.FORMATS)


def _scan(folder: epath.Path, ignored: Counter[str], depth: int) -> _Folder:
    """Lists a folder and, `depth` levels deep, its subfolders; counts the extensions of the files that are no images."""
    files, folders = [], {}
    for name in sorted(path.name for path in folder.iterdir()):
        extension = PurePosixPath(name).suffix.lower()
        if name.startswith("."):
            continue
        if extension in _extensions():
            files.append(name)
        elif not (folder / name).is_dir():
            ignored[extension or "without extension"] += 1
        elif depth:
            subfolder = _scan(folder / name, ignored, depth - 1)
            if subfolder.files or subfolder.folders:
                folders[name] = subfolder
        else:
            raise DeidError(f"{folder / name} lies too deep: images are laid out as {_LAYOUTS}")
    return _Folder(files, folders)


def _layout(tree: _Folder, path: str) -> tuple[list[str] | None, dict[str, list[tuple[str, int | None]]]]:
    """Returns the label names, and the (relative path, label) of every image of every split."""
    if not tree.files and not tree.folders:
        raise DeidError(f"folder {path} has no images; expected {_LAYOUTS}, of type {' '.join(sorted(_extensions()))}")
    if tree.files and not tree.folders:
        return None, {"train": [(file, None) for file in tree.files]}
    shapes = {(bool(folder.files), bool(folder.folders)) for folder in tree.folders.values()}
    if tree.files or len(shapes) > 1 or (True, True) in shapes:
        raise DeidError(f"folder {path} has images at several levels; expected one of {_LAYOUTS}")
    flat = shapes == {(True, False)}
    if flat and set(tree.folders) <= _SPLIT_NAMES:
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
