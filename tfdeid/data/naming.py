"""Where a de-identified dataset lies and what it is called; pure functions of names."""

from __future__ import annotations

import re

from tfdeid.errors import DeidError

VERSION = "1.0.0"
SUFFIX = "_deid"


def dataset_name(source_name: str) -> str:
    """Returns `<source>_deid`, the source's name in TFDS's alphabet.

    Raises:
      DeidError: nothing of the name is left in that alphabet.
    """
    name = re.sub(r"[^a-z0-9_]+", "_", source_name.lower()).strip("_")
    if not name or not name[0].isalpha():
        raise DeidError(
            f"a dataset name must begin with a letter and hold a-z, 0-9 and _, it was {source_name!r}. Give --name."
        )
    return name if name.endswith(SUFFIX) else name + SUFFIX


def shard_name(dataset: str, split: str, file_format: str, index: int, count: int) -> str:
    """Returns a shard's file name in the standard TFDS layout."""
    return f"{dataset}-{split}.{file_format}-{index:05d}-of-{count:05d}"


def making_command(name: str) -> str:
    """Returns the command that makes the dataset which a `tfdeid.load` name stands for."""
    dataset, _, config = name.partition("/")
    dataset = dataset.split(":")[0]
    command = ["python -m beam.deid"]
    source = dataset.removesuffix(SUFFIX)
    if source != "lfw_subset":
        command.append(f"--dataset {source}")
    fields = re.fullmatch(r"(?P<scheme>[a-z_]+?)_(?P<input_size>\d+)_(?P<output_size>\d+)(?P<rest>_.*)?", config.split(":")[0])
    if fields:
        command += [f"--{field} {fields[field]}" for field in ("scheme", "input_size", "output_size")]
        if (fields["rest"] or "").endswith("_key_scopeimage"):
            command.append("--key_scope image")
    return " ".join(command)
