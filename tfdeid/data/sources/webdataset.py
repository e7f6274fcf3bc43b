"""WebDataset: TAR archives in which the members of one name, up to its first dot, are a sample."""

from __future__ import annotations

import array
import contextlib
import functools
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, BinaryIO, cast

from etils import epath

from tfdeid import image
from tfdeid.data import tar
from tfdeid.data.label_choice import BOOLEAN, INTEGER, NONE, TEXT, label_notes, values_note
from tfdeid.data.sources.sharded import Outline, ShardedStore, as_text
from tfdeid.errors import DeidError, reason, unknown_name
from tfdeid.files import file_state, storage_errors

# As the webdataset library splits a name, and what it keeps for itself. It would also take a hidden file for a sample.
_NAME = re.compile(r"((?:.*/|)[^./]+)\.([^/]*)", re.DOTALL)
_META = re.compile(r"__[^/]*__($|/)")
_LABEL, _JSON = "cls", "json"
# What the library decodes as numbers, and as texts.
_NUMBERS, _TEXTS = (_LABEL, "cls2", "index", "inx", "id"), ("txt", "text", "transcript")
_NUMBER = re.compile(rb"\s*[+-]?[0-9]{1,18}\s*")
# More than a label, a caption or metadata take.
_LONGEST_TEXT = 16 << 20
# Archives whose index is remembered: 30 bytes a sample.
_FILES = 256
_NAMED = 8
_KINDS = {str: TEXT, int: INTEGER, bool: BOOLEAN}
_PACK = "Pack the archive so that the members of a sample lie side by side, and keys are distinct."
_OR_NONE = f"Mend it, or choose another label: --label_feature {NONE} for none."


@dataclass
class _Summary:
    """What there is in one archive."""

    count: int = 0  # samples with an image
    values: list[Any] = field(default_factory=list)  # of these, of the field that was asked for; None for none
    fields: list[str] | None = None  # scalars of the first JSON member
    endings: Counter[str] = field(default_factory=Counter)  # of all members of samples
    images: Counter[str] = field(default_factory=Counter)  # of those that are the image
    left_out: Counter[str] = field(default_factory=Counter)


class _Index:
    """Where the samples of one archive are that have an image, in their order."""

    def __init__(self) -> None:
        self.summary = _Summary()
        self.offsets, self.sizes = array.array("Q"), array.array("Q")  # of the images
        self._keys, self._ends = bytearray(), array.array("Q")  # one after the other, since texts of Python take more

    def add(self, key: str, offset: int, size: int) -> None:
        self._keys += key.encode("utf-8", "surrogateescape")
        for column, number in ((self._ends, len(self._keys)), (self.offsets, offset), (self.sizes, size)):
            column.append(number)
        self.summary.count += 1

    def key(self, place: int) -> str:
        start = self._ends[place - 1] if place else 0
        return self._keys[start : self._ends[place]].decode("utf-8", "surrogateescape")


