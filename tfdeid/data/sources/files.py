"""The files that a pattern names: `/data/train-*.tar`, `gs://bucket/{train,test}-{000..009}.tar`; and the splits they make."""

from __future__ import annotations

import concurrent.futures
import glob
import hashlib
import itertools
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from etils import epath

from tfdeid.errors import DeidError, reason
from tfdeid.files import file_size, is_remote, storage_errors
from tfdeid.paths import folder_path

SPLIT_NAMES = {"train", "training", "test", "testing", "val", "valid", "validation", "dev", "eval"}
"""What folders and files of splits are commonly called."""
# Braces can ask for more names than there is memory.
_MOST_NAMES = 1_000_000
_RANGE = re.compile(r"(-?\d+)\.\.(-?\d+)(?:\.\.(-?\d+))?")
# How the hub writes files of splits of any name.
_OF_HUB = re.compile(r"(?P<split>\w+(?:\.\w+)*)-\d{5}-of-\d{5}")
_HUB_FOLDER = "data"
AT_ONCE = 16
"""Files that are looked at together in stores, which answer slowly."""


def matching_files(pattern: str, reference: str) -> list[str]:
    """Returns the files that a pattern names: braces in the order they say, what matches `* ? []` sorted.

    Args:
      pattern: a path, local or remote. A file that has just this name is it, whatever characters are in it.
      reference: what was asked for, as in "wds:/data/*.tar", for errors.

    Raises:
      DeidError: nothing matches, or the pattern can't be read.
    """
    path = folder_path(pattern, "dataset")
    try:
        if path.is_dir():
            raise DeidError(f"dataset {reference} must name files, and {path} is a folder. Write {path}/* with their ending.")
        if (not glob.has_magic(os.fspath(path)) and "{" not in os.fspath(path)) or path.exists():
            _check_there([os.fspath(path)], reference)
            return [os.fspath(path)]
        names = list(itertools.islice(_braces(os.fspath(path)), _MOST_NAMES + 1))
        if len(names) > _MOST_NAMES:
            raise DeidError(f"dataset {reference} must name at most {_MOST_NAMES:,} files. Give them in parts.")
        files = list(dict.fromkeys(file for name in names for file in _glob(name, reference)))
    except storage_errors() as error:
        raise DeidError(f"dataset {reference} can't be read: {reason(error)}.") from error
    if not files:
        raise DeidError(f"dataset {reference} matches no file. Look at the pattern: it needs quotes in a shell.")
    _check_there(files, reference)
    return files


def _check_there(files: Sequence[str], reference: str) -> None:
    """Raises DeidError for local names of no file: before any work, and a pipe would be waited for."""
    absent = [file for file in files if not is_remote(file) and not os.path.isfile(file)]
    if absent:
        is_there = os.path.exists(absent[0])
        said = "is no regular file" if is_there else "is not there"
        others = f", nor are {len(absent) - 1:,} others" if len(absent) > 1 and not is_there else ""
        raise DeidError(f"dataset {reference} must name files, and {absent[0]} {said}{others}. Mend the pattern, or the files.")


def _glob(pattern: str, reference: str) -> list[str]:
    if not glob.has_magic(pattern):
        return [pattern]
    if not is_remote(pattern):
        return sorted(file for file in glob.glob(pattern, recursive=True) if not os.path.isdir(file))
    if "**" in pattern:
        raise DeidError(f"dataset {reference} must not have ** in a remote path, where it would list all that there is.")
    parts = pattern.split("/")
    first = next(number for number, part in enumerate(parts) if glob.has_magic(part))
    return sorted(os.fspath(file) for file in epath.Path("/".join(parts[:first])).glob("/".join(parts[first:])))


def _braces(text: str) -> Iterator[str]:
    """Yields what a shell makes of braces: {a,b} and {000..009}, also within each other. Others stay as they are."""
    for start, stop in _pairs(text):
        inside = _ways(text[start + 1 : stop])
        if inside is not None:
            rests = list(itertools.islice(_braces(text[stop + 1 :]), _MOST_NAMES + 1))
            yield from (text[:start] + way + rest for way in inside for rest in rests)
            return
    yield text


