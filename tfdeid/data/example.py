"""What a source yields, and the ids of the records that are made of it."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
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
        Other examples may have the same, as the images of one patient.
      index: its position in the split of the source that it is read from, before any selection.
    """

    image: bytes | np.ndarray
    label: int | None
    source_id: str
    index: int


@dataclasses.dataclass(frozen=True)
class RecordIds:
    """The ids of de-identified records: 128 bits in hex, which without the key tell nothing of the source.

    An id is one image's: it is made of the source's name, the split, the source's own id and, since these may repeat or be
    those of another folder of the same name, the position and the image as it is stored. Where the key makes something for
    each image, it is made from this id.

    Args:
      key: the owner's key.
      source_name: `Source.name`.
      algorithm_version: of the dataset. Until version 1 name, split and source id were all.
    """

    key: Key
    source_name: str
    algorithm_version: int

    def __call__(self, split: str, example: Example) -> str:
        """Returns the id of the record that is made of an example of a split."""
        if self.algorithm_version == 1:
            return self.key.hmac(self.source_name, split, example.source_id)[:16].hex()
        image = hashlib.sha256(_stored(example)).digest()
        return self.key.hmac("record", self.source_name, split, example.source_id, f"{example.index}", image)[:16].hex()


def digest(example: Example) -> bytes:
    """Returns a hash of what a record is made of: the image as it is stored, and the label."""
    return hashlib.sha256(f"{example.label} ".encode() + _stored(example)).digest()


def digest_of_all(key: Key, digests: Mapping[str, bytes]) -> str:
    """Returns a hash of the digests of some examples by the ids of their records, whatever their order.

    It lies beside the dataset, so it takes the key: else whoever guesses originals could see by it that they are right.
    """
    return key.hmac("source of a shard", b"".join(name.encode() + digests[name] for name in sorted(digests))).hex()


def _stored(example: Example) -> bytes:
    return example.image if isinstance(example.image, bytes) else np.ascontiguousarray(example.image).tobytes()
