"""Mosaics: the mean of each cell of an image, exactly, and cells painted flat."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tfdeid.errors import DeidError
from tfdeid.schemes.base import CommonOptions


def check_cells(config: CommonOptions) -> None:
    """Raises DeidError if there are more cells a side than pixels."""
    cells = config.options.cells
    for name in ("input_size", "output_size"):
        if (size := getattr(config, name)) < cells:
            raise DeidError(
                f"cells must be at most {name}, of which each is a pixel or more; cells was {cells}, {name} {size}."
            )


def cell_means(image: np.ndarray, cells: int) -> npt.NDArray[np.float64]:
    """Returns float64[K, K, C], the mean of each of K x K equal cells; pixels that lie in two count by their area in each.

    Sums are of whole numbers below 2^53 and so the same in whatever order a machine adds them up.

    Args:
      image: uint8[N, N, C].
      cells: K, at most N.
    """
    size = image.shape[0]
    # On a ruler on which a pixel is K long, and a cell N.
    edges, starts = np.arange(cells + 1) * size, np.arange(size) * cells
    shared = np.minimum(edges[1:, None], starts + cells) - np.maximum(edges[:-1, None], starts)
    weights = np.maximum(shared, 0).astype(np.float64)
    planes = np.ascontiguousarray(np.moveaxis(image, 2, 0), np.float64)
    return np.moveaxis(weights @ planes @ weights.T, 0, 2) / size**2


def rounded(values: npt.NDArray[np.float64]) -> npt.NDArray[np.uint8]:
    """Returns the nearest of 0 to 255, halves up."""
    return np.clip(np.floor(values + 0.5), 0, 255).astype(np.uint8)


def paint(colors: np.ndarray, size: int) -> npt.NDArray[np.uint8]:
    """Returns uint8[S, S, C]: each pixel has the colour of the cell that its centre lies in.

    Args:
      colors: uint8[K, K, C], of the cells.
      size: S.
    """
    cell = cell_of_pixel(len(colors), size)
    return colors[cell][:, cell]


def cell_of_pixel(cells: int, size: int) -> npt.NDArray[np.intp]:
    """Returns intp[size], the number of the cell that each pixel of a row has its centre in."""
    return (2 * np.arange(size) + 1) * cells // (2 * size)
