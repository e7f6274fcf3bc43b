"""`tfdeid reproduce frontier`: all modes of the scheme and all baselines on CIFAR-10, by `tfdeid compare`."""

from __future__ import annotations

import pathlib

from tfdeid.compare.methods import Method, parse_methods
from tfdeid.compare.perform import perform
from tfdeid.compare.plan import Question
from tfdeid.compare.recommend import Limits
from tfdeid.data.sources import SourceConfig
from tfdeid.experiments.scale import Scale
from tfdeid.experiments.splits import held_out
from tfdeid.experiments.workshop import Workshop
from tfdeid.schemes import SCHEMES

FRONTIER = "frontier"
METHODS = (
    "plain,vectorized:input_size=50,structural:input_size=32,structural:input_size=50,structural:input_size=64,"
    "structural:axes=independent,structural:key_scope=pool:64,structural:key_scope=image,structural:coordinate_decimals=0,"
    "structural:colors=keyed,structural:colors=keyed,bend=true,strong,"
    "pixelate:cells=8,pixelate:cells=12,pixelate:cells=16,pixelate:cells=20,blur,"
    "dp_pix:epsilon=1,dp_pix:epsilon=10,negative_positive,negative_positive:key_scope=image,block_shuffle,"
    "block_shuffle:key_scope=image"
)


def methods() -> list[Method]:
    """Returns what is compared: ours, and each scheme of another distribution with its defaults."""
    return [*parse_methods(METHODS), *(Method(name) for name in SCHEMES if SCHEMES.plugin(name) is not None)]


def frontier(dataset: str, data_dir: str | None, scale: Scale, key: str, folder: pathlib.Path, kept: bool, command: str) -> int:
    """Compares all modes and baselines; returns the exit code, as `perform`.

    Args:
      dataset: what stands for CIFAR-10.
      data_dir: TFDS data directory that it is read from.
      scale: how much is run.
      key: the key's reference.
      folder: for parts and files.
      kept: run nothing.
      command: what repeats it.

    Raises:
      DeidError: the dataset is not there.
    """
    workshop = Workshop(folder, data_dir, key, held_out(SourceConfig(dataset=dataset, data_dir=data_dir)))
    return perform(Question(dataset, scale), methods(), Limits(), workshop, folder, kept, command=command)
