"""The paper's method as a scheme."""

from __future__ import annotations

import warnings

import numpy as np

from tfdeid.deidentifier import DeidConfig
from tfdeid.key import Key
from tfdeid.schemes.structural import PositionOPE, rasterize, trace_options, vectorize

# The paper asks that rasterising shrink the encrypted canvas by at least 30 percent (section III-C).
_LARGEST_SHARE_OF_CANVAS = 0.7


class Structural:
    """Rasterize(PosOPE(Vectorize(image))), one warp for all images.

    Raises:
      DeidError: the input size does not fit the encryption's domain (at most about 997 at one decimal).
    """

    def __init__(self, config: DeidConfig, key: Key):
        self._config = config
        self._options = trace_options(config.preset, seed=config.seed)
        self._ope = PositionOPE(key, coordinate_decimals=config.coordinate_decimals)
        canvas = self._ope.canvas(config.input_size)
        if config.output_size > _LARGEST_SHARE_OF_CANVAS * canvas:
            # The canvas itself is as good as the key, so the warning does not name it.
            warnings.warn(
                f"output_size {config.output_size} is more than 70 % of the encrypted canvas of this key at input_size "
                f"{config.input_size}; the paper asks for a stronger reduction: a smaller output_size or a larger input_size.",
                stacklevel=4,
            )

    def __call__(self, image: np.ndarray, image_id: str | None = None) -> np.ndarray:
        moved = self._ope(vectorize(image, self._options))
        return rasterize(moved, self._config.output_size, backend=self._config.backend)
