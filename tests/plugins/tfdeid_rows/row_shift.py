"""A scheme: rows of pixels are shifted around by numbers that the key draws."""

from __future__ import annotations

import dataclasses

import numpy as np

from tfdeid.schemes.base import DATASET, IMAGE, IMAGES_NOT_KEYS, CommonOptions, DeidError, KeySpace, PixelScheme, check_whole


@dataclasses.dataclass(frozen=True)
class Options:
    """How rows are shifted.

    Raises:
      DeidError: a value is out of its bounds.
    """

    rows: int = 1
    """Rows that are shifted together."""

    def __post_init__(self) -> None:
        check_whole("rows", self.rows, 1, 4096)


class RowShift(PixelScheme):
    """Each band of rows goes around by a number of pixels of its own."""

    name = "row_shift"
    about = "bands of rows are shifted around by numbers that the key draws"
    Options = Options
    key_scopes = (DATASET, IMAGE)
    survives_augmentation = False

    @classmethod
    def check(cls, config: CommonOptions) -> None:
        if config.input_size % config.options.rows:
            raise DeidError(
                f"input_size must be a multiple of rows, {config.options.rows}; input_size was {config.input_size}."
            )

    @classmethod
    def key_space(cls, config: CommonOptions, channels: int = 3) -> KeySpace:
        bands = config.input_size // config.options.rows
        return KeySpace(bands * np.log2(config.input_size), bands, IMAGES_NOT_KEYS, config.key_scope == IMAGE)

    @classmethod
    def leaks(cls, config: CommonOptions) -> list[str]:
        return ["Every row has the colours that it had, in their order."]

    def encrypt(self, image: np.ndarray, image_id: str | None = None) -> np.ndarray:
        return self._shifted(image, self._shifts(image_id))

    def decrypt(self, encrypted: np.ndarray, image_id: str | None = None) -> np.ndarray:
        return self._shifted(encrypted, -self._shifts(image_id))

    def _shifts(self, image_id: str | None) -> np.ndarray:
        """Returns by how many pixels each row goes to the right, int[N]."""
        config = self.config
        whose = "all" if config.key_scope == DATASET else config.image_label(self.needed_id(image_id))
        bands = range(config.input_size // config.options.rows)
        draws = [self.key.hmac("row_shift v1", whose, f"size {config.input_size}", f"band {band}") for band in bands]
        shifts = np.array([int.from_bytes(draw[:8], "big") % config.input_size for draw in draws])
        return np.repeat(shifts, config.options.rows)

    def _shifted(self, image: np.ndarray, shifts: np.ndarray) -> np.ndarray:
        columns = (np.arange(image.shape[1]) - shifts[:, None]) % image.shape[1]
        return image[np.arange(image.shape[0])[:, None], columns]
