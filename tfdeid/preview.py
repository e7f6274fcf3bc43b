"""A picture that shows what de-identification does: a column an image, with the rows original, vectorised, de-identified."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from tfdeid.data.sources import SourceConfig, open_source
from tfdeid.deidentifier import DeidConfig, Deidentifier
from tfdeid.errors import DeidError, unknown_name
from tfdeid.image import decode_image, resize
from tfdeid.key import Key

_BUNDLED = ("astronaut.png", "coffee.png", "chelsea.png", "rocket.jpg")
_MARGIN, _LABEL_WIDTH, _FONT_SIZE = 8, 120, 16


def preview(images: Sequence[np.ndarray], config: DeidConfig, key: Key | None, cell_size: int = 224) -> Image.Image:
    """Paints the rows original, vectorised (no encryption) and the config's own scheme, if that is another.

    Args:
      images: uint8[H, W, 3] or uint8[H, W, 1], at least one.
      config: what to do.
      key: the owner's key; schemes without encryption need none.
      cell_size: pixels a side at which each image is shown; squares, as the network sees them.
    """
    if not images:
        raise DeidError("a preview needs at least one image, got none.")
    rows = {"original": list(images)}
    for scheme in dict.fromkeys(("vectorized", config.scheme)):
        deidentifier = Deidentifier(dataclasses.replace(config, scheme=scheme), key)
        rows["de-identified" if scheme == "structural" else scheme] = [deidentifier(image) for image in images]
    step = cell_size + _MARGIN
    canvas = Image.new("RGB", (_LABEL_WIDTH + len(images) * step + _MARGIN, len(rows) * step + _MARGIN), "white")
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(_FONT_SIZE)
    for y, (title, row) in enumerate(rows.items()):
        top = _MARGIN + y * step
        draw.text((_MARGIN, top + cell_size // 2), title, fill="black", font=font, anchor="lm")
        for x, image in enumerate(row):
            shown = resize(image, cell_size)
            canvas.paste(Image.fromarray(shown if shown.shape[2] == 3 else shown[:, :, 0]), (_LABEL_WIDTH + x * step, top))
    return canvas


def files_to_preview(paths: Sequence[str]) -> list[np.ndarray]:
    """Returns the decoded files; without any, four photographs that come inside scikit-image."""
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


def dataset_to_preview(source_config: SourceConfig, split: str | None, num_images: int, seed: int) -> list[np.ndarray]:
    """Returns images of a split (None: the first one), drawn by the seed, in the source's order."""
    source = open_source(source_config)
    split = split or next(iter(source.splits))
    if split not in source.splits:
        raise unknown_name("split", split, source.splits)
    if not 1 <= num_images <= source.splits[split]:
        raise DeidError(f"num_images must be in [1, {source.splits[split]}], num_images was {num_images}.")
    drawn = np.random.RandomState(seed).choice(source.splits[split], num_images, replace=False)
    images = [next(iter(source.read(split, index, index + 1))).image for index in sorted(map(int, drawn))]
    return [decode_image(image) if isinstance(image, bytes) else image for image in images]
