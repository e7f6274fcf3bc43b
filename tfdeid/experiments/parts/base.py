"""What all parts of experiments have in common: worked out once, they are kept under a name that says all they depend on."""

from __future__ import annotations

import abc
import dataclasses
import hashlib
import json
import pathlib
import re
from typing import Any, ClassVar

from etils import epath

from tfdeid.deidentifier import ALGORITHM_VERSION, DeidConfig
from tfdeid.errors import DeidError
from tfdeid.experiments.workshop import Workshop
from tfdeid.files import write_text

Result = dict[str, float]
LATER: dict[str, bool] = {"later": True}
"""Metadata of a field that came later: it is part of a name where it is not at its default, so that earlier names stay."""


@dataclasses.dataclass(frozen=True)
class Part(abc.ABC):
    """Something that figures come from. Its fields are what it depends on, and are part of its name.

    Attributes:
      work: what it does, in words.
      deid: what is done to each image.
      dataset: a source, as `SourceConfig.dataset`; `Workshop.config` says what of it is used.
    """

    work: ClassVar[str]
    deid: DeidConfig
    dataset: str = dataclasses.field(default="cifar10", kw_only=True)

    @property
    @abc.abstractmethod
    def title(self) -> str:
        """What is said when it begins."""

    @property
    @abc.abstractmethod
    def prefix(self) -> str:
        """What the name begins with under which it is kept."""

    @abc.abstractmethod
    def hours(self, workshop: Workshop) -> float:
        """Returns how long it takes on two cores, estimated; of training, where it is not the paper's."""

    @property
    def flop(self) -> float:
        """Floating-point operations that it takes at paper scale, where it trains a network of the paper."""
        return 0.0

    @abc.abstractmethod
    def run(self, workshop: Workshop) -> Result:
        """Works out its figures.

        Raises:
          DeidError: what it needs is not there, or fails.
        """

    def depends_on(self, workshop: Workshop) -> dict[str, Any]:
        """Returns what else its figures depend on, for JSON."""
        return {}

    def identity(self, workshop: Workshop) -> dict[str, Any]:
        """Returns all that its figures depend on."""
        fields = [field for field in dataclasses.fields(self) if not self._is_unsaid(field)]
        return {
            **{field.name: getattr(self, field.name) for field in fields},
            **self.depends_on(workshop),
            # Not all fields: what is kept would be made again whenever there is one more option, though it changes nothing.
            "deid": self.deid.essentials(),
            "source": workshop.identity(self.dataset),
            "key_fingerprint": workshop.key.fingerprint,
            "algorithm_version": ALGORITHM_VERSION,
        }

    def _is_unsaid(self, field: dataclasses.Field[Any]) -> bool:
        return "later" in field.metadata and getattr(self, field.name) == field.default

    def name(self, workshop: Workshop) -> str:
        """Returns the name under which it is kept."""
        digest = hashlib.sha256(json.dumps(self.identity(workshop), sort_keys=True).encode()).hexdigest()
        # Of a path its last part: the digest is made of all.
        source = self.dataset.rstrip("/").rpartition("/")[-1]
        return f"{self.prefix}_{re.sub(r'[^A-Za-z0-9_.-]+', '_', source)[:40]}_{self.deid.name}_{digest[:8]}"

    def is_kept(self, workshop: Workshop) -> bool:
        return self._path(workshop).exists()

    def result(self, workshop: Workshop) -> Result:
        """Returns its figures, which are worked out if they are not kept.

        Raises:
          DeidError: what it needs is not there, or a command fails; what is finished is kept.
        """
        path = self._path(workshop)
        if path.exists():
            return read_results(path)["result"]
        try:
            result = self.run(workshop)
        except KeyboardInterrupt:
            raise DeidError(f"interrupted. What is finished is kept in {workshop.folder}; the same command goes on.") from None
        content = {"identity": self.identity(workshop), "result": result}
        try:
            write_text(epath.Path(path), json.dumps(content, indent=1) + "\n")
        except OSError as error:
            raise DeidError(f"{path} can't be written: {error.strerror}. Make room, or choose another --output_dir.") from None
        return result

    def _path(self, workshop: Workshop) -> pathlib.Path:
        return workshop.folder / "parts" / f"{self.name(workshop)}.json"


def read_results(path: pathlib.Path) -> dict[str, Any]:
    """Returns what a file of results holds.

    Raises:
      DeidError: it is damaged.
    """
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise DeidError(f"{path} can't be read: {error}. Remove it, and the same command works it out again.") from error
    if not isinstance(content, dict):
        raise DeidError(f"{path} holds no results. Remove it, and the same command works them out again.")
    return content
