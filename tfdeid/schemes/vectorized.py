"""Vectorised, but not encrypted: the paper's way to tell what the vector form costs from what the encryption costs."""

from __future__ import annotations

import numpy as np

from tfdeid.deidentifier import DeidConfig
from tfdeid.schemes.structural import rasterize, trace_options, vectorize


class Vectorized:
    """Rasterize(Vectorize(image))."""

    def __init__(self, config: DeidConfig):
        self._config = config
        self._options = trace_options(config.preset, seed=config.seed)

    def __call__(self, image: np.ndarray, image_id: str | None = None) -> np.ndarray:
        return rasterize(vectorize(image, self._options), self._config.output_size, backend=self._config.backend)
