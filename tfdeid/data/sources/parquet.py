"""Parquet files of images, as the Hugging Face `datasets` library and its hub write them."""

from __future__ import annotations

import contextlib
import functools
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np
from etils import epath

from tfdeid.data.label_choice import (
    BOOLEAN,
    CLASS,
    INTEGER,
    TEXT,
    asked_label,
    clear_label,
    label_notes,
    some,
    values_note,
)
from tfdeid.data.sources.sharded import Outline, ShardedStore, as_text
from tfdeid.errors import DeidError, reason, unknown_name
from tfdeid.files import is_remote, storage_errors

if TYPE_CHECKING:
    import pyarrow
    import pyarrow.parquet

_METADATA = b"huggingface"
_BYTES, _PATH = "bytes", "path"
# What names an example, the first that is there.
_IDS = ("id", "file_name")
# Rows that are decoded at once, and bytes of a column that are read at once: a row group may hold gigabytes.
_ROWS, _BUFFER = 64, 1 << 20


@dataclass(frozen=True)
class _Columns:
    """The columns of a file by name or path (a/b), none of which is a list's.

    Attributes:
      images: those that may be the image, and of each whether it is a struct of bytes and path.
      kinds: those that may be the label, and what they are stored as.
      names: the classes of those that are a ClassLabel.
      others: all further ones, and what they are.
      floats: those of them that are a number each.
    """

    images: Mapping[str, bool]
    kinds: Mapping[str, str]
    names: Mapping[str, tuple[str, ...]]
    others: Mapping[str, str]
    floats: tuple[str, ...]


class ParquetStore(ShardedStore):
    """Parquet files with a column of image files: `parquet:/data/train-*.parquet`.

    The image is a struct of `bytes` and `path`, or binary; the only one, or what `image_feature` names. An image without bytes
    lies at its path beside the file. ClassLabels are told by the metadata that the `datasets` library writes; other labels are
    chosen as `tfdeid.data.label_choice` says, and their values collected. A missing label is an unlabelled example's, a missing
    image one that fails. An example's id is its `id` or `file_name`, else the image's path, else its position.

    Only the columns that are needed are read, row group by row group. Within one, all rows up to the last that is asked for are
    decoded: row groups far larger than a shard are decoded again for each shard.
    """

    name, argument = "parquet", "PATTERN"

    def _look(self) -> Outline:
        columns = self._columns
        counts = self._each(self._checked_count)
        image = _image(columns, self._asked_image, self.reference)
        if self._asked_label is not None:
            others = {**columns.others, **dict.fromkeys(columns.images, "an image")}
            label = asked_label(self._asked_label, columns.kinds, others, self.reference)
        else:
            unclear = [name for name, kind in columns.kinds.items() if kind in (CLASS, BOOLEAN)]
            label = clear_label(columns.kinds, unclear, self.reference)
        kind, names = (columns.kinds[label], columns.names.get(label)) if label else (None, None)
        return Outline(tuple(counts), image, label, kind, names)

    def _checked_count(self, file: str) -> int:
        """Returns how many rows a file has; raises DeidError where its columns are others than those of the first."""
        with _opened(file) as parquet:
            if differing := _differing(self._columns, _columns(parquet.schema_arrow)):
                raise DeidError(
                    f"files of {self.reference} must have the same columns, and {file} has others than {self._files[0]}: "
                    f"{some(differing)}. Give a pattern for those of one kind."
                )
            return _count(parquet, file)

    @functools.cached_property
    def _columns(self) -> _Columns:
        with _opened(self._files[0]) as parquet:
            return _columns(parquet.schema_arrow)

    @functools.cached_property
    def notes(self) -> list[str]:
        """What of the columns has no place in the output, and what became of labels."""
        columns, outline = self._columns, self.outline
        used = (outline.image, outline.label, self._id)
        left_out = [name for name in (*columns.images, *columns.kinds, *columns.others) if name not in used]
        notes = [f"left out of {self.reference}: {some(left_out)}"] if left_out else []
        can_be = [name for name in columns.kinds if name not in used]
        notes += label_notes(self.reference, can_be, outline.label, outline.kind, self._asked_label)
        names = self.label_names if outline.kind in (TEXT, INTEGER) else None
        return notes + values_note(outline.label, outline.kind, names)

    @property
    def _id(self) -> str | None:
        kinds = self._columns.kinds
        return next((name for name in _IDS if kinds.get(name) in (TEXT, INTEGER) and name != self.outline.label), None)

    @property
    def value_features(self) -> list[str]:
        """The columns of one text, number or class each, by name or path."""
        return sorted([*self._columns.kinds, *self._columns.floats])

    def _values(self, file: str, feature: str) -> list[str]:
        values = self._column(file, feature)
        if self._columns.kinds.get(feature) != CLASS:
            return [as_text(np.float32(value) if isinstance(value, float) else value) for value in values]
        names = self._columns.names[feature]
        return [names[value] if value is not None and 0 <= value < len(names) else "" for value in values]

    def _label_values(self, file: str) -> Sequence[Any]:
        return self._column(file, self.outline.label or "")

    def _column(self, file: str, name: str) -> list[Any]:
        with _opened(file) as parquet:
            values: list[Any] = []
            for batch in parquet.iter_batches(columns=[_dotted(name)]):
                values += _field(batch, name).to_pylist()
        return values

    def _read(self, file: str, places: Sequence[int]) -> Iterator[tuple[bytes, Any, str | None]]:
        image, label, named = self.outline.image, self.outline.label, self._id
        wanted = [_dotted(name) for name in (image, label, named) if name]
        with _opened(file) as parquet:
            self._check_count(file, parquet.metadata.num_rows)
            for batch, rows in _batches(parquet, wanted, places):
                data = _field(batch, image)
                labels = _field(batch, label) if label else None
                names = _field(batch, named) if named else None
                for row in rows:
                    content, path = self._content(data[row].as_py(), file)
                    name = path if names is None else names[row].as_py()
                    yield content, labels[row].as_py() if labels is not None else None, None if name is None else str(name)

    def _content(self, value: Any, file: str) -> tuple[bytes, str | None]:
        """Returns an image file and its path; b"" where there is neither bytes nor path, which decodes to no image."""
        if not isinstance(value, dict):
            return value or b"", None
        path = value.get(_PATH)
        if value.get(_BYTES) is not None or not path:
            return value.get(_BYTES) or b"", path
        # A path of someone else's must not lead anywhere.
        place = PurePosixPath(path)
        if place.is_absolute() or ".." in place.parts or "://" in path:
            raise DeidError(
                f"{file} has no bytes of the image {path!r}, and that is no path below its folder. Write the file with its "
                "images: embed_external_files=True."
            )
        try:
            return (epath.Path(file).parent / path).read_bytes(), path
        except storage_errors() as error:
            raise DeidError(
                f"{file} has no bytes of the image {path!r}, which can't be read beside it: {reason(error)}. Put it there."
            ) from error


