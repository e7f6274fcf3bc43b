"""A mosaic: what people use where nothing better is at hand, and what every other method has to be held against."""

from __future__ import annotations

import dataclasses

import numpy as np

from tfdeid.checks import check_whole
from tfdeid.schemes.base import CommonOptions, Scheme
from tfdeid.schemes.mosaic import cell_means, check_cells, paint, rounded
from tfdeid.schemes.survival import mosaic_warnings


@dataclasses.dataclass(frozen=True)
class CellOptions:
    """How coarse a mosaic is.

    Raises:
      DeidError: a value is out of its bounds; the message gives the rule and the value.
    """

    cells: int = 12
    """Cells a side of the mosaic: fewer hide more."""

    def __post_init__(self) -> None:
        check_whole("cells", self.cells, 1, 4096)


class Pixelate(Scheme):
    """The mean of each of `cells` x `cells` equal cells of the image at the input size, painted flat at the output size.

    Cells need hold no whole number of pixels: means are by area. Any sum of cells is that of the image.
    """

    name = "pixelate"
    about = "a mosaic: the mean of each cell, painted flat; no key"
    Options = CellOptions
    needs_key = False

    @classmethod
    def check(cls, config: CommonOptions) -> None:
        check_cells(config)

    @classmethod
    def leaks(cls, config: CommonOptions) -> list[str]:
        cells = config.options.cells
        return [
            f"The mean colour of each of {cells} x {cells} cells, unchanged: the image itself, reduced to that size.",
            "Whoever has candidate originals makes mosaics of them and compares: there is no key that they would lack.",
        ]

    @classmethod
    def warnings(cls, config: CommonOptions) -> list[str]:
        return mosaic_warnings(config.options.cells)

    def __call__(self, image: np.ndarray, image_id: str | None = None) -> np.ndarray:
        means = cell_means(image, self.config.options.cells)
        return paint(rounded(means), self.config.output_size)
