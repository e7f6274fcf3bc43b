"""Where parts of experiments are made and kept."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any, TextIO

import numpy as np
from tqdm import tqdm

from tfdeid.commandline import absolute, absolute_key, command
from tfdeid.data.draw import draw_images
from tfdeid.data.naming import split_names
from tfdeid.data.sources import Source, SourceConfig, open_source
from tfdeid.deidentifier import ALGORITHM_VERSION
from tfdeid.errors import DeidError
from tfdeid.experiments.splits import Splits, choose_splits
from tfdeid.key import Key
from tfdeid.paths import folder_path

# Images whose size is looked at.
_LOOKED_AT = 20
_SECONDS_BETWEEN_LINES, _SECONDS_TO_END = 60, 5


class Workshop:
    """A folder for parts, and what they share. `parts/` has the results, `data/` the datasets, `runs/` the training runs.

    Attributes:
      folder: the folder; it may hold parts of earlier calls.
      data_dir: TFDS data directory with the source datasets; None for TFDS's own.
      key: the owner's key.
      key_reference: where it lies.
    """

    def __init__(self, folder: pathlib.Path, data_dir: str | None, key_reference: str, chosen: SourceConfig | None = None):
        """Opens a workshop.

        Args:
          folder, data_dir, key_reference: as above.
          chosen: a source of which only some is used, or used otherwise; None where all are taken as they are.
        """
        # Commands are printed, and may be pasted in another folder.
        self.folder = pathlib.Path(absolute(folder))
        self.data_dir = str(folder_path(data_dir, "data_dir")) if data_dir else None
        self.key_reference = absolute_key(key_reference)
        self.key = Key.load(key_reference)
        self._chosen = chosen
        self._sources: dict[str, Source] = {}
        self._called: set[tuple[str, ...]] = set()

    def config(self, dataset: str) -> SourceConfig:
        """Returns what of a source is used."""
        if self._chosen is not None and self._chosen.dataset == dataset:
            return self._chosen
        return SourceConfig(dataset=dataset, data_dir=self.data_dir)

    def source(self, dataset: str) -> Source:
        """Returns a source dataset, opened once.

        Raises:
          DeidError: it is not there.
        """
        if dataset not in self._sources:
            self._sources[dataset] = open_source(self.config(dataset))
        return self._sources[dataset]

    def splits(self, dataset: str) -> Splits:
        """Returns which splits of a source are trained and tested on.

        Raises:
          DeidError: there is but one.
        """
        return choose_splits(self.source(dataset).splits, dataset)

    def written_splits(self, dataset: str) -> Splits:
        """Returns what these splits are called in a dataset that is made of the source."""
        splits, names = self.splits(dataset), split_names(self.source(dataset).splits)
        return Splits(names[splits.train], names[splits.test])

    def side(self, dataset: str) -> int:
        """Returns how many pixels the shorter side of an image has: the median of some that are drawn."""
        images = draw_images(self.config(dataset), self.splits(dataset).train, _LOOKED_AT, 0, at_most=True)
        return int(np.median([min(image.shape[:2]) for image in images]))

    def data(self, dataset: str) -> pathlib.Path:
        """Returns where datasets that are made of a source lie: sources that are called alike do not meet there."""
        folder = self.folder / "data"
        chosen = self._selection(dataset)
        if not chosen and ":" not in dataset:
            return folder
        identity = json.dumps([dataset, chosen], sort_keys=True)
        return folder / hashlib.sha256(identity.encode(errors="surrogateescape")).hexdigest()[:8]

    def _selection(self, dataset: str) -> dict[str, Any]:
        config = self.config(dataset)
        return config.selection(ALGORITHM_VERSION) | ({"splits": list(config.splits)} if config.splits else {})

    def identity(self, dataset: str) -> dict[str, Any]:
        """Returns what figures depend on of a source, for JSON."""
        source, chosen = self.source(dataset), self._selection(dataset)
        about = {"version": source.version, "splits": dict(source.splits)}
        return {**about, "selection": chosen} if chosen else about

    def reading_options(self, dataset: str) -> list[str]:
        """Returns the options with which `beam.deid` reads a source; a file is written of what they can't say."""
        config = self.config(dataset)
        options = [f"--dataset={dataset}"]
        for name in ("data_dir", "image_feature", "label_feature"):
            value = getattr(config, name)
            options += [f"--{name}={value}"] if value is not None else []
        options += [f"--splits={','.join(config.splits)}"] if config.splits else []
        if config.split_sizes:
            path = self.data(dataset) / "source.yaml"
            path.parent.mkdir(parents=True, exist_ok=True)
            sizes = "".join(f"    {json.dumps(split)}: {size}\n" for split, size in config.split_sizes.items())
            path.write_text(f"source:\n  split_sizes:\n{sizes}")
            options.append(f"--config={path}")
        return options

    def call(self, module: str, *options: str, backend: str | None = None) -> None:
        """Runs a command of ours, on a backend of Keras's if one is given.

        What it prints goes to `log.txt`; of that, a line a minute is shown. Its bars, warnings and errors are shown at once.

        Raises:
          DeidError: it failed.
        """
        printed = command("python", "-m", module, *options)
        chosen = {"KERAS_BACKEND": backend} if backend else {}
        printed = " ".join([*(f"{name}={value}" for name, value in chosen.items()), printed])
        print(printed, flush=True)
        with (self.folder / "log.txt").open("a", encoding="utf-8") as log:
            log.write(f"{printed}\n")
            code = _run([sys.executable, "-m", module, *options], log, chosen)
        if code:
            raise DeidError(
                f"this command ended with exit code {code}, for the reason above: {printed}. What is finished is kept in "
                f"{self.folder}; the same command goes on."
            )

    def call_once(self, module: str, *options: str) -> None:
        """Runs a command of ours if this object has not run it yet, as `call`."""
        if (module, *options) not in self._called:
            self.call(module, *options)
            self._called.add((module, *options))


def _run(words: list[str], log: TextIO, variables: Mapping[str, str]) -> int:
    """Runs a command whose standard output goes to a file, and a line of it a minute to ours; returns its exit code."""
    shown = time.monotonic()
    # Not buffered, or lines of minutes ago would be shown.
    environment = {**os.environ, **variables, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(words, stdout=subprocess.PIPE, env=environment, encoding="utf-8", errors="replace") as process:
        try:
            for line in process.stdout or ():
                log.write(line)
                log.flush()
                if time.monotonic() - shown > _SECONDS_BETWEEN_LINES:
                    tqdm.write(f"  {line.rstrip()}", file=sys.stdout)
                    shown = time.monotonic()
        except BaseException:
            # On a terminal both were interrupted, and the command puts away what it has; elsewhere only we were.
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_SECONDS_TO_END)
            process.kill()
            raise
    return process.returncode
