"""Where a de-identified dataset lies, and what it is called."""

from __future__ import annotations

import dataclasses
import re

from etils import epath

from tfdeid.config import experiment_on
from tfdeid.deidentifier import DeidConfig
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


def making_command(name: str, data_dir: object = None) -> str:
    """Returns the command that makes the dataset which a `tfdeid.load` name stands for, in a data directory (TFDS's own)."""
    dataset, _, config = name.partition("/")
    dataset, config = dataset.split(":")[0], config.split(":")[0]
    experiment = experiment_on(f"{dataset}/{config}")
    source = dataset.removesuffix(SUFFIX)
    command = ["python -m beam.deid"]
    if experiment:
        command.append(f"--config configs/{experiment}")
    elif source != "lfw_subset":
        command.append(f"--dataset {source}")
    if not experiment:
        command += [f"--{field} {value}" for field, value in _deid_fields(config).items()]
    if data_dir:
        # The source may lie there too, or elsewhere, which only the user knows.
        command += [f"--data_dir {data_dir}"] * (epath.Path(str(data_dir)) / source).is_dir() + [f"--output_dir {data_dir}"]
    return " ".join(command)


def _deid_fields(config: str) -> dict[str, str]:
    """Reads a configuration's name, as `DeidConfig.name` writes it; {} for what is none."""
    others = "|".join(field.name for field in dataclasses.fields(DeidConfig)[3:])
    fields = re.fullmatch(rf"(?P<scheme>[a-z_]+?)_(?P<input_size>\d+)_(?P<output_size>\d+)(?P<rest>(_({others}).+)*)", config)
    if not fields:
        return {}
    found = {name: fields[name] for name in ("scheme", "input_size", "output_size")}
    rest = re.split(rf"_({others})", fields["rest"])[1:]
    found |= dict(zip(rest[::2], rest[1::2], strict=True))
    # A name says 1 for true, and TFDS's alphabet has no colon for pool:64.
    spelled = {name: ("1", "true") for name in ("grayscale", "bend")} | {"key_scope": ("pool", "pool:")}
    return {name: value.replace(*spelled[name]) if name in spelled else value for name, value in found.items()}
