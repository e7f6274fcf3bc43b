"""Some images to look at or to measure: files, or a draw from a dataset."""

from __future__ import annotations

import pathlib
from collections.abc import Iterable, Sequence

import numpy as np

from tfdeid.data.sources import Example, SourceConfig, open_source
from tfdeid.errors import DeidError, unknown_name
from tfdeid.image import decode_image

_BUNDLED = ("astronaut.png", "coffee.png", "chelsea.png", "rocket.jpg")
# To read through a split costs about a fiftieth of what it costs to look up each of its images.
_WORTH_READING_THROUGH = 50


def read_images(paths: Sequence[str]) -> list[np.ndarray]:
    """Returns the decoded files; without any, four photographs that come inside scikit-image.

    Raises:
      DeidError: a file is not there or no image.
    """
    if not paths:
        from skimage import data

        folder = pathlib.Path(data.__file__).parent
        paths = [str(folder / name) for name in _BUNDLED]
    images = []
    for path in paths:
        try:
            images.append(decode_image(pathlib.Path(path).expanduser().read_bytes()))
        except OSError as error:
            raise DeidError(f"{path} can't be read: {error.strerror}.") from None
        except DeidError as error:
            raise DeidError(f"{path}: {error}") from error
    return images


def draw_images(config: SourceConfig, split: str | None, num_images: int, seed: int, at_most: bool = False) -> list[np.ndarray]:
    """Returns images of a dataset, drawn by the seed, in the source's order.

    Args:
      config: the source.
      split: None for its first.
      num_images: how many.
      seed: of the draw.
      at_most: take all of a split that has fewer; otherwise that is an error.

    Raises:
      DeidError: the source, the split or so many images are not there, or an image can't be decoded.
    """
    source = open_source(config)
    split = split or next(iter(source.splits))
    if split not in source.splits:
        raise unknown_name("split", split, source.splits)
    size = source.splits[split]
    if num_images < 1 or (num_images > size and not at_most):
        raise DeidError(f"num_images must be in [1, {size}], num_images was {num_images}.")
    drawn = sorted(map(int, np.random.RandomState(seed).choice(size, min(num_images, size), replace=False)))
    examples: Iterable[Example]
    if len(drawn) * _WORTH_READING_THROUGH < size:
        examples = (next(iter(source.read(split, index, index + 1))) for index in drawn)
    else:
        wanted = set(drawn)
        examples = (example for k, example in enumerate(source.read(split, 0, drawn[-1] + 1)) if k in wanted)
    return [decode_image(example.image) if isinstance(example.image, bytes) else example.image for example in examples]
