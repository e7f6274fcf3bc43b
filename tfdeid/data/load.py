"""Reading a de-identified dataset back: `tfds.load` and `tfds.data_source`, with errors that say what to do."""

from __future__ import annotations

from typing import Any

from etils import epath

from tfdeid.data.metadata import is_complete
from tfdeid.data.naming import making_command
from tfdeid.errors import DeidError


def load(name: str, **kwargs: Any) -> Any:
    """Loads a de-identified dataset, exactly as `tfds.load(name, **kwargs)` does.

    Args:
      name: `<source>_deid`, `<source>_deid/<config>` or either with `:<version>`.
      **kwargs: the arguments of `tfds.load`: `split`, `data_dir`, `as_supervised`, `with_info`, `batch_size`, ...

    Returns:
      What `tfds.load` returns: a `tf.data.Dataset`, or one for each split; with `with_info` also the `tfds.core.DatasetInfo`.

    Raises:
      DeidError: there is no such dataset (the message names the command that makes it), or it is in ArrayRecord.
    """
    import tensorflow_datasets as tfds

    builder = open_builder(name, kwargs.get("data_dir"))
    if builder.info.file_format == tfds.core.FileFormat.ARRAY_RECORD:
        raise DeidError(
            f"{name!r} is stored as ArrayRecord, which tf.data does not read. Use tfdeid.data_source({name!r}, ...)."
        )
    return tfds.load(name, **kwargs)


def data_source(name: str, **kwargs: Any) -> Any:
    """Opens a de-identified dataset in ArrayRecord format for random access, exactly as `tfds.data_source(name, **kwargs)`.

    Raises:
      DeidError: there is no such dataset, or it is in TFRecord, which has no random access.
    """
    import tensorflow_datasets as tfds

    builder = open_builder(name, kwargs.get("data_dir"))
    if builder.info.file_format != tfds.core.FileFormat.ARRAY_RECORD:
        raise DeidError(
            f"{name!r} is stored as {builder.info.file_format.value}, which has no random access. "
            f"Use tfdeid.load({name!r}, ...), or write it with --file_format=array_record."
        )
    return tfds.data_source(name, **kwargs)


def open_builder(name: str, data_dir: epath.PathLike | None) -> Any:
    import tensorflow_datasets as tfds

    try:
        return tfds.builder(name, data_dir=data_dir)
    except (tfds.core.DatasetNotFoundError, FileNotFoundError) as error:
        where = epath.Path(data_dir or tfds.core.constants.DATA_DIR)
        command = making_command(name, data_dir)
        unfinished = _unfinished(where / name.split(":")[0])
        if unfinished:
            raise DeidError(
                f"the dataset {name!r} in {where} is not complete. The command that made {unfinished} goes on with "
                "--mode=resume."
            ) from error
        raise DeidError(f"there is no dataset {name!r} in {where}. This makes it: {command}") from error


def _unfinished(directory: epath.Path) -> epath.Path | None:
    """Returns a folder below that has shards but no metadata, if there is one."""
    for pattern in ("_shards", "*/_shards", "*/*/_shards"):
        for reports in sorted(directory.glob(pattern)) if directory.exists() else ():
            if not is_complete(reports.parent):
                return reports.parent
    return None
