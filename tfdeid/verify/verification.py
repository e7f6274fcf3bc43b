"""What a check comes to."""

from __future__ import annotations

import dataclasses
from typing import Any

_SHOWN = 20


@dataclasses.dataclass(frozen=True)
class Problem:
    """Something that is wrong: where, and what."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


@dataclasses.dataclass(frozen=True)
class Verification:
    """What a check comes to; as text, what a terminal shows.

    Attributes:
      dataset: `name/config:version`.
      directory: where it lies.
      shards: shards that the metadata names.
      records: records read.
      known: records whose ids are those of the source's examples; None without source and key.
      compared: records that were made again from the source, and compared; None without source and key.
      problems: what is wrong, in the order of the shards.
    """

    dataset: str
    directory: str
    shards: int
    records: int
    known: int | None
    compared: int | None
    problems: list[Problem]

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    def __str__(self) -> str:
        lines = [f"{self.dataset} in {self.directory}", f"{self.shards:,} shards, {self.records:,} records"]
        if self.known is not None:
            lines[-1] += f"; {self.known:,} ids known from the source; {self.compared:,} records made again and compared"
        lines += [f"wrong: {problem}" for problem in self.problems[:_SHOWN]]
        if len(self.problems) > _SHOWN:
            lines.append(f"... and {len(self.problems) - _SHOWN:,} more")
        what = "whole" if self.known is None else "whole, and what the key makes of the source"
        lines.append(f"NOT in order: {len(self.problems):,} problems" if self.problems else f"in order: {what}")
        return "\n".join(lines)
