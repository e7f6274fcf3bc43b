"""Some images to look at, to measure or to attack: files, or a draw from a dataset that leaves out what is damaged."""

from __future__ import annotations

import dataclasses
import os
import pathlib
from collections.abc import Callable, Collection, Sequence
from typing import Generic, TypeVar, cast

import numpy as np

from tfdeid.data.label_choice import NONE
from tfdeid.data.sources import Example, Source, SourceConfig, open_source, store_class
from tfdeid.errors import DeidError, unknown_name, warn
from tfdeid.image import decode_image, to_uint8
from tfdeid.parallel import parallel_map

_BUNDLED = ("astronaut.png", "coffee.png", "chelsea.png", "rocket.jpg")
# Damaged examples that are named.
_NAMED = 10

_Made = TypeVar("_Made")


def read_images(paths: Sequence[str]) -> list[np.ndarray]:
    """Returns the decoded files; without any, four photographs that come inside scikit-image.

    Raises:
      DeidError: a file is not there or no image.
    """
    if not paths:
        from skimage import data  # Late: takes half a second.

        folder = pathlib.Path(data.__file__).parent
        paths = [str(folder / name) for name in _BUNDLED]
    images = []
    for path in paths:
        try:
            images.append(to_uint8(decode_image(pathlib.Path(os.path.expanduser(path)).read_bytes())))
        except OSError as error:
            raise DeidError(f"{path} can't be read: {error.strerror}.") from None
        except DeidError as error:
            raise DeidError(f"{path}: {error}") from error
    return images


@dataclasses.dataclass(frozen=True)
class Drawn(Generic[_Made]):
    """An example that was drawn.

    Attributes:
      number: its place in the source's split.
      example: as it is stored.
      image: what was made of it, uint8[H, W, C] where nothing else is said.
    """

    number: int
    example: Example
    image: _Made


class Draw(Generic[_Made]):
    """Examples of a split in an order drawn by a seed. Those whose image can't be decoded are left out and the next ones taken.

    Args:
      source: what is drawn from.
      split: one of its splits.
      seed: of the order.
      decode: makes an image of an example, or raises DeidError; None for the image as it came.
      without: places in the split that are not drawn.

    Attributes:
      damaged: names of the examples that were left out, with the reason.
    """

    def __init__(
        self,
        source: Source,
        split: str,
        seed: int,
        decode: Callable[[Example], _Made] | None = None,
        without: Collection[int] = (),
    ):
        self.damaged: list[str] = []
        self._source, self._split = source, split
        self._decode = decode or cast(Callable[[Example], _Made], pixels)
        order = np.random.RandomState(seed).permutation(source.splits[split])
        self._order = [number for number in map(int, order) if number not in without]
        self._next = 0

    @property
    def left(self) -> int:
        """How many examples have not been drawn yet."""
        return len(self._order) - self._next

    def take(self, count: int) -> list[Drawn[_Made]]:
        """Returns the next `count` that can be decoded, in the order of the draw; fewer where there are no more."""
        drawn: list[Drawn[_Made]] = []
        begun = self._next
        while len(drawn) < count and self.left:
            missing, tried = count - len(drawn), self._next - begun
            # As many as should give what is missing, judging by those before: few passes even where much is damaged.
            several = min(-(-missing * tried // max(1, len(drawn))), 4 * tried) if tried else missing
            numbers = self._order[self._next : self._next + several]
            examples = read_examples(self._source, self._split, numbers)
            for number, example, image in zip(numbers, examples, parallel_map(attempting(self._decode), examples), strict=True):
                if len(drawn) == count:
                    break
                self._next += 1
                if isinstance(image, DeidError):
                    self.damaged.append(f"{name_of(self._split, example)}: {image}")
                else:
                    drawn.append(Drawn(number, example, image))
        return drawn


def attempting(decode: Callable[[Example], _Made]) -> Callable[[Example], _Made | DeidError]:
    """Returns a function that returns the DeidError that `decode` raises."""

    def attempt(example: Example) -> _Made | DeidError:
        try:
            return decode(example)
        except DeidError as error:
            return error

    return attempt


def _without_labels(config: SourceConfig) -> SourceConfig:
    """Returns the same source without labels, where they play no part: then none need be clear."""
    by_label = (config.label_feature, config.classes, config.num_classes, config.limit)
    if any(value is not None for value in by_label) or not store_class(config.dataset)[0].has_features:
        return config
    return dataclasses.replace(config, label_feature=NONE)


def draw_images(config: SourceConfig, split: str | None, num_images: int, seed: int, at_most: bool = False) -> list[np.ndarray]:
    """Returns images of a dataset, drawn by the seed, in the source's order.

    Those that can't be decoded are left out, others are drawn in their place while there are more, and a warning names them.

    Args:
      config: the source.
      split: None for its first.
      num_images: how many.
      seed: of the draw.
      at_most: take all of a split that has fewer; otherwise that is an error.

    Raises:
      DeidError: the source, the split or so many images are not there, or none of them can be decoded.
    """
    source = open_source(_without_labels(config))
    for note in source.warnings:
        warn(note)
    split = split or next(iter(source.splits))
    if split not in source.splits:
        raise unknown_name("split", split, source.splits)
    size = source.splits[split]
    if not size:
        raise DeidError(f"split {split!r} of {config.dataset} has no images.")
    if num_images < 1 or (num_images > size and not at_most):
        raise DeidError(f"num_images must be in [1, {size}], num_images was {num_images}.")
    draw: Draw[np.ndarray] = Draw(source, split, seed)
    drawn = draw.take(min(num_images, size))
    if not drawn:
        raise DeidError(f"none of the {size:,} images of {config.dataset} can be decoded. {draw.damaged[0]}")
    tell_damaged(draw.damaged, config.dataset)
    return [example.image for example in sorted(drawn, key=lambda example: example.number)]


def read_examples(source: Source, split: str, numbers: Sequence[int]) -> list[Example]:
    """Returns the examples at some places of a split, in the order of the places given."""
    places = sorted(set(numbers))
    examples = dict(zip(places, source.read_at(split, places), strict=True))
    return [examples[number] for number in numbers]


def pixels(example: Example) -> np.ndarray:
    """Returns an example's image, uint8[H, W, C].

    Raises:
      DeidError: it can't be decoded, or is too small to be de-identified.
    """
    return to_uint8(decode_image(example.image) if isinstance(example.image, bytes) else example.image)


def name_of(split: str, example: Example) -> str:
    """Returns what a user finds an example by."""
    return f"split {split!r}, example {example.index}, id {example.source_id!r}"


def tell_damaged(damaged: Sequence[str], dataset: str) -> None:
    """Warns of examples that were left out, if there are any."""
    if damaged:
        more = f"; and {len(damaged) - _NAMED:,} more" if len(damaged) > _NAMED else ""
        count = "1 image that is" if len(damaged) == 1 else f"{len(damaged):,} images that are"
        warn(f"{dataset}: left out {count} damaged, and drew others while there were any: {'; '.join(damaged[:_NAMED])}{more}")
