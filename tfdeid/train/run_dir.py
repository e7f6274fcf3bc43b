"""A training run's folder: `run.json`, `log.csv`, checkpoints and exported networks.

`run.json` is written last, whole, and names the checkpoints that count. Whenever a run is killed, what it names is there.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import keras
from etils import epath

from tfdeid.commandline import absolute
from tfdeid.errors import DeidError, reason
from tfdeid.files import is_remote, lock, storage_errors, write_text
from tfdeid.train import engines

LAST, BEST = "last", "best"
_LOCK, _SECRET = ".lock", ".secret"
# What a run.json says from which the network can be made again and tested.
_NEEDED = {
    "data": (),
    "dataset": ("facts", "label_names", "resizing"),
    "network": ("model", "image_size", "channels", "precision"),
}


class RunDir:
    """Reads and writes a run's folder.

    Attributes:
      path: the folder, absolute.
      record: what `run.json` holds: `train`, `data`, `dataset`, `network`, `versions`, `history` (one row an epoch),
        `checkpoints` (the epochs of the last and of the best one), and `results`.
    """

    def __init__(self, path: epath.PathLike, record: dict[str, Any]):
        self.path = epath.Path(path)
        self.record = record

    @classmethod
    def open(cls, path: epath.PathLike) -> RunDir:
        """Opens the folder of a run that has finished at least one epoch.

        Raises:
          DeidError: there is none.
        """
        folder = _folder(path)
        record = _read(folder) or {}
        if not record.get("checkpoints"):
            raise DeidError(f"{path} must be the folder of a training run with a finished epoch; there is no checkpoint in it.")
        missing = [name for name, parts in _NEEDED.items() if not _has(record.get(name), parts)]
        if missing:
            raise DeidError(f"{folder / 'run.json'} is not that of a training run: its {', '.join(missing)} is not whole.")
        return cls(folder, record)

    @classmethod
    @contextlib.contextmanager
    def begin(
        cls, path: epath.PathLike, record: dict[str, Any], identity: Mapping[str, Any], writes: bool = True
    ) -> Iterator[RunDir]:
        """Opens a new folder, or one whose run was begun with the same identity, to go on with it.

        A run that has not finished an epoch has nothing to keep, and is begun anew. Other processes on this machine are kept
        from training in the folder while the block runs, and nothing in it is changed before that is sure.

        Args:
          path: the folder.
          record: what a new `run.json` holds at first.
          identity: what must not differ between the run that was begun and this one.
          writes: False for a worker of several that leaves all writing to the chief.

        Raises:
          DeidError: the folder is that of another run, holds other things or can't be written, or another process trains in it.
        """
        folder = _folder(path)
        with _locked(folder) if writes else contextlib.nullcontext():
            begun = _read(folder)
            if begun is None or not begun.get("checkpoints"):
                run = cls(folder, {**record, "identity": dict(identity), "history": [], "checkpoints": {}})
                if writes:
                    run._write(run.record)
            else:
                _check_same_run(folder, begun.get("identity", {}), identity)
                run = cls(folder, {**record, **{name: begun[name] for name in ("identity", "history", "checkpoints")}})
            yield run

    @property
    def history(self) -> list[dict[str, Any]]:
        return self.record["history"]

    def checkpoint(self, which: str = LAST) -> str:
        """Returns the prefix of the last or the best checkpoint."""
        return self._prefix(self.record["checkpoints"][which])

    def commit(self, row: dict[str, Any], variables: Mapping[str, Sequence[keras.Variable]]) -> None:
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
            self._checkpoints.mkdir(parents=True, exist_ok=True)
            engines.module().write_checkpoint(self._prefix(epoch), variables)
            write_text(self.path / "log.csv", _csv(history))
            write_text(self.path / "run.json", _json({**self.record, "history": history, "checkpoints": checkpoints}))
        except storage_errors() as error:
            self._drop_checkpoints(keep=set(self.record["checkpoints"].values()))
            kept = "the last one before it is kept" if self.history else "there was none before it"
            raise DeidError(
                f"the checkpoint of epoch {epoch} can't be written to {self.path}: {reason(error)}. Nothing half-written is "
                f"left, and {kept}. Make room, and run the same command again."
            ) from error
        self.record = {**self.record, "history": history, "checkpoints": checkpoints}
        self._drop_checkpoints(keep=set(checkpoints.values()))

    def restore(self, variables: Mapping[str, Sequence[keras.Variable]], which: str = LAST) -> None:
        """Reads a checkpoint into variables; those of a part that is not named are passed over.

        Raises:
          DeidError: the checkpoint is damaged or of another network.
        """
        self._check_backend()
        try:
            engines.module().read_checkpoint(self.checkpoint(which), variables)
        except storage_errors(ValueError, IndexError, AssertionError) as error:
            raise DeidError(f"the checkpoint {self.checkpoint(which)} can't be read: {reason(error)}.") from error

    def _check_backend(self) -> None:
        trained, ours = self.record.get("backend", "tensorflow"), keras.backend.backend()
        if trained != ours:
            raise DeidError(
                f"{self.path} is the run of another backend: it was trained on {trained}, and KERAS_BACKEND is {ours!r}. Its "
                f"networks, {LAST}.keras and {BEST}.keras, can be loaded on any."
            )

    def secret(self, count: int) -> bytes:
        """Returns random bytes of this run alone, which its folder keeps until `write_results`; b"" for none.

        Raises:
          DeidError: those of a run that goes on are gone, or they can't be written.
        """
        if not count:
            return b""
        try:
            if self.history:
                return self._secret.read_bytes()
            self._secret.unlink(missing_ok=True)
            drawn = os.urandom(count)
            write_text(self._secret, drawn, private=not is_remote(self._secret))
            return drawn
        except storage_errors() as error:
            if self.history:
                raise DeidError(
                    f"the run in {self.path} can't go on: {self._secret.name}, from which it draws, is gone ({reason(error)}). "
                    "Choose another --run_dir."
                ) from error
            raise _unwritable(self.path, error) from error

    @property
    def _secret(self) -> epath.Path:
        return self.path / _SECRET

    def write_results(self, results: dict[str, Any]) -> None:
        """Puts the results of the whole run into `run.json`; what it drew from is no longer needed."""
        self._write({**self.record, "results": results})
        with contextlib.suppress(*storage_errors()):
            self._secret.unlink(missing_ok=True)

    def _write(self, record: dict[str, Any]) -> None:
        try:
            write_text(self.path / "run.json", _json(record))
        except storage_errors() as error:
            raise _unwritable(self.path, error) from error
        self.record = record

    @property
    def _checkpoints(self) -> epath.Path:
        return self.path / "checkpoints"

    def _prefix(self, epoch: int) -> str:
        return str(self._checkpoints / f"epoch-{epoch:04d}")

    def _drop_checkpoints(self, keep: set[int]) -> None:
        kept = {epath.Path(self._prefix(epoch)).name for epoch in keep}
        for path in list(self._checkpoints.iterdir()) if self._checkpoints.exists() else []:
            if path.name.partition(".")[0] not in kept:
                with contextlib.suppress(OSError):  # What can't be deleted now is the next epoch's to delete.
                    path.rmtree() if path.is_dir() else path.unlink(missing_ok=True)


def _folder(path: epath.PathLike) -> epath.Path:
    """Returns a run's folder, absolute; TensorFlow takes no name that is not UTF-8."""
    try:
        return epath.Path(absolute(path).encode().decode())
    except UnicodeEncodeError:
        raise DeidError(f"the folder of a run must have a name in UTF-8, it was {os.fspath(path)!a}.") from None


