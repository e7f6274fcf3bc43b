"""Which store a `--dataset` reference means."""

from __future__ import annotations

from tfdeid.data.sources.base import Store
from tfdeid.errors import DeidError
from tfdeid.plugins import Plugin, Registry

SOURCES: Registry[Store] = Registry(
    "source",
    "tfdeid.sources",
    {
        "lfw_subset": "tfdeid.data.sources.lfw_subset:LfwSubset",
        "folder": "tfdeid.data.sources.folder:FolderStore",
        "wds": "tfdeid.data.sources.webdataset:WebDatasetStore",
        "parquet": "tfdeid.data.sources.parquet:ParquetStore",
        "tfds": "tfdeid.data.sources.tfds:TfdsStore",
    },
    Store,  # type: ignore[type-abstract]
)
# What is no name of a store, nor begins with one and a colon: cifar10, cifar10:3.0.2, /data/tfds/mnist/3.0.1.
_OTHERS = "tfds"


def store_class(reference: str) -> tuple[type[Store], str]:
    """Returns the class of the store that a reference means, and what the reference says to it.

    `NAME:REST` means the store of that name if it takes an argument, `NAME` alone if it takes none. All else is a dataset of
    TFDS, whose references may hold a colon too; `tfds:REFERENCE` is one whatever other stores there are.

    Raises:
      DeidError: a plug-in's store needs an argument and gets none.
    """
    name, colon, rest = reference.partition(":")
    if name in SOURCES and bool(SOURCES[name].argument) == bool(colon):
        return SOURCES[name], rest
    if SOURCES.plugin(name) and not colon:
        raise DeidError(f"the source {name!r} is asked for as {name}:{SOURCES[name].argument}. A TFDS dataset is tfds:{name}.")
    return SOURCES[_OTHERS], reference


def references() -> str:
    """Returns what `--dataset` takes, for help texts."""
    ours = (
        "a TFDS name[/config][:version], folder:PATH with a subfolder a class, wds:PATTERN (WebDataset archives), "
        "parquet:PATTERN (Parquet files of Hugging Face's datasets), or lfw_subset (200 small bundled images)"
    )
    others = plugin_references()
    return f"{ours}; of plug-ins {', '.join(others)}" if others else ours


def plugin_references() -> dict[str, Plugin]:
    """Returns what `--dataset` takes for sources of other distributions, as "name:ARGUMENT", and whose they are."""
    plugins = {name: SOURCES.plugin(name) for name in SOURCES}
    return {f"{name}:{SOURCES[name].argument}".rstrip(":"): plugin for name, plugin in plugins.items() if plugin}


def absolute_dataset(dataset: str, data_dir: str | None = None) -> str:
    """Returns a dataset's reference as it is written from every folder: `folder:REL` and paths are absolute, names stay.

    Args:
      dataset: as commands take it.
      data_dir: where a name is looked for before it is taken for a path.
    """
    store, rest = store_class(dataset)
    return dataset[: len(dataset) - len(rest)] + store.absolute(rest, data_dir)
