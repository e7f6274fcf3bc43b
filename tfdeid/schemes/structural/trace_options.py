"""What imagetracerjs can be told: its options, its presets, and the bounds within which they make sense."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from tfdeid.errors import DeidError, unknown_name

# Colours for `palette`: (red, green, blue) or (red, green, blue, alpha), each 0..255.
Palette = tuple[tuple[int, ...], ...]

GENERATED, RANDOM_SAMPLED, GRID_SAMPLED = range(3)


@dataclasses.dataclass(frozen=True)
class TraceOptions:
    """The options of imagetracerjs 1.2.6 that change the trace, under its names and with its defaults.

    The options that draw random numbers (`colorsampling` 1, `colorsampling` 0 with a number of colours that is no cube,
    `mincolorratio` above 0) take them from `seed`. `layering` chooses between two ways to the same result.

    Raises:
      DeidError: a value is out of its bounds; the message gives the rule and the value.
    """

    ltres: float = 1.0
    """Largest squared distance in pixels² of a straight line from the nodes that it replaces."""
    qtres: float = 1.0
    """Largest squared distance in pixels² of a quadratic spline from the nodes that it replaces."""
    pathomit: int = 8
    """Contours with fewer edge nodes are left out."""
    rightangleenhance: bool = True
    """Keep right-angled corners sharp."""
    colorsampling: int = GRID_SAMPLED
    """First palette: 0 generated (grays, or a colour cube), 1 random pixels, 2 pixels of a grid."""
    numberofcolors: int = 16
    """Colours in the palette, which are also the layers."""
    mincolorratio: float = 0.0
    """A colour with a smaller share of the pixels is replaced by a random one between the cycles."""
    colorquantcycles: int = 3
    """Rounds of k-means clustering."""
    layering: int = 0
    """0 sequential, 1 parallel: the same paths either way."""
    strokewidth: float = 1.0
    """Stroke width of every path in pixels."""
    linefilter: bool = False
    """Leave out paths of fewer than three segments."""
    scale: float = 1.0
    """All coordinates are multiplied by this."""
    roundcoords: int = 1
    """Decimals of the coordinates; -1 leaves them as they are. Holes are always rounded to whole numbers, unless -1."""
    blurradius: int = 0
    """Radius in pixels of the selective Gaussian blur before tracing, 0 (none) to 5."""
    blurdelta: float = 20.0
    """A pixel that the blur changes by more than this (sum over channels) stays as it was."""
    palette: Palette | None = None
    """A first palette of one's own, in place of `colorsampling` and `numberofcolors`."""
    seed: int = 0
    """Seed of the options that draw random numbers."""

    def __post_init__(self) -> None:
        for name, low, high in _BOUNDS:
            value = getattr(self, name)
            if not isinstance(value, (int, float)) or not low <= value <= high or not math.isfinite(value):
                raise DeidError(f"trace option {name} must be in [{low}, {high}], {name} was {value!r}.")
        for name in (
            "pathomit",
            "colorsampling",
            "numberofcolors",
            "colorquantcycles",
            "layering",
            "roundcoords",
            "blurradius",
        ):
            if int(getattr(self, name)) != getattr(self, name):
                raise DeidError(f"trace option {name} must be a whole number, {name} was {getattr(self, name)!r}.")
        if self.palette is not None:
            object.__setattr__(self, "palette", _checked_palette(self.palette))

    @property
    def draws_random_numbers(self) -> bool:
        """Whether the trace depends on `seed`."""
        if self.mincolorratio > 0 and self.colorquantcycles > 2:
            return True
        if self.palette is not None or self.colorsampling == GRID_SAMPLED:
            return False
        return self.colorsampling == RANDOM_SAMPLED or (self.numberofcolors >= 8 and self.cube_edge**3 != self.numberofcolors)

    @property
    def cube_edge(self) -> int:
        """Points on each edge of the generated colour cube; a cube root in doubles, so 64 colours give 3, as the program's."""
        return math.floor(math.pow(self.numberofcolors, 1 / 3))


_BOUNDS = (
    ("ltres", 0, 1e9),
    ("qtres", 0, 1e9),
    ("pathomit", 0, 2**31 - 1),
    ("colorsampling", 0, 2),
    ("numberofcolors", 2, 4096),
    ("mincolorratio", 0, 1),
    ("colorquantcycles", 1, 1000),
    ("layering", 0, 1),
    ("strokewidth", 0, 1e6),
    ("scale", 1e-6, 1e6),
    ("roundcoords", -1, 6),
    ("blurradius", 0, 5),
    ("blurdelta", -1e6, 1e6),
    ("seed", 0, 2**32 - 1),
)


def _checked_palette(palette: Any) -> Palette:
    colors = tuple(tuple(int(v) for v in color) for color in palette)
    if not 1 <= len(colors) <= 4096 or not all(len(c) in (3, 4) and all(0 <= v <= 255 for v in c) for c in colors):
        raise DeidError(f"a palette holds 1 to 4096 colours of 3 or 4 numbers in [0, 255] each, it was {palette!r:.200}.")
    return tuple(color if len(color) == 4 else (*color, 255) for color in colors)


_PRESETS: Mapping[str, Mapping[str, Any]] = {
    "default": {},
    "posterized1": {"colorsampling": 0, "numberofcolors": 2},
    "posterized2": {"numberofcolors": 4, "blurradius": 5},
    "curvy": {"ltres": 0.01, "linefilter": True, "rightangleenhance": False},
    "sharp": {"qtres": 0.01},
    "detailed": {"pathomit": 0, "roundcoords": 2, "ltres": 0.5, "qtres": 0.5, "numberofcolors": 64},
    "smoothed": {"blurradius": 5, "blurdelta": 64},
    "grayscale": {"colorsampling": 0, "colorquantcycles": 1, "numberofcolors": 7},
    "fixedpalette": {"colorsampling": 0, "colorquantcycles": 1, "numberofcolors": 27},
    "randomsampling1": {"colorsampling": 1, "numberofcolors": 8},
    "randomsampling2": {"colorsampling": 1, "numberofcolors": 64},
    "artistic1": {
        "colorsampling": 0,
        "colorquantcycles": 1,
        "pathomit": 0,
        "blurradius": 5,
        "blurdelta": 64,
        "ltres": 0.01,
        "linefilter": True,
        "numberofcolors": 16,
        "strokewidth": 2,
    },
    "artistic2": {"qtres": 0.01, "colorsampling": 0, "colorquantcycles": 1, "numberofcolors": 4, "strokewidth": 0},
    "artistic3": {"qtres": 10, "ltres": 10, "numberofcolors": 8},
    "artistic4": {"qtres": 10, "ltres": 10, "numberofcolors": 64, "blurradius": 5, "blurdelta": 256, "strokewidth": 2},
    "posterized3": {
        "pathomit": 20,
        "colorsampling": 0,
        "numberofcolors": 3,
        "blurradius": 3,
        "strokewidth": 0,
        "palette": ((0, 0, 100), (255, 255, 255)),
    },
}

PRESETS = tuple(_PRESETS)


def trace_options(preset: str = "default", **changes: Any) -> TraceOptions:
    """Returns the options of a preset of imagetracerjs, with some of them changed.

    Raises:
      DeidError: the preset or an option is unknown, or a value is out of its bounds.
    """
    if preset not in _PRESETS:
        raise unknown_name("preset", preset, PRESETS)
    known = {field.name for field in dataclasses.fields(TraceOptions)}
    for name in changes:
        if name not in known:
            raise unknown_name("trace option", name, known)
    return TraceOptions(**{**_PRESETS[preset], **changes})
