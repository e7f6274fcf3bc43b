"""What a source yields."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Example:
    """One example as it is stored.

    Attributes:
      image: an encoded image file, for `tfdeid.image.decode_image`; or uint8[H, W, C] where the source holds arrays.
      label: the index into the source's `label_names`; None if the source has no labels, -1 if TFDS marks it as unknown.
      source_id: what names the example within its split: its `id`, else `file_name`, else its relative path, else its index.
      index: its position in the split of the source that it is read from, before any selection.
    """

    image: bytes | np.ndarray
    label: int | None
    source_id: str
    index: int
