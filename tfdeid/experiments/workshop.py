"""Where the parts of tables are made and kept."""

from __future__ import annotations

import pathlib
import subprocess
import sys

from tfdeid.commandline import absolute, absolute_key, command
from tfdeid.data.sources import Source, SourceConfig, open_source
from tfdeid.errors import DeidError
from tfdeid.key import Key
from tfdeid.paths import folder_path


class Workshop:
    """A folder for parts, and what they share. `parts/` has the results, `data/` the datasets, `runs/` the training runs.

    Attributes:
      folder: the folder; it may hold parts of earlier calls.
      data_dir: TFDS data directory with the source datasets; None for TFDS's own.
      key: the owner's key.
      key_reference: where it lies.
    """

    def __init__(self, folder: pathlib.Path, data_dir: str | None, key_reference: str):
        # Commands are printed, and may be pasted in another folder.
        self.folder = pathlib.Path(absolute(folder))
        self.data_dir = str(folder_path(data_dir, "data_dir")) if data_dir else None
        self.key_reference = absolute_key(key_reference)
        self.key = Key.load(key_reference)
        self._sources: dict[str, Source] = {}
        self._called: set[tuple[str, ...]] = set()

    def source(self, dataset: str) -> Source:
        """Returns a source dataset, opened once.

        Raises:
          DeidError: it is not there.
        """
        if dataset not in self._sources:
            self._sources[dataset] = open_source(SourceConfig(dataset=dataset, data_dir=self.data_dir))
        return self._sources[dataset]

    def call(self, module: str, *options: str) -> None:
        """Runs a command of ours, which shows its own progress.

        Raises:
          DeidError: it failed.
        """
        printed = command("python", "-m", module, *options)
        print(printed, flush=True)
        code = subprocess.run([sys.executable, "-m", module, *options], check=False).returncode
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