@contextlib.contextmanager
def _opened(file: str) -> Iterator[pyarrow.parquet.ParquetFile]:
    """Opens a Parquet file; what can't be read of it is one error."""
    import pyarrow  # Late: takes a tenth of a second, and only these files need it.
    import pyarrow.parquet  # Late: as pyarrow.

    try:
        with epath.Path(file).open("rb") as opened:
            source = _Readable(opened) if is_remote(file) else opened
            with pyarrow.parquet.ParquetFile(source, buffer_size=_BUFFER) as parquet:
                yield parquet
    except storage_errors(pyarrow.ArrowException, UnicodeDecodeError, OverflowError) as error:
        raise DeidError(f"{file} can't be read: {reason(error)}. Mend it, or leave it out of the pattern.") from error


class _Readable(io.RawIOBase):
    """A file of a store as one of Python's, which pyarrow asks for: TensorFlow's do not say whether they are closed."""

    def __init__(self, file: Any):
        self._file = file

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._file.seek(offset, whence)
        return self.tell()

    def tell(self) -> int:
        return self._file.tell()

    def readinto(self, buffer: Any) -> int:
        data = self._file.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


def _count(parquet: pyarrow.parquet.ParquetFile, file: str) -> int:
    """Returns how many rows a file has, as its row groups say too."""
    metadata = parquet.metadata
    counts = [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)]
    if min(counts, default=0) < 0 or sum(counts) != metadata.num_rows:
        raise DeidError(f"{file} can't be read: its row groups have other numbers of rows than it says. Write it anew.")
    return metadata.num_rows


def _batches(
    parquet: pyarrow.parquet.ParquetFile, columns: Sequence[str], places: Sequence[int]
) -> Iterator[tuple[pyarrow.RecordBatch, list[int]]]:
    """Yields the batches that hold rows at ascending places, and which rows of each these are. No row group is read twice."""
    positions, start = np.asarray(places), 0
    for group in range(parquet.metadata.num_row_groups):
        stop = start + parquet.metadata.row_group(group).num_rows
        wanted, positions = np.split(positions, np.searchsorted(positions, [stop]))
        batches = parquet.iter_batches(_ROWS, row_groups=[group], columns=columns) if len(wanted) else ()
        for batch in batches:
            rows, wanted = np.split(wanted, np.searchsorted(wanted, [start + batch.num_rows]))
            if len(rows):
                yield batch, (rows - start).tolist()
            if not len(wanted):
                break  # What follows in the group need not be decoded.
            start += batch.num_rows
        start = stop


def _dotted(name: str) -> str:
    return name.replace("/", ".")


