"""What a source yields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from tfdeid.key import Key


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


def record_id(key: Key, source_name: str, split: str, example: Example) -> str:
    """Returns a de-identified record's id: 128 bits in hex, which without the key tell nothing of the source."""
    return key.hmac(source_name, split, example.source_id)[:16].hex()
