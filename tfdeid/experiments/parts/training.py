"""Training runs as parts of tables: the commands that a user would type, one after the other."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import ClassVar

from tfdeid.data.naming import dataset_name
from tfdeid.experiments.parts.base import Part, Result, read_results
from tfdeid.experiments.workshop import Workshop

# At quick scale on two cores, from runs of our own: images an hour through training at 75 x 75, and epochs.
_IMAGES_AN_HOUR, _QUICK_SIZE, _QUICK_EPOCHS = 1_500_000, 75, 7
_HOURS_TO_START = 0.5 / 60  # Of data, TensorFlow, compilation and evaluation.
# At paper scale: epochs and images of one training run, and GFLOP an image, forward and back, at 224 x 224.
_CIFAR10 = (675, 50_000, 38.8)
_IMAGENET = (90, 58_492, 23.0)


@dataclasses.dataclass(frozen=True)
class Training(Part):
    """A network trained and tested on a de-identified dataset.

    Attributes:
      seed: the run's seed.
      options: further options of `tfdeid.train`.
      limit: images of each split that are de-identified; None for all.
      num_images: images to train on, at most all.
      num_tests: images to test on, at most all.
      config: a shipped experiment whose values count where nothing else is said.
    """

    work: ClassVar[str] = "training"
    seed: int
    options: tuple[str, ...] = ()
    limit: int | None = None
    num_images: int | None = None
    num_tests: int | None = None
    config: str | None = None

    @property
    def title(self) -> str:
        return f"train on {self.dataset} {self.deid.name}, seed {self.seed}"

    @property
    def prefix(self) -> str:
        return f"train_seed{self.seed}"

    @property
    def hours(self) -> float:
        images = _QUICK_EPOCHS * (self.num_images or 0) * (self.deid.output_size / _QUICK_SIZE) ** 2
        return images / _IMAGES_AN_HOUR + _HOURS_TO_START

    @property
    def flop(self) -> float:
        epochs, images, gflop = _IMAGENET if self.dataset == "imagenet2012" else _CIFAR10
        return epochs * images * gflop * 1e9 * (self.deid.output_size / 224) ** 2

    def run(self, workshop: Workshop) -> Result:
        """De-identifies, trains and tests.

        Returns:
          `accuracy` in percent, macro-averaged `f1`, `milliseconds` an image at the batch size that is fastest, the number of
          `images` it was tested on, and `training_seconds`.
        """
        run_dir = workshop.folder / "runs" / self.name(workshop)
        workshop.call_once("beam.deid", *self.deid_options(workshop))
        workshop.call("tfdeid.train", *self._train_options(workshop, run_dir))
        workshop.call("tfdeid.evaluate", str(run_dir))
        evaluation = read_results(run_dir / "evaluation.json")
        return {
            "accuracy": 100 * evaluation["accuracy"],
            "f1": evaluation["macro_f1"],
            "milliseconds": min(evaluation["milliseconds_per_image"].values()),
            "images": evaluation["examples"],
            "training_seconds": read_results(run_dir / "run.json")["results"]["seconds"],
        }

    def deid_options(self, workshop: Workshop) -> list[str]:
        """Returns the options of `beam.deid`."""
        options = [f"--config={self.config}"] if self.config else [f"--dataset={self.dataset}"]
        options += [f"--data_dir={workshop.data_dir}"] if workshop.data_dir else []
        options += [f"--limit={self.limit}"] if self.limit else []
        options += [f"--output_dir={_data(workshop)}", f"--key={workshop.key_reference}", "--mode=resume"]
        options += [f"--{name}={value}" for name, value in self.deid.essentials().items()]
        return [*options, "--direct_running_mode=multi_processing", "--direct_num_workers=0"]

    def _train_options(self, workshop: Workshop, run_dir: pathlib.Path) -> list[str]:
        source = workshop.source(self.dataset)
        name = f"{dataset_name(source.name)}/{self.deid.name}"
        # A source that draws its own splits, in a configuration file, is not cut further.
        sizes = {} if self.config else dict(source.splits)
        options = [f"--config={self.config}"] if self.config else []
        options += [f"--dataset={name}", f"--data_dir={_data(workshop)}", f"--run_dir={run_dir}", f"--seed={self.seed}"]
        options += self.options
        for split, number in (("train", self.num_images), ("test", self.num_tests)):
            if number is not None and number < sizes.get(split, 0):
                options.append(f"--{split}_split={split}[:{number}]")
        return options


def _data(workshop: Workshop) -> pathlib.Path:
    return workshop.folder / "data"
