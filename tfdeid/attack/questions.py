"""What else `tfdeid attack` is asked of a dataset: who is in its images, what is written there, and another label of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from tfdeid.attack.case import Target
from tfdeid.attack.identity import IdentityOptions, reidentify
from tfdeid.attack.identity.division import divide
from tfdeid.attack.inference import check_values, infer
from tfdeid.attack.pool import Pool, made_of, open_pool, pool_of
from tfdeid.attack.reading import MOST, Reader, read_text
from tfdeid.attack.section import Section
from tfdeid.key import Key

Say = Callable[[str], object]
Question = Callable[[Say], Section]
"""Carries out an attack, and returns what it came to."""

# Public images that what recovers records gets, where none is trained to invert them.
_PUBLIC = 500


@dataclasses.dataclass(frozen=True)
class Asked:
    """Which attacks are asked for; features are those of the originals, None for no such attack.

    Attributes:
      identity: the feature that says who is in an image.
      identity_options: shares of people and images.
      text: the feature that holds what is written in the images.
      sensitive: the feature that is inferred.
      inverts: whether to read what a network gives back that is trained to invert records.
    """

    identity: str | None = None
    identity_options: IdentityOptions = dataclasses.field(default_factory=IdentityOptions)
    text: str | None = None
    sensitive: str | None = None
    inverts: bool = False


def prepare(target: Target, key: Key | None, asked: Asked) -> dict[str, Question]:
    """Draws what is needed, so that mistakes are known before hours of work; returns the attacks by name.

    Args:
      target: what is attacked.
      key: the owner's key.
      asked: which attacks.

    Raises:
      DeidError: a feature, enough images or a package is not there.
    """
    questions: dict[str, Question] = {}
    if asked.identity is not None:
        people, config = pool_of(target, asked.identity, key, whole_groups=True, least=2)
        divide(people, asked.identity_options, target.seed)  # Raises DeidError where people have too few images.
        questions["identity"] = lambda say: reidentify(people, config, key, asked.identity_options, target.seed, say).section()
    if asked.text is None and asked.sensitive is None:
        return questions
    drawing = _Drawing(target, key)
    if asked.text is not None:
        Reader()  # Raises DeidError where it is not installed.
        num_public = target.num_public if asked.inverts else _PUBLIC
        written, others = drawing.pools(asked.text, min(target.num_images, MOST), num_public)
        questions["reading"] = lambda say: read_text(
            written, drawing.config, drawing.key, target.seed, say, others.images, asked.inverts
        ).section()
    if asked.sensitive is not None:
        attacked, own = drawing.pools(asked.sensitive, target.num_images, target.num_public)
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
        self._others = [name for name in self._source.splits if name != self._split]

    def pools(self, feature: str, num_images: int, num_public: int) -> tuple[Pool, Pool]:
        """Returns images that are attacked, and others: from other splits, or what is left of the same one."""
        if not self._others:
            return self._pool(feature, num_images + num_public, 0).shared_out(num_images, self._target.seed)
        return self._pool(feature, num_images, 0), self._pool(feature, num_public, 1, others=True)

    def _pool(self, feature: str, count: int, more: int, others: bool = False) -> Pool:
        splits = self._others if others else [self._split]
        return open_pool(self._source, feature, self.key, self.config, count, self._target.seed + more, splits)