class WebDatasetStore(ShardedStore):
    """TAR archives as the webdataset library and img2dataset write them: `wds:/data/train-{000000..000009}.tar`.

    The image of a sample is its member of the ending `image_feature`, by default the only one whose ending is that of an image.
    The label is the member `cls`, or what `label_feature` names: an ending, or json/FIELD. Samples without an image are left
    out, which `notes` says; those without a label, where others have one, are unlabelled. A sample's id is its key.

    Only headers are read to find what is where; archives that are compressed can't be.
    """

    name, argument = "wds", "PATTERN"
    notes_warn = True

    def _look(self) -> Outline:
        counts = tuple(summary.count for summary in self._summaries)
        endings = self._endings
        if self._asked_image is not None and self._asked_image not in endings:
            raise unknown_name("image_feature", self._asked_image, filter(_is_image, endings))
        if not any(counts):
            known = f"; there are members {_some([f'.{ending}' for ending in sorted(endings)])}" if endings else ""
            raise DeidError(f"{self.reference} has no images: no member has the ending of one{known}.")
        types = {type(value) for summary in self._summaries for value in summary.values} - {type(None)}
        label = self._asked_label if self._asked_label is not None else _LABEL if types else NONE
        kind = None if label == NONE else self._kind(label, types)
        return Outline(counts, self._asked_image or "", None if label == NONE else label, kind)

    def _kind(self, label: str, types: set[type]) -> str:
        """Returns what a label is stored as; raises DeidError where it is not there, or several things."""
        if not types:
            raise unknown_name("label_feature", label, [*self.value_features, NONE])
        if len(types) > 1 or not types <= _KINDS.keys():
            found = " and ".join(sorted(kind.__name__ for kind in types))
            raise DeidError(
                f"label_feature must be texts, whole numbers, or true and false, and {label!r} of {self.reference} is {found}. "
                f"Choose another, or none: --label_feature {NONE}."
            )
        return _KINDS[next(iter(types))]

    @property
    def value_features(self) -> list[str]:
        """Members that are a text or a number, and scalars of the first JSON members: cls, txt, json/caption."""
        fields = sorted({path for summary in self._summaries for path in summary.fields or ()})
        return [ending for ending in (*_NUMBERS, *_TEXTS) if self._endings[ending]] + [f"{_JSON}/{path}" for path in fields]

    @functools.cached_property
    def _endings(self) -> Counter[str]:
        return sum((summary.endings for summary in self._summaries), Counter())

    @functools.cached_property
    def _summaries(self) -> list[_Summary]:
        return self._each(lambda file: self._index(file).summary)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_summaries"}

    def _index(self, file: str, value: str | None = None) -> _Index:
        """Returns the index of an archive, with the values of a feature; None for those of the label."""
        value = value or self._asked_label or _LABEL
        with _errors(file):
            return _index(file, *file_state(epath.Path(file)), self._asked_image, value)

    @functools.cached_property
    def notes(self) -> list[str]:
        """What of the archives has no place in the output, and what became of labels."""
        label, kind = self.outline.label, self.outline.kind
        others: Counter[str] = sum((summary.endings - summary.images for summary in self._summaries), Counter())
        left_out: Counter[str] = sum((summary.left_out for summary in self._summaries), Counter())
        kinds = [f"{count:,} .{ending}" for ending, count in sorted(others.items()) if ending != label]
        said = [f"members: {_some(kinds)}"] if kinds else []
        said += [f"{what}: {count:,}" for what, count in sorted(left_out.items())]
        notes = [f"left out of {self.reference}: {'; '.join(said)}"] if said else []
        unlabelled = sum(value is None for summary in self._summaries for value in summary.values) if label else 0
        notes += [f"samples without {label}, which are unlabelled: {unlabelled:,}"] if unlabelled else []
        notes += label_notes(self.reference, self.value_features, label, kind, self._asked_label)
        return notes + values_note(label, kind, self.label_names)

    def _values(self, file: str, feature: str) -> list[str]:
        return [as_text(value) for value in self._index(file, feature).summary.values]

    def _label_values(self, file: str) -> Sequence[Any]:
        if "_summaries" in self.__dict__:
            return self._summaries[self._files.index(file)].values
        return self._index(file).summary.values

    def _read(self, file: str, places: Sequence[int]) -> Iterator[tuple[bytes, Any, str | None]]:
        index = self._index(file)
        self._check_count(file, index.summary.count)
        with _errors(file), epath.Path(file).open("rb") as opened:
            for place in places:
                opened.seek(index.offsets[place])
                data = opened.read(index.sizes[place])
                if len(data) < index.sizes[place]:
                    raise tar.TarError(f"it breaks off within the image of {index.key(place)!r}")
                yield data, index.summary.values[place], index.key(place)


@contextlib.contextmanager
def _errors(file: str) -> Iterator[None]:
    try:
        yield
    except storage_errors(tar.TarError) as error:
        said = error if isinstance(error, tar.TarError) else reason(error)
        raise DeidError(f"{file} can't be read: {said}. Mend it, or leave it out of the pattern.") from error


@functools.lru_cache(_FILES)
def _index(path: str, size: int, modified: int, image_ending: str | None, value: str) -> _Index:
    """Reads all headers of an archive, and the members that hold a value: an ending, or json/FIELD."""
    index, seen = _Index(), set()
    with epath.Path(path).open("rb") as opened:
        samples = _Samples(path, cast(BinaryIO, opened), index, image_ending, value)
        current, sample = "", dict[str, tar.Member]()
        for member in tar.members(samples.file, size):
            found = _NAME.fullmatch(member.name) if member.kind == tar.FILE else None
            if found is None or _META.match(member.name):
                _leave_out(index.summary.left_out, member)
                continue
            key, ending = found[1], found[2].lower()
            if key != current:
                samples.add(current, sample)
                current, sample = key, {}
                if key in seen:
                    raise DeidError(f"{path} has two samples of one key, {key!r}, or members of one that lie apart. {_PACK}")
                seen.add(key)
            if ending in sample:
                raise DeidError(f"{path} has two members {member.name!r} of one sample. {_PACK}")
            sample[ending] = member
        samples.add(current, sample)
    return index