def _field(batch: pyarrow.RecordBatch, name: str) -> pyarrow.Array:
    """Returns a column by name or path; where what it lies in is missing, so is it."""
    import pyarrow.compute  # Late: as pyarrow.

    first, *rest = name.split("/")
    return pyarrow.compute.struct_field(batch.column(first), rest) if rest else batch.column(first)


def _columns(schema: pyarrow.Schema) -> _Columns:
    """Returns what a file's columns are."""
    features = _features(schema)
    images, kinds, names, others, floats = {}, {}, {}, {}, []
    if twice := {name for name in schema.names if schema.names.count(name) > 1}:
        raise DeidError(f"columns must have names of their own, and there are several {min(twice)!r}. Write the files anew.")
    for path, field in _leaves(schema, lambda field: field.name):
        feature = _feature(features, path)
        stored = _stored(field.type)
        if stored in ("image", "binary"):
            images[path] = stored == "image"
        elif feature.get("_type") == "ClassLabel" and stored == INTEGER and isinstance(feature.get("names"), list):
            kinds[path], names[path] = CLASS, tuple(map(str, feature["names"]))
        elif stored in (TEXT, INTEGER, BOOLEAN):
            kinds[path] = stored
        else:
            others[path] = f"of type {field.type}"
            floats += [path] if stored == "float" else []
    declared = {path: images[path] for path in images if _feature(features, path).get("_type") == "Image"}
    structs = {path: True for path, is_struct in images.items() if is_struct}
    chosen = declared or structs or images
    others |= {path: "binary" for path in images if path not in chosen}
    return _Columns(chosen, kinds, names, others, tuple(floats))


def _features(schema: pyarrow.Schema) -> dict[str, Any]:
    """Returns what the `datasets` library has noted of the columns; {} where it wrote nothing that can be read."""
    try:
        features = json.loads((schema.metadata or {}).get(_METADATA, b"{}"))["info"]["features"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return {}
    return features if isinstance(features, dict) else {}


def _feature(features: dict[str, Any], path: str) -> dict[str, Any]:
    feature: Any = features
    for name in path.split("/"):
        feature = feature.get(name) if isinstance(feature, dict) else None
    return feature if isinstance(feature, dict) else {}


def _leaves(fields: Any, name: Callable[[Any], str]) -> Iterator[tuple[str, Any]]:
    """Yields all columns by path that are no structs, but for those of bytes and path."""
    import pyarrow  # Late: takes a tenth of a second, and only these files need it.

    for field in fields:
        path = name(field)
        if "/" in field.name:
            continue  # It could not be told from one in a struct.
        if pyarrow.types.is_struct(field.type) and _stored(field.type) != "image":
            inner = [field.type.field(number) for number in range(field.type.num_fields)]
            yield from _leaves(inner, lambda field, path=path: f"{path}/{field.name}")  # type: ignore[misc]
        else:
            yield path, field


def _stored(kind: pyarrow.DataType) -> str | None:
    """Returns what a column holds: an image, binary, one of the kinds of labels, or a float; None for anything else."""
    import pyarrow  # Late: takes a tenth of a second, and only these files need it.

    types = pyarrow.types
    if types.is_dictionary(kind):
        kind = kind.value_type
    if types.is_struct(kind):
        inner = {kind.field(number).name: kind.field(number).type for number in range(kind.num_fields)}
        is_image = _BYTES in inner and inner.keys() <= {_BYTES, _PATH} and _stored(inner[_BYTES]) == "binary"
        return "image" if is_image else None
    if types.is_binary(kind) or types.is_large_binary(kind) or types.is_binary_view(kind):
        return "binary"
    if types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind):
        return TEXT
    if types.is_boolean(kind):
        return BOOLEAN
    return INTEGER if types.is_integer(kind) else "float" if types.is_floating(kind) else None


def _image(columns: _Columns, asked: str | None, where: str) -> str:
    if asked is not None:
        binary = [name for name, what in columns.others.items() if what == "binary"]
        if asked not in columns.images and asked not in binary:
            raise unknown_name("image_feature", asked, [*columns.images, *binary])
        return asked
    if not columns.images:
        raise DeidError(
            f"{where} must have a column of images, of bytes and path or binary, and has none among: "
            f"{some([*columns.kinds, *columns.others])}. Where it has only paths or addresses, write it anew with the images."
        )
    if len(columns.images) > 1:
        raise DeidError(f"{where} has several columns of images. Choose by --image_feature: {', '.join(columns.images)}.")
    return next(iter(columns.images))


def _differing(first: _Columns, other: _Columns) -> list[str]:
    """Returns the columns that are not the same in both."""
    ours, theirs = ({**each.images, **each.others, **each.kinds, **each.names} for each in (first, other))
    return [name for name in {**ours, **theirs} if ours.get(name) != theirs.get(name)]
