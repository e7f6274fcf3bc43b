"""No protection at all: the image resized to the input size, then to the output size. The baseline that others are held to."""

from __future__ import annotations

import numpy as np

from tfdeid.deidentifier import DeidConfig
from tfdeid.image import resize


class Plain:
    """Bicubic resize from the input size to the output size."""

    def __init__(self, config: DeidConfig):
        self._output_size = config.output_size

    def __call__(self, image: np.ndarray, image_id: str | None = None) -> np.ndarray:
        return resize(image, self._output_size)
