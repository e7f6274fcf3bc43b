"""No protection at all: the image resized to the input size, then to the output size. The baseline that others are held to."""

from __future__ import annotations

import numpy as np

from tfdeid.image import resize
from tfdeid.schemes.base import Scheme


class Plain(Scheme):
    """Bicubic resize from the input size to the output size."""

    name = "plain"
    about = "resize only: no protection at all"
    needs_key = False
    hides = False

    def __call__(self, image: np.ndarray, image_id: str | None = None) -> np.ndarray:
        return resize(image, self.config.output_size)
