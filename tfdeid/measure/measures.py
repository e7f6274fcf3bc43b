"""The paper's measures of images and what became of them, with standard errors (Ko et al. 2020, section III-D).

SSIM_Vec, SSIM_Dei and L2 compare with a reference; SSIM_Pos, DI and SDIM follow from these. The paper's reference is the image
reduced to the input size, so that what the reduction takes away does not count; ours is the source image, where it does.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from tfdeid.deidentifier import DeidConfig, Deidentifier
from tfdeid.errors import DeidError
from tfdeid.image import resize
from tfdeid.reference import INPUT, SOURCE, Preparing
from tfdeid.ssim import ssim

if TYPE_CHECKING:
    from tfdeid.key import Key

ALPHA = 0.5


@dataclasses.dataclass(frozen=True)
class Measures:
    """The measures of some images. Each property is the mean over them; `error` gives its standard error.

    Attributes:
      vec: float64[images], SSIM of each image and its vector form; NaN where the scheme makes none. Both at S x S, or with the
        reference `input` at N x N.
      dei: float64[images], SSIM of each image and its de-identified form, both at S x S.
      distance: float64[images], root of the mean squared difference of those two, as a share of 255.
      alpha: the weight of SSIM_Dei in DI, in [0, 1].
    """

    vec: np.ndarray
    dei: np.ndarray
    distance: np.ndarray
    alpha: float = ALPHA

    def each(self, name: str) -> np.ndarray:
        """Returns a measure of each image: ssim_vec, ssim_dei, ssim_pos, l2, di or sdim."""
        di = self.alpha * self.dei + (1 - self.alpha) * self.distance
        position = self.dei - self.vec
        return {
            "ssim_vec": self.vec,
            "ssim_dei": self.dei,
            "ssim_pos": position,
            "l2": self.distance,
            "di": di,
            "sdim": position + di,
        }[name]

    def mean(self, name: str) -> float:
        return float(self.each(name).mean())

    def error(self, name: str) -> float:
        """Returns the standard error of a measure's mean; NaN for a single image."""
        values = self.each(name)
        return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else float("nan")

    @property
    def ssim_vec(self) -> float:
        return self.mean("ssim_vec")

    @property
    def ssim_dei(self) -> float:
        return self.mean("ssim_dei")

    @property
    def ssim_pos(self) -> float:
        """SSIM_Dei - SSIM_Vec: what the encryption of positions takes away; the lower, the more."""
        return self.mean("ssim_pos")

    @property
    def l2(self) -> float:
        return self.mean("l2")

    @property
    def di(self) -> float:
        """alpha * SSIM_Dei + (1 - alpha) * L2."""
        return self.mean("di")

    @property
    def sdim(self) -> float:
        """SSIM_Pos + DI, by which the paper chooses the input size: the lower, the better."""
        return self.mean("sdim")


TITLES = {"ssim_vec": "SSIM_Vec", "ssim_dei": "SSIM_Dei", "ssim_pos": "SSIM_Pos", "l2": "L2", "di": "DI", "sdim": "SDIM"}
MEASURES = tuple(TITLES)


def measure(
    images: Sequence[np.ndarray],
    config: DeidConfig | None = None,
    key: Key | None = None,
    alpha: float = ALPHA,
    num_threads: int | None = None,
    on_image: Callable[[], object] = lambda: None,
    vec: np.ndarray | None = None,
    reference: str = SOURCE,
) -> Measures:
    """De-identifies images and measures how much of them is left, on all cores.

    With a = the image at N x N and A = the image at S x S, both bicubic: SSIM_Vec compares A with the vector form of a painted
    at S x S, SSIM_Dei and L2 compare A with the de-identified image. With the reference `input`, which is the paper's, A is a
    at S x S instead, and SSIM_Vec compares a with its vector form painted at N x N.

    Args:
      images: uint8 or floats in [0, 1]; [H, W, 3], [H, W, 1] or [H, W]. Gray ones are measured in their one channel.
      config: what is done to each image; N is its input size, S its output size.
      key: the owner's key; schemes without encryption need none.
      alpha: the weight of SSIM_Dei in DI, in [0, 1].
      num_threads: None for one a core.
      on_image: called after each image, for progress.
      vec: float64[images], the SSIM_Vec of each image where it is known already, from a call under another key.
      reference: what images are compared with; one of `tfdeid.reference`.

    Returns:
      The measures, with the values of each image in the order of the images. The same for any number of threads.

    Raises:
      DeidError: there is no image, alpha is out of its range, there is no such reference, or an image or the configuration
        can't be used.
    """
    config = config or DeidConfig()
    if not len(images):
        raise DeidError("measures are taken of at least one image, got none.")
    if not 0 <= alpha <= 1:
        raise DeidError(f"alpha must be in [0, 1], alpha was {alpha}.")
    deidentify, prepare = Deidentifier(config, key), Preparing(config, reference)
    vectorize, size = None, config.input_size if reference == INPUT else config.output_size
    if vec is None and config.scheme_class.traces:
        vectorize = Deidentifier(config.with_scheme("vectorized", output_size=size))

    def measured(index: int, image: np.ndarray) -> tuple[float, float, float]:
        original = prepare(image)
        small, large = original.prepared, resize(original.source, config.output_size)
        hidden = deidentify(small, f"measure {index}")
        drawn = ssim(resize(original.source, size), vectorize(small)) if vectorize else float("nan")
        values = drawn, ssim(large, hidden), l2(large, hidden)
        on_image()
        return values

    with concurrent.futures.ThreadPoolExecutor(num_threads or os.cpu_count() or 1) as pool:
        drawn, dei, distance = np.array(list(pool.map(measured, range(len(images)), images)), np.float64).T
    return Measures(drawn if vec is None else vec, dei, distance, alpha)


def l2(a: np.ndarray, b: np.ndarray) -> float:
    """Returns the root of the mean squared difference of two images uint8[H, W, C], as a share of 255."""
    apart = a.astype(np.int32) - b
    return float(np.sqrt(np.mean(apart * apart)) / 255)
