"""A mosaic with noise that is differentially private, in a sense that has to be read closely.

L. Fan, "Image pixelization with differential privacy", DBSec 2018.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from tfdeid.checks import check_whole, checked_number
from tfdeid.schemes.base import CommonOptions, Scheme
from tfdeid.schemes.draws import laplace
from tfdeid.schemes.key_space import KeySpace
from tfdeid.schemes.keystream import KeyStream
from tfdeid.schemes.mosaic import cell_means, check_cells, paint, rounded
from tfdeid.schemes.pixelate import CellOptions


@dataclasses.dataclass(frozen=True)
class DpPixOptions(CellOptions):
    """How coarse the mosaic is, and how much noise it gets.

    Raises:
      DeidError: a value is out of its bounds; the message gives the rule and the value.
    """

    epsilon: float = 1.0
    """The privacy budget of each channel of each record: smaller hides more."""
    m: int = 16
    """In how many pixels, at the input size, images may differ that the noise makes hard to tell apart."""

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "epsilon", checked_number("epsilon", self.epsilon, 0, 1e6))
        check_whole("m", self.m, 1, 4096**2)


class DpPix(Scheme):
    """The mean of each cell with Laplace noise of scale 255 m / (b^2 epsilon), b the pixels a cell's side at the input size.

    **What is promised.** Two images at the input size are neighbours if they differ in at most m pixels. Their means then
    differ, added up over all cells of a channel, by at most 255 m / b^2 levels, also where cells hold no whole number of
    pixels. So whatever anybody computes from a channel of a record has, for two neighbours, probabilities that differ by a
    factor of e^epsilon at most (but for one chance in 2^33 a cell). A colour image has three channels, and e^(3 epsilon).

    **What is not.** Images that differ in more than m pixels, as those of two people do: of telling them apart nothing is
    promised. Pixels of the source, of which resizing spreads each over several. Several records of one image, be it that it
    occurs twice or is given away in several configurations: their epsilons add up. The label. Whoever has the key, which
    fixes the noise, and sees a mosaic: the promise holds as far as ChaCha20 can't be told from chance.

    The noise is drawn from `KeyStream(key, "dp_pix v1, K cells, epsilon E, m M, C channels, image ID")`, `ID` being
    `CommonOptions.image_label`.
    """

    name = "dp_pix"
    about = "a mosaic with Laplace noise, differentially private for few pixels of one image (Fan 2018)"
    Options = DpPixOptions
    keyless = "pixelate"

    @classmethod
    def check(cls, config: CommonOptions) -> None:
        check_cells(config)

    @classmethod
    def per_image(cls, config: CommonOptions) -> dict[str, Any]:
        return {"scheme": cls.name}

    @classmethod
    def changes_with_version(cls, config: CommonOptions) -> bool:
        return True

    @classmethod
    def key_space(cls, config: CommonOptions, channels: int = 3) -> KeySpace:
        """No paper counts anything; the key fixes a number for each channel of each cell of each image."""
        values = config.options.cells**2 * (1 if config.grayscale else channels)
        note = f"The key fixes {values:,} values, the noise of each cell and channel, anew for each image."
        return KeySpace(None, values, note, each_image=True)

    @classmethod
    def leaks(cls, config: CommonOptions) -> list[str]:
        options: DpPixOptions = config.options
        many = f"{options.m:,} of {config.input_size**2:,} pixels"
        whole = "" if config.grayscale else f", of a colour image {total_epsilon(config, 3):g}"
        return [
            f"Little of which of two images it was that differ in at most {many}: a record is at most e^epsilon times as "
            f"likely of one as of the other, and epsilon is {options.epsilon:g} for each channel{whole}.",
            "Images that differ in more pixels, as those of two people do, are not covered.",
            "Budgets of several records of one image, and of several configurations, add up.",
            "Whoever has the key takes the noise away, and sees a mosaic.",
        ]

    def __call__(self, image: np.ndarray, image_id: str | None = None) -> np.ndarray:
        options: DpPixOptions = self.config.options
        whose = self.config.image_label(self.needed_id(image_id))
        what = f"{options.cells} cells, epsilon {options.epsilon!r}, m {options.m}, {image.shape[2]} channels"
        stream = KeyStream(self.key, f"dp_pix v1, {what}, image {whose}")
        # Noise is added to the exact means: those rounded before would differ by more between neighbours.
        means = cell_means(image, options.cells)
        noise = laplace_scale(self.config) * laplace(stream, means.size).reshape(means.shape)
        return paint(rounded(means + noise), self.config.output_size)


def laplace_scale(config: CommonOptions) -> float:
    """Returns the scale of the noise on a cell, in levels: 255 m / (b^2 epsilon)."""
    options: DpPixOptions = config.options
    return 255 * options.m * options.cells**2 / (config.input_size**2 * options.epsilon)


def total_epsilon(config: CommonOptions, channels: int = 3, records: int = 1) -> float:
    """Returns the budget that records of one image take together: budgets add up over channels and records."""
    return config.options.epsilon * (1 if config.grayscale else channels) * records