def _leave_out(left_out: Counter[str], member: tar.Member) -> None:
    """Counts a member that is of no sample. A folder is none, since it holds nothing itself."""
    if member.kind == tar.LINK:
        left_out["links"] += 1
    elif member.kind == tar.OTHER:
        left_out["devices, pipes or sparse files"] += 1
    elif member.kind == tar.FILE and PurePosixPath(member.name).name.startswith("."):
        left_out["hidden members, by names that start with a dot"] += 1
    elif member.kind == tar.FILE and not _META.match(member.name):
        left_out["members without an ending"] += 1


@dataclass
class _Samples:
    """Puts samples into the index of their archive."""

    path: str
    file: BinaryIO
    index: _Index
    image_ending: str | None
    value: str
    _known: dict[Any, Any] = field(default_factory=dict)  # each value once

    def add(self, key: str, sample: Mapping[str, tar.Member]) -> None:
        if not sample:
            return
        summary = self.index.summary
        summary.endings.update(sample.keys())
        asked = self.image_ending
        images = [ending for ending in sample if (_is_image(ending) if asked is None else ending == asked)]
        if len(images) > 1:
            raise DeidError(
                f"{self.path} has several images in one sample, {key!r}: choose by --image_feature one of {', '.join(images)}."
            )
        if _JSON in sample and summary.fields is None:
            summary.fields = []
            with contextlib.suppress(DeidError):  # Nobody may ask for one.
                summary.fields = list(_scalars(self._json(key, sample[_JSON])))
        if not images:
            summary.left_out["samples without an image" if asked is None else f"samples without .{asked}"] += 1
            return
        summary.images.update(images)
        self.index.add(key, sample[images[0]].offset, sample[images[0]].size)
        value = self._value(key, sample)
        # Of lists and objects, which are no label, there is nothing to share.
        shared = isinstance(value, str | int) and not isinstance(value, bool)
        summary.values.append(self._known.setdefault(value, value) if shared else value)

    def _value(self, key: str, sample: Mapping[str, tar.Member]) -> Any:
        """Returns what a sample says of the field that was asked for; None for nothing."""
        ending, _, path = self.value.partition("/")
        if ending not in sample or _is_image(ending) or (ending == _JSON) != bool(path):
            return None
        if ending == _JSON:
            value = self._json(key, sample[ending])
            for name in path.split("/"):
                value = value.get(name) if isinstance(value, dict) else None
            return value
        data = self._data(key, sample[ending])
        if ending in _NUMBERS:
            if not _NUMBER.fullmatch(data):
                shown = data[:40].decode("utf-8", "replace")
                raise DeidError(f"{self.path}: .{ending} of sample {key!r} must be a whole number, got {shown!r}. {_OR_NONE}")
            return int(data)
        try:
            return data.decode().strip()
        except UnicodeDecodeError:
            raise DeidError(f"{self.path}: .{ending} of sample {key!r} must be text in UTF-8. {_OR_NONE}") from None

    def _json(self, key: str, member: tar.Member) -> Any:
        try:
            return json.loads(self._data(key, member))
        except (ValueError, RecursionError) as error:
            raise DeidError(f"{self.path}: .{_JSON} of sample {key!r} can't be read: {reason(error)}. {_OR_NONE}") from None

    def _data(self, key: str, member: tar.Member) -> bytes:
        if member.size > _LONGEST_TEXT:
            raise DeidError(f"{self.path}: {member.name!r} has {member.size:,} bytes, too many for a text. {_OR_NONE}")
        self.file.seek(member.offset)
        return self.file.read(member.size)


def _scalars(value: Any, path: str = "") -> Iterator[str]:
    """Yields the paths (a/b) of a JSON object's fields that are no lists."""
    for name, inner in value.items() if isinstance(value, dict) else ():
        if isinstance(inner, dict):
            yield from _scalars(inner, f"{path}{name}/")
        elif not isinstance(inner, list):
            yield f"{path}{name}"


def _is_image(ending: str) -> bool:
    return f".{ending.rpartition('.')[2]}" in image.extensions()


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more kinds" if len(names) > _NAMED else "")
