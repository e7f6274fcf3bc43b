"""What else `tfdeid attack` is asked of a dataset: what is written in its images, and another label of them."""

from __future__ import annotations

from collections.abc import Callable

from tfdeid.attack.case import Target
from tfdeid.attack.inference import check_values, infer
from tfdeid.attack.pool import Pool, made_of, open_pool
from tfdeid.attack.reading import MOST, Reader, read_text
from tfdeid.attack.section import Section
from tfdeid.data.sources import open_source
from tfdeid.key import Key

Say = Callable[[str], object]
Question = Callable[[Say], Section]
"""Carries out an attack, and returns what it came to."""

# Public images that what recovers records gets, where none is trained to invert them.
_PUBLIC = 500


def prepare(target: Target, key: Key | None, text: str | None, sensitive: str | None, inverts: bool) -> dict[str, Question]:
    """Draws what is needed, so that mistakes are known before hours of work; returns the attacks by name.

    Args:
      target: what is attacked.
      key: the owner's key.
      text: the feature of the originals that holds what is written in them; None for no reading.
      sensitive: the feature that is inferred; None for no inference.
      inverts: whether to read what a network gives back that is trained to invert records.

    Raises:
      DeidError: a feature, enough images or a package is not there.
    """
    if text is None and sensitive is None:
        return {}
    drawing = _Drawing(target, key)
    questions: dict[str, Question] = {}
    if text is not None:
        Reader()  # Raises DeidError where it is not installed.
        written, others = drawing.pools(text, min(target.num_images, MOST), target.num_public if inverts else _PUBLIC)
        questions["reading"] = lambda say: read_text(
            written, drawing.config, drawing.key, target.seed, say, others.images, inverts
        ).section()
    if sensitive is not None:
        attacked, own = drawing.pools(sensitive, target.num_images, target.num_public)
        check_values(attacked, own)
        questions["inference"] = lambda say: infer(attacked, own, drawing.config, drawing.key, target.seed, say).section()
    return questions


class _Drawing:
    """Draws originals of the split that is attacked, and others for attackers.

    Attributes:
      config: what was done to the dataset.
      key: the owner's.
    """

    def __init__(self, target: Target, key: Key | None):
        self._source, self.config, self.key, self._split = made_of(target, key)
        self._target = target
        self._others = [name for name in open_source(self._source).splits if name != self._split]

    def pools(self, feature: str, num_images: int, num_public: int) -> tuple[Pool, Pool]:
        """Returns images that are attacked, and others: from other splits, or what is left of the same one."""
        if not self._others:
            return self._pool(feature, num_images + num_public, 0).shared_out(num_images, self._target.seed)
        return self._pool(feature, num_images, 0), self._pool(feature, num_public, 1, others=True)

    def _pool(self, feature: str, count: int, more: int, others: bool = False) -> Pool:
        splits = self._others if others else [self._split]
        return open_pool(self._source, feature, self.key, self.config, count, self._target.seed + more, splits)
