"""Options of the schemes that trace images."""

from __future__ import annotations

import dataclasses

from tfdeid.checks import check_flag, check_known, check_whole
from tfdeid.schemes.structural.position_ope import AXES
from tfdeid.schemes.structural.rasterize import BACKENDS
from tfdeid.schemes.structural.trace_options import PRESETS

COLORS = ("own", "keyed")


@dataclasses.dataclass(frozen=True)
class TracingOptions:
    """How images are traced and painted.

    Raises:
      DeidError: a value is out of its bounds; the message gives the rule and the value.
    """

    preset: str = "default"
    """Preset of imagetracerjs to trace with."""
    backend: str = "fast"
    """Painter: fast, or cairo (bit-equal to cairosvg; needs the system library libcairo2)."""
    seed: int = 0
    """Seed of the presets that draw random colours."""

    def __post_init__(self) -> None:
        check_known("preset", self.preset, PRESETS)
        check_known("backend", self.backend, BACKENDS)
        check_whole("seed", self.seed, 0, 2**32 - 1)


@dataclasses.dataclass(frozen=True)
class StructuralOptions(TracingOptions):
    """How images are traced, what the key does to the paths, and how they are painted.

    Raises:
      DeidError: a value is out of its bounds; the message gives the rule and the value.
    """

    coordinate_decimals: int = 1
    """Decimals at which coordinates are encrypted: 1 is the paper's, 0 moves shapes much more."""
    axes: str = "shared"
    """shared, x and y are warped alike, as in the paper; or independent, which is not in the paper."""
    colors: str = "own"
    """own, each image's as they are, as in the paper; or keyed, which is not in the paper: colours that the key draws stand for
    4 levels of lightness, so that hue, brightness and contrast are lost, and the preset's own do not count."""
    bend: bool = False
    """Not in the paper: turn, shift, mirror and elastically deform each image by its id, as no table of an axis undoes."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_whole("coordinate_decimals", self.coordinate_decimals, 0, 3)
        check_known("axes", self.axes, AXES)
        check_known("colors", self.colors, COLORS)
        check_flag("bend", self.bend)
