"""Measures as parts of experiments."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from tqdm import tqdm

from tfdeid.data.draw import draw_images
from tfdeid.experiments.parts.base import Part, Result
from tfdeid.experiments.workshop import Workshop
from tfdeid.measure.measures import MEASURES, measure
from tfdeid.reference import INPUT

_IMAGES_AN_HOUR = 400_000  # On two cores, from runs of our own.


@dataclasses.dataclass(frozen=True)
class Measuring(Part):
    """Measures of a dataset's images, as the paper takes them: compared with images reduced to the input size.

    Attributes:
      num_images: images drawn of each split, at most all.
      splits: the splits; None for all.
    """

    work: ClassVar[str] = "measuring"
    num_images: int
    splits: tuple[str, ...] | None = ("test",)

    @property
    def title(self) -> str:
        return f"measure {self.dataset} {self.deid.name}"

    @property
    def prefix(self) -> str:
        return "measure"

    def hours(self, workshop: Workshop) -> float:
        return self.num_images / _IMAGES_AN_HOUR

    def run(self, workshop: Workshop) -> Result:
        """Returns the mean of each measure and its standard error, `<measure>_error`, and the number of `images`."""
        source = workshop.config(self.dataset)
        splits = self.splits or tuple(workshop.source(self.dataset).splits)
        images = [image for split in splits for image in draw_images(source, split, self.num_images, 0, at_most=True)]
        with tqdm(total=len(images), unit="image", leave=False, disable=None) as bar:
            measures = measure(images, self.deid, workshop.key, on_image=bar.update, reference=INPUT)
        means = {name: measures.mean(name) for name in MEASURES}
        return {**means, **{f"{name}_error": measures.error(name) for name in MEASURES}, "images": len(images)}
