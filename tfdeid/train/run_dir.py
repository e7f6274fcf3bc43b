"""A training run's folder: `run.json`, `log.csv`, checkpoints and exported networks.

`run.json` is written last, whole, and names the checkpoints that count. Whenever a run is killed, what it names is there.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import tensorflow as tf
from etils import epath

from tfdeid.errors import DeidError
from tfdeid.files import lock, write_text

LAST, BEST = "last", "best"


class RunDir:
    """Reads and writes a run's folder.

    Attributes:
      path: the folder.
      record: what `run.json` holds: `train`, `data`, `dataset`, `network`, `versions`, `history` (one row an epoch),
        `checkpoints` (the epochs of the last and of the best one), and `results`.
    """

    def __init__(self, path: epath.PathLike, record: dict[str, Any]):
        self.path = epath.Path(path).expanduser()
        self.record = record

    @classmethod
    def open(cls, path: epath.PathLike) -> RunDir:
        """Opens the folder of a run that has finished at least one epoch.

        Raises:
          DeidError: there is none.
        """
        run = cls(path, _read(epath.Path(path).expanduser()) or {})
        if not run.record.get("checkpoints"):
            raise DeidError(f"{path} must be the folder of a training run with a finished epoch; there is no checkpoint in it.")
        return run

    @classmethod
    def begin(cls, path: epath.PathLike, record: dict[str, Any], identity: Mapping[str, Any], writes: bool = True) -> RunDir:
        """Opens a new folder, or one whose run was begun with the same identity, to go on with it.

        A run that has not finished an epoch has nothing to keep, and is begun anew.

        Args:
          path: the folder.
          record: what a new `run.json` holds at first.
          identity: what must not differ between the run that was begun and this one.
          writes: False for a worker of several that leaves all writing to the chief.

        Raises:
          DeidError: the folder is that of another run, or holds other things.
        """
        path = epath.Path(path).expanduser()
        found = _read(path)
        if found is None or not found.get("checkpoints"):
            if writes and found is None and _holds_other_things(path):
                raise DeidError(f"{path} holds files that are not of a training run. Choose another --run_dir.")
            run = cls(path, {**record, "identity": dict(identity), "history": [], "checkpoints": {}})
            if writes:
                run._write(run.record)
            return run
        # As JSON gives it back, where tuples are lists.
        wanted, begun = json.loads(json.dumps(identity)), found.get("identity", {})
        differing = [name for name in {**begun, **wanted} if begun.get(name) != wanted.get(name)]
        if differing:
            changes = "; ".join(f"{name} was {begun.get(name)!r}, now {wanted.get(name)!r}" for name in differing)
            raise DeidError(f"{path} is the run of another configuration: {changes}. Choose another --run_dir.")
        kept = {name: found[name] for name in ("identity", "history", "checkpoints")}
        return cls(path, {**record, **kept})

    @property
    def history(self) -> list[dict[str, Any]]:
        return self.record["history"]

    def checkpoint(self, which: str = LAST) -> str:
        """Returns the prefix of the last or the best checkpoint."""
        return self._prefix(self.record["checkpoints"][which])

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Keeps other processes on this machine from training in this folder while a block runs.

        Raises:
          DeidError: one does so already.
        """
        with lock(self.path / ".lock", f"another process is training in {self.path}. Choose another --run_dir, or wait."):
            yield

    def commit(self, row: dict[str, Any], variables: Mapping[str, Sequence[tf.Variable]]) -> None:
        """Ends an epoch: writes its checkpoint, `log.csv`, then `run.json`; then drops checkpoints that no longer count.

        Args:
          row: the epoch's figures, among them `epoch` and `test_accuracy`.
          variables: the state to keep, by name.

        Raises:
          DeidError: the disk is full or can't be written; what was there before still counts.
        """
        epoch, history = row["epoch"], [*self.history, row]
        best = max(history, key=lambda row: row["test_accuracy"])["epoch"]  # the first of several
        checkpoints = {LAST: epoch, BEST: best}
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            tf.train.Checkpoint(**{name: list(values) for name, values in variables.items()}).write(self._prefix(epoch))
            write_text(self.path / "log.csv", _csv(history))
            write_text(self.path / "run.json", _json({**self.record, "history": history, "checkpoints": checkpoints}))
        except (OSError, tf.errors.OpError) as error:
            self._drop_checkpoints(keep=set(self.record["checkpoints"].values()))
            reason = _reason(error)
            kept = "the last one before it is kept" if self.history else "there was none before it"
            raise DeidError(
                f"the checkpoint of epoch {epoch} can't be written to {self.path}: {reason}. Nothing half-written is left, and "
                f"{kept}. Make room, and run the same command again."
            ) from error
        self.record = {**self.record, "history": history, "checkpoints": checkpoints}
        self._drop_checkpoints(keep=set(checkpoints.values()))

    def restore(self, variables: Mapping[str, Sequence[tf.Variable]], which: str = LAST) -> None:
        """Reads a checkpoint into variables; those of a part that is not named are passed over.

        Raises:
          DeidError: the checkpoint is damaged or of another network.
        """
        try:
            status = tf.train.Checkpoint(**{name: list(values) for name, values in variables.items()}).read(
                self.checkpoint(which)
            )
            status.assert_existing_objects_matched().expect_partial()
        except (tf.errors.OpError, ValueError, IndexError, AssertionError) as error:
            raise DeidError(f"the checkpoint {self.checkpoint(which)} can't be read: {str(error).splitlines()[0]}") from error

    def write_results(self, results: dict[str, Any]) -> None:
        """Puts the results of the whole run into `run.json`."""
        self._write({**self.record, "results": results})

    def _write(self, record: dict[str, Any]) -> None:
        try:
            write_text(self.path / "run.json", _json(record))
        except OSError as error:
            raise DeidError(
                f"{self.path} can't be written: {_reason(error)}. Choose another --run_dir, or make room."
            ) from error
        self.record = record

    @property
    def _folder(self) -> epath.Path:
        return self.path / "checkpoints"

    def _prefix(self, epoch: int) -> str:
        return str(self._folder / f"epoch-{epoch:04d}")

    def _drop_checkpoints(self, keep: set[int]) -> None:
        kept = {epath.Path(self._prefix(epoch)).name for epoch in keep}
        for path in list(self._folder.iterdir()) if self._folder.exists() else []:
            if path.name.partition(".")[0] not in kept:
                with contextlib.suppress(OSError):  # What can't be deleted now is the next epoch's to delete.
                    path.rmtree() if path.is_dir() else path.unlink(missing_ok=True)


def _read(path: epath.Path) -> dict[str, Any] | None:
    if not (path / "run.json").exists():
        return None
    try:
        record = json.loads((path / "run.json").read_text())
    except (ValueError, OSError) as error:
        raise DeidError(f"{path / 'run.json'} can't be read: {error}. Choose another --run_dir.") from error
    if not isinstance(record, dict) or not {"history", "checkpoints"} <= record.keys():
        raise DeidError(f"{path / 'run.json'} is not that of a training run. Choose another --run_dir.")
    return record


def _holds_other_things(path: epath.Path) -> bool:
    """Tells whether a folder without a run.json holds more than what a run leaves that was killed while it wrote that."""
    if path.exists() and not path.is_dir():
        raise DeidError(f"{path} must be a folder, it is a file. Choose another --run_dir.")
    return path.exists() and any(not file.name.startswith(".run.json.incomplete-") for file in path.iterdir())


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(getattr(error, "message", error)).splitlines()[0]


def _json(record: Mapping[str, Any]) -> str:
    return json.dumps(record, indent=1) + "\n"


def _csv(rows: Sequence[Mapping[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0].keys(), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
