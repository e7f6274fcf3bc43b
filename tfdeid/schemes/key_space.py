"""How large the papers say that a brute-force search is, beside how few values a key really fixes."""

from __future__ import annotations

import dataclasses

IMAGES_NOT_KEYS = "The count is of possible images, not of keys: a key has 256 random bits, however many images there are."
NO_KEY = "Nothing is encrypted, so there is no key to search for."


@dataclasses.dataclass(frozen=True)
class KeySpace:
    """Two ways to tell how large a secret is; as text, a line.

    Attributes:
      images_log2: log2 of the number of possible images that the papers count; None without encryption.
      fixed_values: how many values the key fixes, which is what an adversary has to estimate: for all images together, in a
        pool those of all its tables, and only with `key_scope` "image" for each image anew.
      note: what the count means.
      each_image: whether the key fixes as many values for each image anew.
      tables: in how many equal parts the values come, of which an image has one: those of a pool.
      more_each: how many values beside those the key fixes for each image anew: of its bend, and of the bounds of its levels.
    """

    images_log2: float | None
    fixed_values: int
    note: str
    each_image: bool = False
    tables: int = 1
    more_each: int = 0

    def __str__(self) -> str:
        if self.images_log2 is None:
            return self.note
        each = ", anew for each image" if self.each_image else ", the same for all images"
        if self.tables > 1:
            each = f", in {self.tables:,} tables of which each image gets one"
        if self.more_each:
            each += f", and {self.more_each} more for each image"
        return (
            f"2^{self.images_log2:,.0f} possible images by the papers' count; the key fixes {self.fixed_values:,} values{each}"
        )
