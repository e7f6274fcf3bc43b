"""Knows the records alone, and paints between the cells of a mosaic what is likeliest there."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tfdeid.attack.base import Attacker, Image, Recovery, View
from tfdeid.attack.mask_attacker import MIN_PUBLIC, NO_PUBLIC
from tfdeid.attack.shadow_keys import shadow_deidentifier, shadow_key
from tfdeid.attack.unstretch import restretch
from tfdeid.deidentifier import DeidConfig
from tfdeid.image import resize
from tfdeid.parallel import parallel_map
from tfdeid.schemes.dp_pix import DpPix
from tfdeid.schemes.mosaic import cell_of_pixel
from tfdeid.schemes.pixelate import Pixelate

# Cells that are looked at beyond each, in all directions.
_REACH = 2
_NUM_PUBLIC = 1500
# Pixels a side that are painted of each cell, at most.
_FINEST = 8

_Array = npt.NDArray[np.float64]


class Smoothing(Attacker):
    """The pixels of each cell as the linear function of the cells around it that is best for public images.

    They go through the scheme first, under a key of the attacker's own, so that the function knows how much noise there is.
    """

    name = "smoothing"
    about = "paints between cells what is likeliest there, by linear regression on public images"
    is_given_to_linkers = True

    def suits(self, config: DeidConfig) -> bool:
        return issubclass(config.scheme_class, Pixelate | DpPix)

    def __call__(self, view: View) -> Recovery:
        if len(view.public) < MIN_PUBLIC:
            return Recovery(view.records, note=NO_PUBLIC)
        config, public = view.config, list(view.public[:_NUM_PUBLIC])
        cells = config.options.cells
        fine = min(_FINEST, -(-config.input_size // cells))
        deidentify = shadow_deidentifier(config, shadow_key(view.seed, 0))
        ids = [f"own {number}" for number in range(len(public))]
        seen = np.stack(parallel_map(lambda image, of: _cells(deidentify(image, of), cells), public, ids))
        wanted = np.stack(parallel_map(lambda image: _centred(image, cells * fine), public))
        weights = _regression(_surroundings(seen), _parts(wanted, cells))
        records = np.stack([_cells(record, cells) for record in view.records])
        painted = [_painted(_surroundings(record[np.newaxis]) @ weights, cells, fine) for record in records]
        return Recovery(restretch(np.concatenate(painted), view.records.shape[1]))


def _cells(record: Image, cells: int) -> _Array:
    """Returns float64[K, K, C], the colours of a mosaic's cells about the middle of the scale."""
    of_pixel = cell_of_pixel(cells, record.shape[0])
    middle = [int(np.flatnonzero(of_pixel == cell).mean()) for cell in range(cells)]
    return record[middle][:, middle].astype(np.float64) - 127.5


def _centred(image: Image, size: int) -> _Array:
    return resize(image, size).astype(np.float64) - 127.5


def _surroundings(mosaics: _Array) -> _Array:
    """Returns float64[R * K * K, F], for each cell of float64[R, K, K, C] it and those around, the border repeated, and a 1."""
    wide = np.pad(mosaics, ((0, 0), (_REACH, _REACH), (_REACH, _REACH), (0, 0)), mode="edge")
    cells, places = mosaics.shape[1], range(2 * _REACH + 1)
    around = np.stack([wide[:, down : down + cells, right : right + cells] for down in places for right in places], axis=-2)
    rows = around.reshape(-1, around.shape[-2] * around.shape[-1])
    return np.concatenate([rows, np.ones((len(rows), 1))], axis=1)


def _parts(images: _Array, cells: int) -> _Array:
    """Returns float64[R * K * K, f * f * C], the pixels of each cell of float64[R, K f, K f, C]."""
    count, size, _, channels = images.shape
    fine = size // cells
    parts = images.reshape(count, cells, fine, cells, fine, channels).swapaxes(2, 3)
    return parts.reshape(count * cells * cells, -1)


def _painted(parts: _Array, cells: int, fine: int) -> Image:
    """Returns uint8[1, K f, K f, C] of what `_parts` returns."""
    squares = parts.reshape(cells, cells, fine, fine, -1).swapaxes(1, 2).reshape(1, cells * fine, cells * fine, -1)
    return np.clip(np.rint(squares + 127.5), 0, 255).astype(np.uint8)


def _regression(rows: _Array, wanted: _Array) -> _Array:
    """Returns float64[F, G], the weights of least squares, with a ridge of one level a cell."""
    ridge = len(rows) * np.eye(rows.shape[1])
    ridge[-1, -1] = 0
    return np.asarray(np.linalg.solve(rows.T @ rows + ridge, rows.T @ wanted), np.float64)
