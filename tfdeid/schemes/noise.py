"""Gaussian noise on every value."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt

from tfdeid.checks import checked_number
from tfdeid.schemes.base import CommonOptions, PixelScheme
from tfdeid.schemes.draws import normal
from tfdeid.schemes.key_space import KeySpace
from tfdeid.schemes.keystream import KeyStream


@dataclasses.dataclass(frozen=True)
class NoiseOptions:
    """How strong noise is.

    Raises:
      DeidError: a value is out of its bounds; the message gives the rule and the value.
    """

    sigma: float = 0.1
    """Standard deviation of the noise on each value, as a share of 255: larger hides more."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "sigma", checked_number("sigma", self.sigma, 0, 10))


class Noise(PixelScheme):
    """Each value gets noise of its own, at the input size, and is rounded and kept within 0 to 255; then comes the stretching.

    The noise is drawn from `KeyStream(key, "noise v1, sigma SIGMA, C channels, image ID")`, `ID` being
    `CommonOptions.image_label`: other noise for each image, strength and size, so that no two records of one image let it be
    reckoned out. The mean of several records of one image has less of it than each.
    """

    name = "noise"
    about = "Gaussian noise on every value, drawn by the key for each image"
    Options = NoiseOptions

    @classmethod
    def per_image(cls, config: CommonOptions) -> dict[str, Any]:
        return {"scheme": cls.name}

    @classmethod
    def key_space(cls, config: CommonOptions, channels: int = 3) -> KeySpace:
        """No paper counts anything; the key fixes a number for each value of each image."""
        values = config.input_size**2 * (1 if config.grayscale else channels)
        note = (
            f"The key fixes {values:,} values, the noise of each value, anew for each image. Nobody has to find them: "
            "attackers smooth what noise does not hide."
        )
        return KeySpace(None, values, note, each_image=True)

    @classmethod
    def leaks(cls, config: CommonOptions) -> list[str]:
        return [
            "The image itself, under noise whose strength is known: large shapes, edges and mean colours stay.",
            "Of an image that occurs in several records, or under several keys, the mean: the more, the less noise.",
        ]

    def encrypt(self, image: np.ndarray, image_id: str | None = None) -> npt.NDArray[np.uint8]:
        """Returns uint8[N, N, C], the image uint8[N, N, C] with noise and not stretched yet.

        Raises:
          DeidError: the id is missing.
        """
        return np.clip(image + self._levels(image, image_id), 0, 255).astype(np.uint8)

    def decrypt(self, encrypted: np.ndarray, image_id: str | None = None) -> npt.NDArray[np.uint8]:
        """Takes the noise away. Values that it had carried to 0 or 255 are as near to what they were as is known."""
        return np.clip(encrypted - self._levels(encrypted, image_id), 0, 255).astype(np.uint8)

    def _levels(self, image: np.ndarray, image_id: str | None) -> npt.NDArray[np.int64]:
        """Returns int64[N, N, C], the noise in whole levels."""
        sigma, whose = self.config.options.sigma, self.config.image_label(self.needed_id(image_id))
        stream = KeyStream(self.key, f"noise v1, sigma {sigma!r}, {image.shape[2]} channels, image {whose}")
        return np.floor(255 * sigma * normal(stream, image.size) + 0.5).astype(np.int64).reshape(image.shape)