def _pairs(text: str) -> Iterator[tuple[int, int]]:
    """Yields where braces open and close, outer ones first."""
    for start in (place for place, character in enumerate(text) if character == "{"):
        depth = 0
        for place in range(start, len(text)):
            depth += {"{": 1, "}": -1}.get(text[place], 0)
            if not depth:
                yield start, place
                break


def _ways(inside: str) -> Iterator[str] | None:
    """Returns what the inside of braces stands for; None where it is no list and no range."""
    if found := _RANGE.fullmatch(inside):
        first, last, step = (int(number or 1) for number in found.groups())
        padded = any(re.match(r"-?0\d", number) for number in found.groups()[:2])
        width = max(map(len, found.groups()[:2])) if padded else 0
        step = abs(step) or 1
        numbers = range(first, last + 1, step) if first <= last else range(first, last - 1, -step)
        return (f"{number:0{width}d}" for number in numbers)
    parts, depth = [""], 0
    for character in inside:
        depth += {"{": 1, "}": -1}.get(character, 0)
        if character == "," and not depth:
            parts.append("")
        else:
            parts[-1] += character
    return (way for part in parts for way in _braces(part)) if len(parts) > 1 else None


def by_split(files: Sequence[str], reference: str) -> dict[str, list[str]]:
    """Returns the files of each split: by their names, else by their folders' names, else all are `train`.

    A name tells a split by a word that is common for one (`train-0001.tar`, `cifar10-test-0.tar`), or as the Hugging Face hub
    writes any: `data/SPLIT-00000-of-00002.parquet`.

    Raises:
      DeidError: some tell one and others do not.
    """
    told = {file: _split(file) for file in files}
    if not any(told.values()):
        return {"train": list(files)}
    if silent := [file for file, split in told.items() if split is None]:
        speaking = next(file for file, split in told.items() if split)
        raise DeidError(
            f"dataset {reference} names files that tell a split by their names ({speaking}), and {len(silent):,} that tell "
            f"none ({silent[0]}). Give a pattern for those of one kind, or rename them."
        )
    splits: dict[str, list[str]] = {}
    for file, split in told.items():
        splits.setdefault(split or "", []).append(file)
    return dict(sorted(splits.items()))


def _split(file: str) -> str | None:
    path = PurePosixPath(file)
    if path.parent.name == _HUB_FOLDER and (found := _OF_HUB.match(path.name)):
        return found["split"]
    words = re.findall("[a-z]+", path.name.lower())
    return next((word for word in (*words, path.parent.name.lower()) if word in SPLIT_NAMES), None)


def common_name(files: Sequence[str]) -> str:
    """Returns the name of the folder that files lie in, of those above it where it is called as a split, or `data`."""
    folders = [os.path.dirname(file).split("/") for file in files]
    shared = [parts[0] for parts in itertools.takewhile(lambda parts: len(set(parts)) == 1, zip(*folders))]
    names = [name for name in shared if name and not name.endswith(":")]
    return next((name for name in reversed(names) if name.lower() not in {*SPLIT_NAMES, _HUB_FOLDER}), "images")


def names_and_sizes(files: Sequence[str]) -> str:
    """Returns a hash of files' names and sizes, 16 hex digits.

    Raises:
      DeidError: one can't be read.
    """

    def line(file: str) -> str:
        try:
            return f"{PurePosixPath(file).name}\n{file_size(file)}\n"
        except storage_errors() as error:
            raise DeidError(f"{file} can't be read: {reason(error)}. Mend it, or leave it out of the pattern.") from error

    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        listing = "".join(pool.map(line, files))
    return hashlib.sha256(listing.encode("utf-8", "surrogateescape")).hexdigest()[:16]
