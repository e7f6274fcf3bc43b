"""Where images come from, and which of them are chosen. A store is one file: class folders, the bundled sample, TFDS.

`base` has what a store of one's own derives from. TensorFlow is imported when a TFDS dataset is opened, not before.
"""

from tfdeid.data.sources.base import Example, Store
from tfdeid.data.sources.config import SourceConfig
from tfdeid.data.sources.registry import SOURCES, absolute_dataset, plugin_references, references, store_class
from tfdeid.data.sources.source import Source, open_source

__all__ = [
    "SOURCES",
    "Example",
    "Source",
    "SourceConfig",
    "Store",
    "absolute_dataset",
    "open_source",
    "plugin_references",
    "references",
    "store_class",
]
