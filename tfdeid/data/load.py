"""Reading a de-identified dataset back: `tfds.load` and `tfds.data_source`, with errors that say what to do."""

from __future__ import annotations

import os
from typing import Any

from etils import epath

from tfdeid.data.locate import MissingDatasetError, dataset_folder, open_folder
from tfdeid.data.naming import SUFFIX, making_command
from tfdeid.errors import DeidError
from tfdeid.paths import check_utf8, default_data_dir

# Of the arguments of tfds.load, those about making a dataset: here it is made already.
_OF_MAKING = ("download", "download_and_prepare_kwargs")


def load(name: epath.PathLike, **kwargs: Any) -> Any:
    """Loads a de-identified dataset, as `tfds.load(name, **kwargs)` does.

    Args:
      name: `<source>_deid`, `<source>_deid/<config>` or either with `:<version>`; or the folder that holds it.
      **kwargs: the arguments of `tfds.load`: `split`, `data_dir`, `as_supervised`, `with_info`, `batch_size`, ...

    Returns:
      What `tfds.load` returns: a `tf.data.Dataset`, or one for each split; with `with_info` also the `tfds.core.DatasetInfo`.

    Raises:
      DeidError: there is no such dataset (the message names the command that makes it), or it is in ArrayRecord.
    """
    import tensorflow_datasets as tfds  # Late: takes seconds.

    builder = open_builder(name, kwargs.pop("data_dir", None))
    if builder.info.file_format == tfds.core.FileFormat.ARRAY_RECORD:
        raise DeidError(
            f"{name!r} is stored as ArrayRecord, which tf.data does not read. Use tfdeid.data_source({name!r}, ...)."
        )
    check_utf8(builder.data_dir, "the folder")
    with_info = kwargs.pop("with_info", False)
    more = kwargs.pop("as_dataset_kwargs", None) or {}
    options = {**kwargs, **more}
    dataset = builder.as_dataset(**{key: value for key, value in options.items() if key not in _OF_MAKING})
    return (dataset, builder.info) if with_info else dataset


def data_source(name: epath.PathLike, **kwargs: Any) -> Any:
    """Opens a de-identified dataset in ArrayRecord format for random access, as `tfds.data_source(name, **kwargs)` does.

    Raises:
      DeidError: there is no such dataset, or it is in TFRecord, which has no random access.
    """
    import tensorflow_datasets as tfds  # Late: takes seconds.

    builder = open_builder(name, kwargs.pop("data_dir", None))
    if builder.info.file_format != tfds.core.FileFormat.ARRAY_RECORD:
        raise DeidError(
            f"{name!r} is stored as {builder.info.file_format.value}, which has no random access. "
            f"Use tfdeid.load({name!r}, ...), or write it with --file_format=array_record."
        )
    return builder.as_data_source(**{key: value for key, value in kwargs.items() if key not in _OF_MAKING})


def open_builder(
    name: epath.PathLike, data_dir: epath.PathLike | None = None, source: tuple[str, str | None] | None = None
) -> Any:
    """Returns TFDS's builder of a dataset that is there.

    Args:
      name: as for `load`.
      data_dir: TFDS data directory; None for TFDS's own.
      source: what it is made of, and the data directory of that, for the command that makes it; None to guess by the name.

    Raises:
      DeidError: there is none, it is not finished, or its metadata is damaged.
    """
    try:
        return open_folder(dataset_folder(name, data_dir))
    except MissingDatasetError as error:
        name = os.fspath(name)
        where = data_dir or default_data_dir()
        if SUFFIX not in name:
            raise DeidError(f"there is no dataset {name!r} in {where}. {error}") from error
        raise DeidError(
            f"there is no dataset {name!r} in {where}. This makes it: {making_command(name, data_dir, source)}"
        ) from error