def _read(path: epath.Path) -> dict[str, Any] | None:
    try:
        record = json.loads((path / "run.json").read_text())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except storage_errors(ValueError, RecursionError) as error:
        if type(error).__name__ == "NotFoundError":  # TensorFlow's, of a remote folder.
            return None
        raise DeidError(f"{path / 'run.json'} can't be read: {reason(error)}. Choose another --run_dir.") from error
    if not _has(record, ("history", "checkpoints")) or not _is_whole(record["history"], record["checkpoints"]):
        raise DeidError(f"{path / 'run.json'} is not that of a training run. Choose another --run_dir.")
    return record


def _has(values: Any, names: Sequence[str]) -> bool:
    return isinstance(values, dict) and set(names) <= values.keys()


def _is_whole(history: Any, checkpoints: Any) -> bool:
    """Tells whether a run's epochs, and the numbers of its last and its best one if there are any, are all there."""
    rows = isinstance(history, list) and all(_has(row, ("epoch", "test_accuracy")) for row in history)
    named = checkpoints == {} or (_has(checkpoints, (LAST, BEST)) and all(isinstance(k, int) for k in checkpoints.values()))
    return rows and named and bool(history) == bool(checkpoints)


def _check_same_run(path: epath.Path, begun: Mapping[str, Any], identity: Mapping[str, Any]) -> None:
    # As JSON gives it back, where tuples are lists.
    wanted = json.loads(json.dumps(identity))
    differing = [name for name in {**begun, **wanted} if begun.get(name) != wanted.get(name)]
    if differing:
        changes = "; ".join(f"{name} was {begun.get(name)!r}, now {wanted.get(name)!r}" for name in differing)
        raise DeidError(f"{path} is the run of another configuration: {changes}. Choose another --run_dir.")


@contextlib.contextmanager
def _locked(path: epath.Path) -> Iterator[None]:
    """Makes the folder at need, and keeps other processes on this machine from training in it while a block runs.

    Raises:
      DeidError: one does so already, or the folder holds other things or can't be written.
    """
    with contextlib.ExitStack() as held:
        try:
            if _read(path) is None and _holds_other_things(path):
                raise DeidError(f"{path} holds files that are not of a training run. Choose another --run_dir.")
            path.mkdir(parents=True, exist_ok=True)
            complaint = f"another process is training in {path}. Choose another --run_dir, or wait."
            held.enter_context(lock(path / _LOCK, complaint))
        except storage_errors() as error:
            raise _unwritable(path, error) from error
        yield


def _holds_other_things(path: epath.Path) -> bool:
    """Tells whether a folder without a run.json holds more than what a run leaves that was killed before it wrote that."""
    if path.exists() and not path.is_dir():
        raise DeidError(f"{path} must be a folder, it is a file. Choose another --run_dir.")
    return path.exists() and any(
        file.name != _LOCK and not file.name.startswith(".run.json.incomplete-") for file in path.iterdir()
    )


def _unwritable(path: epath.Path, error: Exception) -> DeidError:
    return DeidError(f"{path} can't be written: {reason(error)}. Choose another --run_dir, or make room.")


def _json(record: Mapping[str, Any]) -> str:
    return json.dumps(record, indent=1) + "\n"


def _csv(rows: Sequence[Mapping[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0].keys(), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
