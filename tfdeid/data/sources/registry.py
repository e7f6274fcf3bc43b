"""Which store a `--dataset` reference means."""

from __future__ import annotations

from tfdeid.data.sources.base import Store
from tfdeid.plugins import Registry

SOURCES: Registry[Store] = Registry(
    "source",
    "tfdeid.sources",
    {
        "lfw_subset": "tfdeid.data.sources.lfw_subset:LfwSubset",
        "folder": "tfdeid.data.sources.folder:FolderStore",
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
    """
    name, colon, rest = reference.partition(":")
    if name in SOURCES and bool(SOURCES[name].argument) == bool(colon):
        return SOURCES[name], rest
    return SOURCES[_OTHERS], reference


def absolute_dataset(dataset: str, data_dir: str | None = None) -> str:
    """Returns a dataset's reference as it is written from every folder: `folder:REL` and paths are absolute, names stay.

    Args:
      dataset: as commands take it.
      data_dir: where a name is looked for before it is taken for a path.
    """
    store, rest = store_class(dataset)
    return dataset[: len(dataset) - len(rest)] + store.absolute(rest, data_dir)
