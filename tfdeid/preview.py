"""A picture that shows what de-identification does: a column an image, with the rows original, vectorised, de-identified."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from tfdeid.deidentifier import DeidConfig, Deidentifier
from tfdeid.errors import DeidError
from tfdeid.image import resize
from tfdeid.key import Key

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
    vectorized = dataclasses.replace(config, scheme="vectorized", key_scope="dataset")
    for scheme, one in {"vectorized": vectorized, config.scheme: config}.items():
        deidentifier = Deidentifier(one, key)
        title = "de-identified" if scheme == "structural" else scheme.replace("_", "_\n")
        rows[title] = [deidentifier(image, f"preview {i}") for i, image in enumerate(images)]
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
