"""What tables are made of: measures, training runs and attacks. Each is kept once finished."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import pathlib
import subprocess
import sys
from typing import Any

from etils import epath
from tqdm import tqdm

from tfdeid.commandline import absolute, absolute_key, command
from tfdeid.data.naming import dataset_name
from tfdeid.data.sources import Source, SourceConfig, open_source
from tfdeid.deidentifier import ALGORITHM_VERSION, DeidConfig
from tfdeid.errors import DeidError
from tfdeid.files import write_text
from tfdeid.key import Key
from tfdeid.paths import folder_path

Result = dict[str, float]


@dataclasses.dataclass(frozen=True)
class Measuring:
    """Measures of a dataset's images.

    Attributes:
      deid: what is done to each image.
      num_images: images drawn of each split, at most all.
      dataset: a TFDS name.
      splits: the splits; None for all.
    """

    deid: DeidConfig
    num_images: int
    dataset: str = "cifar10"
    splits: tuple[str, ...] | None = ("test",)

    @property
    def title(self) -> str:
        return f"measure {self.dataset} {self.deid.name}"


@dataclasses.dataclass(frozen=True)
class Training:
    """A network trained and tested on a de-identified dataset.

    Attributes:
      deid: what is done to each image.
      seed: the run's seed.
      options: further options of `tfdeid.train`.
      limit: images of each split that are de-identified; None for all.
      num_images: images to train on, at most all.
      num_tests: images to test on, at most all.
      dataset: a TFDS name.
      config: a shipped experiment whose values count where nothing else is said.
    """

    deid: DeidConfig
    seed: int
    options: tuple[str, ...] = ()
    limit: int | None = None
    num_images: int | None = None
    num_tests: int | None = None
    dataset: str = "cifar10"
    config: str | None = None

    @property
    def title(self) -> str:
        return f"train on {self.dataset} {self.deid.name}, seed {self.seed}"


@dataclasses.dataclass(frozen=True)
class Attacking:
    """Attacks on a dataset's images that are de-identified for them; see `tfdeid.reproduce.attacking`.

    Attributes:
      deid: what is done to each image.
      num_images: records of the test split to attack, at most all.
      num_public: images of the train split that attackers have, at most all.
      dataset: a TFDS name.
    """

    deid: DeidConfig
    num_images: int
    num_public: int
    dataset: str = "cifar10"

    @property
    def title(self) -> str:
        return f"attack {self.dataset} {self.deid.name}"


Part = Measuring | Training | Attacking


class Workshop:
    """Makes parts, and keeps them in a folder: `parts/` has the results, `data/` the datasets, `runs/` the training runs.

    Args:
      folder: the folder; it may hold parts of earlier calls.
      data_dir: TFDS data directory with the source datasets; None for TFDS's own.
      key_reference: where the key lies.
    """

    def __init__(self, folder: pathlib.Path, data_dir: str | None, key_reference: str):
        # Commands are printed, and may be pasted in another folder.
        self.folder = pathlib.Path(absolute(folder))
        self._data_dir = str(folder_path(data_dir, "data_dir")) if data_dir else None
        self._key_reference = absolute_key(key_reference)
        self.key = Key.load(key_reference)
        self._sources: dict[str, Source] = {}
        self._made: set[DeidConfig] = set()

    def is_kept(self, part: Part) -> bool:
        return self._path(part).exists()

    def result(self, part: Part) -> Result:
        """Returns a part's figures, which are worked out if they are not kept.

        Raises:
          DeidError: what it needs is not there, or a command fails; what is finished is kept.
        """
        path = self._path(part)
        if path.exists():
            return _kept(path)["result"]
        try:
            found = self._find(part)
        except KeyboardInterrupt:
            raise DeidError(f"interrupted. What is finished is kept in {self.folder}; the same command goes on.") from None
        try:
            write_text(epath.Path(path), json.dumps({"identity": self._identity(part), "result": found}, indent=1) + "\n")
        except OSError as error:
            raise DeidError(f"{path} can't be written: {error.strerror}. Make room, or choose another --output_dir.") from None
        return found

    def _find(self, part: Part) -> Result:
        if isinstance(part, Measuring):
            return self._measure(part)
        if isinstance(part, Training):
            return self._train(part)
        from tfdeid.reproduce.attacking import run

        return run(part, self.key, self._data_dir)

    def _source(self, dataset: str) -> Source:
        if dataset not in self._sources:
            self._sources[dataset] = open_source(SourceConfig(dataset=dataset, data_dir=self._data_dir))
        return self._sources[dataset]

    def _identity(self, part: Part) -> dict[str, Any]:
        """Returns all that a part's figures depend on."""
        source = self._source(part.dataset)
        more = {}
        if isinstance(part, Attacking):
            from tfdeid.reproduce.attacking import attackers

            # The best of them is not what it was once there are others.
            more["attackers"] = attackers(part.deid)
        return {
            **dataclasses.asdict(part),
            **more,
            # Not all fields: what is kept would be made again whenever there is one more option, though it changes nothing.
            "deid": part.deid.essentials(),
            "source": {"version": source.version, "splits": dict(source.splits)},
            "key_fingerprint": self.key.fingerprint,
            "algorithm_version": ALGORITHM_VERSION,
        }

    def _name(self, part: Part) -> str:
        digest = hashlib.sha256(json.dumps(self._identity(part), sort_keys=True).encode()).hexdigest()
        kind = {Measuring: "measure", Training: "train", Attacking: "attack"}[type(part)]
        seed = f"_seed{part.seed}" if isinstance(part, Training) else ""
        return f"{kind}{seed}_{part.dataset}_{part.deid.name}_{digest[:8]}"

    def _path(self, part: Part) -> pathlib.Path:
        return self.folder / "parts" / f"{self._name(part)}.json"

    def _measure(self, part: Measuring) -> Result:
        from tfdeid.data.draw import draw_images
        from tfdeid.measure.measures import MEASURES, measure

        config = SourceConfig(dataset=part.dataset, data_dir=self._data_dir)
        splits = part.splits or tuple(self._source(part.dataset).splits)
        images = [image for split in splits for image in draw_images(config, split, part.num_images, 0, at_most=True)]
        with tqdm(total=len(images), unit="image", leave=False, disable=None) as bar:
            found = measure(images, part.deid, self.key, on_image=bar.update)
        errors = {f"{name}_error": found.error(name) for name in MEASURES}
        return {**{name: found.mean(name) for name in MEASURES}, **errors, "images": len(images)}

    def _train(self, part: Training) -> Result:
        data, run = self.folder / "data", self.folder / "runs" / self._name(part)
        if part.deid not in self._made:
            self._call("beam.deid", *self._deid_options(part, data))
            self._made.add(part.deid)
        source = self._source(part.dataset)
        name = f"{dataset_name(source.name)}/{part.deid.name}"
        # A source that draws its own splits, in a configuration file, is not cut further.
        sizes = {} if part.config else dict(source.splits)
        options = [f"--config={part.config}"] if part.config else []
        options += [f"--dataset={name}", f"--data_dir={data}", f"--run_dir={run}", f"--seed={part.seed}", *part.options]
        for split, number in (("train", part.num_images), ("test", part.num_tests)):
            if number is not None and number < sizes.get(split, 0):
                options.append(f"--{split}_split={split}[:{number}]")
        self._call("tfdeid.train", *options)
        self._call("tfdeid.evaluate", str(run))
        tested = _kept(run / "evaluation.json")
        seconds = _kept(run / "run.json")["results"]["seconds"]
        return {
            "accuracy": 100 * tested["accuracy"],
            "f1": tested["macro_f1"],
            "milliseconds": min(tested["milliseconds_per_image"].values()),
            "images": tested["examples"],
            "training_seconds": seconds,
        }

    def _deid_options(self, part: Training, data: pathlib.Path) -> list[str]:
        options = [f"--config={part.config}"] if part.config else [f"--dataset={part.dataset}"]
        options += [f"--data_dir={self._data_dir}"] if self._data_dir else []
        options += [f"--limit={part.limit}"] if part.limit else []
        options += [f"--output_dir={data}", f"--key={self._key_reference}", "--mode=resume"]
        options += [f"--{name}={value}" for name, value in part.deid.essentials().items()]
        return [*options, "--direct_running_mode=multi_processing", "--direct_num_workers=0"]

    def _call(self, module: str, *options: str) -> None:
        """Runs a command of ours, which shows its own progress."""
        said = command("python", "-m", module, *options)
        print(said, flush=True)
        code = subprocess.run([sys.executable, "-m", module, *options], check=False).returncode
        if code:
            raise DeidError(
                f"this command ended with exit code {code}, for the reason above: {said}. What is finished is kept in "
                f"{self.folder}; the same command goes on."
            )


def _kept(path: pathlib.Path) -> dict[str, Any]:
    """Returns what a file of results holds; raises DeidError if it is damaged."""
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise DeidError(f"{path} can't be read: {error}. Remove it, and the same command works it out again.") from error
    if not isinstance(content, dict):
        raise DeidError(f"{path} holds no results. Remove it, and the same command works them out again.")
    return content
