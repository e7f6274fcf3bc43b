"""Where a de-identified dataset lies, and what it is called."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping

from etils import epath

from tfdeid.commandline import absolute, command
from tfdeid.config import experiment_on
from tfdeid.data.sources import SourceConfig, absolute_dataset
from tfdeid.deidentifier import options_of_name
from tfdeid.errors import DeidError

VERSION = "1.0.0"
SUFFIX = "_deid"
_SPLIT = re.compile(r"[\w-]+")
# Control characters, halves of characters, ends of lines and paragraphs.
_UNWRITABLE = ("Cc", "Cs", "Zl", "Zp")


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


def split_names(splits: Iterable[str]) -> dict[str, str]:
    """Returns what each split of a source is called in a dataset: its own name, or one like it that TFDS can read.

    TFDS knows words of letters, digits, `_` and `-`, and `all` stands for all splits.
    """
    return _distinct(splits, lambda split: _SPLIT.fullmatch(split) is not None and split != "all", _split_like)


def _split_like(split: str) -> str:
    word = re.sub(r"[^\w-]+", "_", unicodedata.normalize("NFC", split)).strip("_") or "split"
    return "all_" if word == "all" else word


def class_names(names: Iterable[str]) -> list[str]:
    """Returns what each class of a source is called in a dataset: its own name, or one like it that TFDS can read.

    TFDS keeps one name a line, without the blanks around it, and none that are empty.
    """
    return [*_distinct(names, lambda name: _class_like(name) == name, _class_like).values()]


def _class_like(name: str) -> str:
    escaped = "".join(
        letter.encode("unicode_escape").decode() if unicodedata.category(letter) in _UNWRITABLE else letter
        for letter in name.strip()
    )
    return escaped or "unnamed"


def renamed(names: Mapping[str, str]) -> str:
    """Returns what to say of names that are not the same in the dataset, "" if all are."""
    return ", ".join(f"{name!r} is {new}" for name, new in names.items() if name != new)


def _distinct(names: Iterable[str], is_valid: Callable[[str], bool], like: Callable[[str], str]) -> dict[str, str]:
    """Maps names to themselves where they are valid, and others to ones like them that no other has."""
    names = [*names]
    taken = {name for name in names if is_valid(name)}
    mapped = {}
    for name in names:
        mapped[name] = name
        if not is_valid(name):
            numbered = (f"{like(name)}_{k}" for k in itertools.count(2))
            mapped[name] = next(new for new in itertools.chain([like(name)], numbered) if new not in taken)
            taken.add(mapped[name])
    return mapped


def making_command(name: str, data_dir: object = None, of: tuple[str, str | None] | None = None) -> str:
    """Returns the command that makes the dataset which a `tfdeid.load` name stands for, in a data directory (TFDS's own).

    Args:
      name: the name.
      data_dir: where the dataset will lie.
      of: the source and its data directory; None to guess them by the name.
    """
    dataset, _, config = name.partition("/")
    dataset, config = dataset.split(":")[0], config.split(":")[0]
    experiment = experiment_on(f"{dataset}/{config}") if of is None else None
    source = dataset.removesuffix(SUFFIX)
    words: list[str] = []
    if experiment:
        words += ["--config", f"configs/{experiment}"]
    elif of is not None or source != SourceConfig.dataset:
        words += ["--dataset", source if of is None else absolute_dataset(of[0])]
    if not experiment:
        words += [word for field, value in options_of_name(config).items() for word in (f"--{field}", value)]
    if data_dir:
        place = absolute(str(data_dir))
        # The source may lie there too, or elsewhere, which only the user knows.
        words += ["--data_dir", place] * (of is None and (epath.Path(place) / source).is_dir()) + ["--output_dir", place]
    if of is not None and of[1] is not None:
        words += ["--data_dir", absolute(of[1])]
    return command("python", "-m", "beam.deid", *words)
