"""Training runs as parts of experiments: the commands that a user would type, one after the other."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any, ClassVar

from tfdeid.data.naming import dataset_name
from tfdeid.experiments.parts.base import LATER, Part, Result, read_results
from tfdeid.experiments.scale import Recipe
from tfdeid.experiments.workshop import Workshop

# On two idle cores, roughly: images an hour through training a narrow ResNet-9, which works at 32 x 32 whatever their
# size; through the pipeline; and of starting TensorFlow, compilation and evaluation.
_TRAINED_AN_HOUR, _MADE_AN_HOUR, _HOURS_TO_START = 3_000_000, 2_500_000, 0.5 / 60
_FEW = 2_000
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
      recipe: how it is trained, whose options come before `options`; None for what these say.
      backend: Keras's, that it is trained on; None for what the caller's environment says.
    """

    work: ClassVar[str] = "training"
    seed: int
    options: tuple[str, ...] = ()
    limit: int | None = None
    num_images: int | None = None
    num_tests: int | None = None
    config: str | None = None
    recipe: Recipe | None = dataclasses.field(default=None, metadata=LATER)
    backend: str | None = dataclasses.field(default=None, metadata=LATER)

    @property
    def title(self) -> str:
        return f"train on {self.dataset} {self.deid.name}, seed {self.seed}"

    @property
    def prefix(self) -> str:
        return f"train_seed{self.seed}"

    def hours(self, workshop: Workshop) -> float:
        made, images = self._num_made(workshop), self._num_trained(workshop)
        epochs = self.recipe.steps(images)[0] if self.recipe else 1
        return epochs * images / _TRAINED_AN_HOUR + made / _MADE_AN_HOUR + _HOURS_TO_START

    def _num_made(self, workshop: Workshop) -> int:
        return sum(min(size, self.limit or size) for size in workshop.source(self.dataset).splits.values())

    def _num_trained(self, workshop: Workshop) -> int:
        size = workshop.source(self.dataset).splits[workshop.splits(self.dataset).train]
        return min(size, self.limit or size, self.num_images or size)

    def depends_on(self, workshop: Workshop) -> dict[str, Any]:
        return {"options": self.all_options(workshop), "recipe": "said by options"} if self.recipe else {}

    def all_options(self, workshop: Workshop) -> tuple[str, ...]:
        """Returns the options of `tfdeid.train` that say how, those of the recipe among them."""
        ours = self.recipe.for_images(self._num_trained(workshop)) if self.recipe else ()
        return (*ours, *self.options)

    @property
    def flop(self) -> float:
        if self.recipe:
            return 0.0
        epochs, images, gflop = _IMAGENET if self.dataset == "imagenet2012" else _CIFAR10
        return epochs * images * gflop * 1e9 * (self.deid.output_size / 224) ** 2

    def run(self, workshop: Workshop) -> Result:
        """De-identifies, trains and tests.

        Returns:
          `accuracy` in percent, macro-averaged `f1`, `milliseconds` an image at the batch size that is fastest, the number of
          `images` it was tested on, `bytes` of a record to test on, and `training_seconds`.
        """
        run_dir = self.run_dir(workshop)
        workshop.call_once("beam.deid", *self.deid_options(workshop))
        workshop.call("tfdeid.train", *self._train_options(workshop, run_dir), backend=self.backend)
        workshop.call("tfdeid.evaluate", str(run_dir))
        evaluation = read_results(run_dir / "evaluation.json")
        return {
            "accuracy": 100 * evaluation["accuracy"],
            "f1": evaluation["macro_f1"],
            "milliseconds": min(evaluation["milliseconds_per_image"].values()),
            "images": evaluation["examples"],
            "bytes": record_bytes(workshop.data(self.dataset) / evaluation["dataset"], evaluation["split"]),
            "training_seconds": read_results(run_dir / "run.json")["results"]["seconds"],
        }

    def run_dir(self, workshop: Workshop) -> pathlib.Path:
        """Returns the folder of the training run."""
        return workshop.folder / "runs" / self.name(workshop)

    def deid_options(self, workshop: Workshop) -> list[str]:
        """Returns the options of `beam.deid`."""
        options = [f"--config={self.config}"] if self.config else workshop.reading_options(self.dataset)
        options += [f"--data_dir={workshop.data_dir}"] if self.config and workshop.data_dir else []
        options += [f"--limit={self.limit}"] if self.limit else []
        options += [f"--output_dir={workshop.data(self.dataset)}", f"--key={workshop.key_reference}", "--mode=resume"]
        options += [f"--{name}={value}" for name, value in self.deid.essentials().items()]
        if self._num_made(workshop) < _FEW:
            return options  # Starting further processes takes longer.
        return [*options, "--direct_running_mode=multi_processing", "--direct_num_workers=0"]

    def _train_options(self, workshop: Workshop, run_dir: pathlib.Path) -> list[str]:
        source = workshop.source(self.dataset)
        name = f"{dataset_name(source.name)}/{self.deid.name}"
        options = [f"--config={self.config}"] if self.config else []
        options += [f"--dataset={name}", f"--data_dir={workshop.data(self.dataset)}", f"--run_dir={run_dir}"]
        options += [f"--seed={self.seed}", *self.all_options(workshop)]
        if self.config:
            return options  # A source that draws its own splits, in a configuration file, is not cut further.
        splits, written = workshop.splits(self.dataset), workshop.written_splits(self.dataset)
        for option, stored, split, number in (
            ("train", splits.train, written.train, self.num_images),
            ("test", splits.test, written.test, self.num_tests),
        ):
            if number is not None and number < source.splits[stored]:
                options.append(f"--{option}_split={split}[:{number}]")
            elif split != option:
                options.append(f"--{option}_split={split}")
        return options


def record_bytes(dataset: pathlib.Path, split: str) -> float:
    """Returns the mean size of a record of a split, or of the split that a part such as `test[:20]` is of."""
    splits = {found["name"]: found for found in read_results(dataset / "dataset_info.json")["splits"]}
    found = splits[split.partition("[")[0]]
    return int(found["numBytes"]) / sum(map(int, found["shardLengths"]))
