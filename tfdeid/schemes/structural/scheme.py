"""The paper's method as a scheme, and with warps that differ from image to image."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

from tfdeid.errors import DeidError, warn
from tfdeid.key import Key
from tfdeid.schemes.base import DATASET, IMAGE, POOL, CommonOptions, Scheme
from tfdeid.schemes.key_space import IMAGES_NOT_KEYS, KeySpace
from tfdeid.schemes.structural import PositionOPE, rasterize, trace_options, vectorize
from tfdeid.schemes.structural.bend import NUMBERS as BEND_NUMBERS
from tfdeid.schemes.structural.bend import Bend, largest_size
from tfdeid.schemes.structural.options import StructuralOptions
from tfdeid.schemes.structural.position_ope import MARGIN
from tfdeid.schemes.structural.recolor import LEVELS, Recolor
from tfdeid.schemes.structural.vector_image import VectorImage
from tfdeid.schemes.survival import traced_warnings

# The paper asks that rasterising shrink the encrypted canvas by at least 30 percent (section III-C).
_LARGEST_SHARE_OF_CANVAS = 0.7
# Control points of traced curves lie outside the canvas, by up to 2.8 pixels in all that was tried.
_OVERSHOOT = 4
# The largest number that the encryption takes.
_LARGEST_NUMBER = 9999
# Canvases of so many tables are looked at, where there are more.
_SAMPLED_TABLES = 8
# Seconds of one core, measured in 2026-11 on one of a cloud machine's, with photographs at input sizes from 32 to 224: for a
# number of a table, and for a table that knows only what occurs in one image, for a pixel of the input size.
_SECONDS_A_NUMBER, _SECONDS_A_PIXEL = 5e-5, 5e-4


class Structural(Scheme):
    """Rasterize(PosOPE(Vectorize(image))).

    In the paper one warp serves all images. With `key_scope` "image" each has that of `key.derive("structural v1, image ID")`;
    with "pool:K" an image has that of `key.derive("structural v1, table I of a pool of K")`, where I is the remainder by K of
    the first 8 bytes, big-endian, of `key.hmac("structural v1, pool of K", ID)`. Neither is in the paper. Since algorithm
    version 2, `ID` and `I` are followed by ", input size N" (`CommonOptions.image_label`).

    Not in the paper either: with `colors` "keyed" an image is recoloured before it is traced (`recolor`), and with `bend` its
    paths are bent before they are encrypted (`bend`), both under the key itself and the image's id.

    The tables of a pool are made when they are first used, and kept: 4,096 take 80 MB at input size 224, and twice that with
    independent axes. Those of single images are not kept.

    Raises:
      DeidError: the input size does not fit the encryption's domain.
    """

    name = "structural"
    about = "the paper's method: traced, the paths' positions encrypted in their order, painted"
    Options = StructuralOptions
    key_scopes = (DATASET, POOL, IMAGE)
    traces = True

    def __init__(self, config: CommonOptions, key: Key | None = None):
        super().__init__(config, key)
        options: StructuralOptions = config.options
        self._recolor = Recolor(self.key) if options.colors == "keyed" else None
        self._bend = Bend(self.key) if options.bend else None
        self._options = trace_options(options.preset, seed=options.seed)
        if self._recolor is not None:
            # The pixels have the palette's colours, and one round of clustering leaves them; the preset's are not used.
            palette = tuple(tuple(map(int, color)) for color in self._recolor.palette)
            self._options = dataclasses.replace(self._options, palette=palette, colorquantcycles=1, mincolorratio=0.0)
        self._pool: dict[int, PositionOPE] = {}
        self._shared = self._table(self.key) if config.key_scope == "dataset" else None
        some = ", for some images" if config.key_scope != "dataset" else ""
        if any(config.output_size > _LARGEST_SHARE_OF_CANVAS * side for side in self._sides()):
            # The canvas itself is as good as the key, so the warning does not name it.
            warn(
                f"output_size {config.output_size} is more than 70 % of the encrypted canvas of this key at input_size "
                f"{config.input_size}{some}; the paper asks for a stronger "
                "reduction: a smaller output_size or a larger input_size."
            )

    @classmethod
    def check(cls, config: CommonOptions) -> None:
        """Raises DeidError if there may be coordinates that are too large for the encryption."""
        options: StructuralOptions = config.options
        decimals = options.coordinate_decimals
        largest = _LARGEST_NUMBER // 10**decimals - _OVERSHOOT
        where, why = f"coordinate_decimals {decimals}", "curves reach some pixels"
        if options.bend:
            largest = largest_size(_LARGEST_NUMBER / 10**decimals, _OVERSHOOT)
            where, why = f"{where} with bend", "a bend moves much"
        if config.input_size > largest:
            raise DeidError(
                f"input_size must be at most {largest} at {where}, since the encryption takes numbers up to {_LARGEST_NUMBER} "
                f"and {why} beyond the canvas; input_size was {config.input_size}."
            )

    @classmethod
    def per_image(cls, config: CommonOptions) -> dict[str, Any]:
        options: StructuralOptions = config.options
        more = {"colors": options.colors == "keyed", "bend": options.bend}
        return {**super().per_image(config), **{name: getattr(options, name) for name, counts in more.items() if counts}}

    @classmethod
    def key_space(cls, config: CommonOptions, channels: int = 3) -> KeySpace:
        """(n + 1)^n images of n = N * N pixels (Ko et al. 2020, eq. 9).

        The key fixes the entries of the warp table that occur on the canvas, 10^d * N + 1 at d decimals, the same for both
        axes; twice as many where the axes are independent, and in a pool of K tables K times as many. Keyed colours add 3
        bounds of levels for each image (the colours themselves are no secret: every record shows them), a bend 36 numbers.
        """
        options: StructuralOptions = config.options
        pixels, tables = config.input_size**2, config.pool_size or 1
        table = 10**options.coordinate_decimals * config.input_size + 1
        return KeySpace(
            images_log2=pixels * math.log2(pixels + 1),
            fixed_values=table * (1 if options.axes == "shared" else 2) * tables,
            note=IMAGES_NOT_KEYS,
            each_image=config.key_scope == IMAGE,
            tables=tables,
            more_each=(LEVELS - 1 if options.colors == "keyed" else 0) + (BEND_NUMBERS if options.bend else 0),
        )

    @classmethod
    def leaks(cls, config: CommonOptions) -> list[str]:
        options: StructuralOptions = config.options
        colors = (
            "What is lighter and what is darker, in a few levels: the colours are the key's, their order is not secret."
            if options.colors == "keyed"
            else "The colours of the traced paths, unchanged, and roughly how much of the image each covers."
        )
        layout = (
            "The rough layout: shapes are turned, mirrored, moved and bent, but what lies beside another shape stays so."
            if options.bend
            else "The rough layout: the warp moves and stretches shapes, but what is left of or above another shape stays so."
        )
        order = "The number of paths and the order in which they are painted, where they can be told apart."
        if config.key_scope != DATASET:
            return [colors, layout, order]
        warp = "warp, on both axes" if options.axes == "shared" else "warp of each axis"
        same = f"All records have the same {warp}: what is learned from some of them holds for the others."
        return [colors, layout, order, same]

    @classmethod
    def warnings(cls, config: CommonOptions) -> list[str]:
        return traced_warnings(config)

    @classmethod
    def cost(cls, config: CommonOptions, num_images: int) -> str:
        """Returns what the tables of a key scope will take, which in the paper's method is one table."""
        if config.key_scope == DATASET:
            return ""
        each = table_seconds(config)
        if config.pool_size is None:
            each_image = f"a table for each image, about {1000 * each:.0f} ms each"
            what = f"{each_image}: {_duration(num_images * each)} more of one core in all"
        else:
            tables = min(config.pool_size, num_images)
            up_to = f"up to {tables} tables, about {1000 * each:.0f} ms each"
            what = f"{up_to}: {_duration(tables * each)} more in each worker process"
        return f"key_scope {config.key_scope}: {what} (an estimate, measured on one cloud core in 2026-11; yours will differ)"

    def position_ope(self, image_id: str | None = None) -> PositionOPE:
        """Returns the encryption that an image's positions get. It is as good as the key.

        Args:
          image_id: the image's id, in a dataset the record's; needed where the configuration `needs_ids`.

        Raises:
          DeidError: the id is missing.
        """
        if self._shared is not None:
            return self._shared
        image_id, count = self.needed_id(image_id), self.config.pool_size
        if count is None:
            return self._of_image(image_id)
        digest = self.key.hmac(f"structural v1, pool of {count}", self.config.image_label(image_id))
        return self._of_pool(int.from_bytes(digest[:8], "big") % count)

    def drawing(self, image: np.ndarray, image_id: str | None = None) -> VectorImage:
        """Returns an image's paths before their positions are encrypted, in keyed colours and bent if so configured.

        Args:
          image: uint8[N, N, C], N the input size and C 1 or 3.
          image_id: as for `position_ope`.

        Raises:
          DeidError: the id is missing.
        """
        colored = image
        if self._recolor is not None:
            colored = self._recolor(image, self._label(image_id))
        # A gray image is painted in the key's colours, and turns gray again at last: as grays alone they might be mistaken.
        drawn = vectorize(colored, self._options).replace(channels=image.shape[2])
        return drawn if self._bend is None else self._bend(drawn, self._label(image_id))

    def __call__(self, image: np.ndarray, image_id: str | None = None) -> np.ndarray:
        moved = self.position_ope(image_id)(self.drawing(image, image_id))
        return rasterize(moved, self.config.output_size, backend=self.config.options.backend)

    def _label(self, image_id: str | None) -> str:
        return self.config.image_label(self.needed_id(image_id))

    def _of_image(self, image_id: str) -> PositionOPE:
        return self._table(self.key.derive(f"structural v1, image {self._label(image_id)}"), whole_canvas=False)

    def _of_pool(self, index: int) -> PositionOPE:
        if index not in self._pool:
            label = self.config.image_label(f"{index}")
            made = self._table(self.key.derive(f"structural v1, table {label} of a pool of {self.config.pool_size}"))
            # Two threads that come first at once make the same; all use that of one, so that the work is done once.
            self._pool.setdefault(index, made)
        return self._pool[index]

    def _table(self, key: Key, whole_canvas: bool = True) -> PositionOPE:
        return PositionOPE(key, self.config.options.coordinate_decimals, self.config.options.axes, whole_canvas)

    def _sides(self) -> list[float]:
        """Returns the sides of the encrypted canvas under all tables, or where they are many under a sample."""
        if self._shared is not None:
            sample = [self._shared]
        elif count := self.config.pool_size:
            sample = [self._of_pool(index) for index in range(min(count, _SAMPLED_TABLES))]
        else:  # Of no image: what is learned from a warning is about none.
            sample = [self._of_image(f"sample {index}") for index in range(_SAMPLED_TABLES)]
        size = self.config.input_size
        return [side for ope in sample for side in ope.canvas_size(size, size)]


def table_seconds(config: CommonOptions) -> float:
    """Estimates the seconds of one core that an image (`key_scope` "image"), or a table of a pool or of all, takes to encrypt.

    The estimate rests on one machine's measurements; a table is made within one thread at a time of a process.
    """
    axes = 1 if config.options.axes == "shared" else 2
    whole = _SECONDS_A_NUMBER * 10**config.options.coordinate_decimals * (config.input_size + 2 * MARGIN)
    return axes * (min(whole, _SECONDS_A_PIXEL * config.input_size) if config.key_scope == "image" else whole)


def _duration(seconds: float) -> str:
    for unit, length in (("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:,.0f} {unit}"
    return f"{seconds:.1f} s"
