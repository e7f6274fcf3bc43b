"""Inference on encrypted images as parts of experiments: a network of polynomials is trained, then asked."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from tfdeid.experiments.parts.base import Result, read_results
from tfdeid.experiments.parts.training import Training
from tfdeid.experiments.workshop import Workshop

# On two cores.
_SECONDS_AN_IMAGE = 1.5


@dataclasses.dataclass(frozen=True)
class Encrypted(Training):
    """A network that is trained on images in the clear, and classifies encrypted ones.

    Attributes:
      num_encrypted: images of the split to test on that are encrypted.
    """

    work: ClassVar[str] = "encrypted inference"
    num_encrypted: int = 32

    @property
    def title(self) -> str:
        return f"classify encrypted images of {self.dataset} {self.deid.name}, seed {self.seed}"

    @property
    def prefix(self) -> str:
        return f"fhe_seed{self.seed}"

    def hours(self, workshop: Workshop) -> float:
        return super().hours(workshop) + self.num_encrypted * _SECONDS_AN_IMAGE / 3600

    def run(self, workshop: Workshop) -> Result:
        """Trains, tests, and classifies encrypted images.

        Returns:
          As `Training`, but that `milliseconds` and `bytes` are those of an encrypted image, both ways, in a full batch;
          further the share of `same` answers as in the clear, in percent, and `largest_error` of a logit.
        """
        trained = super().run(workshop)
        path = self.run_dir(workshop) / "fhe.json"
        workshop.call(
            "tfdeid.cli", "fhe", str(self.run_dir(workshop)), f"--num_images={self.num_encrypted}", f"--output={path}"
        )
        found = read_results(path)
        sent = found["megabytes"]["request"] + found["megabytes"]["answer"]
        return {
            **trained,
            "milliseconds": 1000 * found["seconds_per_image"],
            "bytes": 1e6 * sent / found["batch_size"],
            "same": 100 * found["same_answers"] / found["num_images"],
            "largest_error": found["largest_error"],
        }
