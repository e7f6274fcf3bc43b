"""Nothing of the image is left: what attackers get of it is what they get without records."""

from __future__ import annotations

import numpy as np

from tfdeid.schemes.base import CommonOptions, Scheme

GRAY = 128
"""The value of every pixel."""


class Blackout(Scheme):
    """A middle gray, for every image the same.

    An attack that finds more than chance here has a fault. SSIM to the original is not 0: flat parts are like other flat parts.
    """

    name = "blackout"
    about = "one colour for everything: nothing is left, and attackers are at chance; no key"
    needs_key = False

    @classmethod
    def leaks(cls, config: CommonOptions) -> list[str]:
        return ["Whether the image is in colour or gray."]

    def __call__(self, image: np.ndarray, image_id: str | None = None) -> np.ndarray:
        size = self.config.output_size
        return np.full((size, size, image.shape[2]), GRAY, np.uint8)
