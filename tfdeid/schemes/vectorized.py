"""Vectorised, but not encrypted: the paper's way to tell what the vector form costs from what the encryption costs."""

from __future__ import annotations

import numpy as np

from tfdeid.key import Key
from tfdeid.schemes.base import CommonOptions, Scheme
from tfdeid.schemes.structural import rasterize, trace_options, vectorize
from tfdeid.schemes.structural.options import TracingOptions
from tfdeid.schemes.survival import traced_warnings


class Vectorized(Scheme):
    """Rasterize(Vectorize(image))."""

    name = "vectorized"
    about = "traced and painted, not encrypted"
    Options = TracingOptions
    needs_key = False
    traces = True

    def __init__(self, config: CommonOptions, key: Key | None = None):
        super().__init__(config, key)
        self._trace = trace_options(config.options.preset, seed=config.options.seed)

    @classmethod
    def warnings(cls, config: CommonOptions) -> list[str]:
        return traced_warnings(config, encrypted=False)

    def __call__(self, image: np.ndarray, image_id: str | None = None) -> np.ndarray:
        return rasterize(vectorize(image, self._trace), self.config.output_size, backend=self.config.options.backend)
