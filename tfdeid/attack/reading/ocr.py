"""What reads: PP-OCRv4, whose models come in the package rapidocr-onnxruntime, as somebody would use it who is after a text."""

from __future__ import annotations

import importlib.metadata
from typing import Any

import numpy as np
from PIL import Image as PillowImage

from tfdeid.attack.base import Image
from tfdeid.errors import DeidError

# Pixels that the shorter side of an image is stretched to, and those at which the network looks for lines.
_SIDE, _LOOKING = 448, (320, 480)
_WIDEST = 4.0


class Reader:
    """Finds lines of text and reads them; safe to call from many threads, and gives the same for the same image.

    Each image is stretched, since what is written in a record is small. Lines are looked for at two sizes, and besides the
    image is read as if it were one line.

    Args:
      aspect: width by height of what the images show, where they have been made square.

    Raises:
      DeidError: the package is not installed.
    """

    name = "PP-OCRv4"

    def __init__(self, aspect: float = 1.0):
        try:
            from rapidocr_onnxruntime import RapidOCR  # Late: an optional package, which loads OpenCV.
        except ImportError as error:
            raise DeidError(
                f"reading needs the package rapidocr-onnxruntime, which can't be loaded ({error}). "
                "pip install 'tfdeid[ocr]' installs it."
            ) from error
        # One thread each: images are read on all cores. Lines that it doubts are kept: an attacker takes what there is.
        alike = {"text_score": 0.0, "intra_op_num_threads": 1, "inter_op_num_threads": 1}
        self._engines = [RapidOCR(det_limit_side_len=side, **alike) for side in _LOOKING]
        aspect = min(max(aspect, 1 / _WIDEST), _WIDEST)
        self._size = round(_SIDE * max(1.0, aspect)), round(_SIDE * max(1.0, 1 / aspect))

    def __call__(self, image: Image) -> list[str]:
        """Returns the lines found, each as often as it was, and those of an image joined from the top to the bottom.

        Args:
          image: uint8[H, W, C].
        """
        stretched = self._stretched(image)
        lines: list[str] = []
        for engine in self._engines:
            found = [str(line[1]) for line in engine(stretched)[0] or ()]
            lines += [*found, *(["".join(found)] if len(found) > 1 else [])]
        whole: Any = self._engines[0](stretched, use_det=False, use_cls=False)[0]
        return lines + [str(line[0]) for line in whole or ()]

    def _stretched(self, image: Image) -> Image:
        """Returns uint8[H, W, 3] in the order blue, green, red, which OpenCV's friends take."""
        colors = np.repeat(image, 3, axis=2) if image.shape[2] == 1 else image
        return np.asarray(PillowImage.fromarray(colors).resize(self._size, PillowImage.Resampling.BICUBIC))[..., ::-1]


def version() -> str:
    """Returns the version of the package that reads; "" where it is not installed."""
    try:
        return importlib.metadata.version("rapidocr-onnxruntime")
    except importlib.metadata.PackageNotFoundError:
        return ""
