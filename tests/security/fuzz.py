"""`python -m tests.security.fuzz --count 20000 --seed 0`: damaged images and TFRecord files, decoded within bounds.

Each input is read in a child process. What may come of it is pixels or examples, or a DeidError. Any other exception and a
process that ends count as crashed, more than 10 s as hung, and more memory than an image of the largest size takes as over
memory. The exit code is 1 if there is any of these; `--case` repeats one input, with its traceback.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import dataclasses
import multiprocessing
import os
import pathlib
import resource
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection

import numpy as np

from tests.security.mutations import image_case, records_case, whole_records
from tfdeid.terminal import divert_stderr

OUTCOMES = ("decoded", "refused", "crashed", "hung", "over memory")
BAD = OUTCOMES[2:]
KINDS = ("image", "records")
SECONDS = 10.0
# 64 million pixels of up to 4 channels, as Pillow, numpy and the result hold them: 16 bytes each, and something to spare.
MEGABYTES = 64 * 16 + 100
# So much address space may be reserved above what the process starts with; what is beyond is refused, not killed.
_ADDRESS_SPACE = 8 << 30
_RECORDS_SHARE = 10  # Every so many inputs one is a TFRecord file.


def read_image(data: bytes) -> str:
    """Decodes an image and resizes it, as a worker does."""
    from tfdeid.errors import DeidError
    from tfdeid.image import decode_image, resize

    try:
        pixels = decode_image(data)
        assert pixels.dtype == np.uint8 and pixels.ndim == 3 and pixels.shape[2] in (1, 3) and pixels.size > 0
        assert resize(pixels, 50).shape[:2] == (50, 50)
    except DeidError:
        return "refused"
    return "decoded"


def record_reader(folder: pathlib.Path) -> Callable[[bytes], str]:
    """Returns a function that reads a TFRecord file as the shard of a TFDS dataset, and makes ids of the examples."""
    from tfdeid.data.example import RecordIds
    from tfdeid.data.metadata import make_features, write_metadata
    from tfdeid.data.sources import SourceConfig, open_source
    from tfdeid.errors import DeidError
    from tfdeid.key import Key

    directory = folder / "fuzzed" / "plain" / "1.0.0"
    directory.mkdir(parents=True)
    count = len(whole_records())
    write_metadata(
        directory,
        dataset="fuzzed",
        config="plain",
        description="",
        features=make_features(32, 3, ["a", "b", "c"]),
        file_format="tfrecord",
        splits={"train": ([count], 1)},
        facts={},
    )
    file, source, key = directory / "fuzzed-train.tfrecord-00000-of-00001", None, Key.generate()

    def read(data: bytes) -> str:
        nonlocal source
        file.write_bytes(data)
        source = source or open_source(SourceConfig("fuzzed", str(folder)))
        try:
            for example in source.read("train", 0, count):
                assert isinstance(example.image, bytes) and example.label in (-1, 0, 1, 2)
                assert len(RecordIds(key, "fuzzed", 2)("train", example)) == 32
                read_image(example.image)
        except DeidError:
            return "refused"
        return "decoded"

    return read


def _memory(field: str) -> float:
    """Returns VmRSS, VmHWM or VmSize of this process in MB; 0 where the system does not tell."""
    try:
        lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{field}:"))


def _reset_peak() -> None:
    with contextlib.suppress(OSError):  # Then the peak is that of all inputs so far, which is no less.
        pathlib.Path("/proc/self/clear_refs").write_text("5")


@dataclasses.dataclass(frozen=True)
class Answer:
    """What came of one input, why if it is bad, and what it took."""

    outcome: str
    why: str
    seconds: float = 0.0
    megabytes: float = 0.0


def _child(connection: Connection, records: bool, seed: int) -> None:
    """Reads one input after the other; sends an `Answer` for each."""
    # What libtiff and TensorFlow have to say goes nowhere.
    with tempfile.TemporaryDirectory() as folder, divert_stderr(os.devnull):
        read = record_reader(pathlib.Path(folder)) if records else read_image
        read(_case(records, seed, 0))  # Everything is imported before memory is counted.
        limit = (int(_memory("VmSize")) << 20) + _ADDRESS_SPACE
        if sys.platform == "linux":
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        connection.send(None)
        while (number := connection.recv()) is not None:
            data = _case(records, seed, number)
            _reset_peak()
            before, started = _memory("VmRSS"), time.monotonic()
            try:
                outcome, why = read(data), ""
            except Exception:
                outcome, why = "crashed", traceback.format_exc()
            connection.send(Answer(outcome, why, time.monotonic() - started, _memory("VmHWM") - before))


def _case(records: bool, seed: int, number: int) -> bytes:
    return records_case(seed, number, whole_records()) if records else image_case(seed, number)


class Reader:
    """A child process that reads inputs of a kind, and its successors where one does not survive."""

    def __init__(self, records: bool, seed: int):
        self._arguments = (records, seed)
        self._process: multiprocessing.process.BaseProcess | None = None

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, other = context.Pipe()
        self._process = context.Process(target=_child, args=(other, *self._arguments), daemon=True)
        self._process.start()
        other.close()
        self._connection.recv()

    def read(self, number: int) -> Answer:
        if self._process is None:
            self._start()
        self._connection.send(number)
        try:
            if self._connection.poll(SECONDS):
                return self._connection.recv()
            answer = Answer("hung", f"not read in {SECONDS:g} s", SECONDS)
        except (EOFError, ConnectionError):
            self._process.join()
            answer = Answer("crashed", f"the process ended with {self._process.exitcode}")
        self.stop()
        return answer

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._connection.close()
        self._process = None


@dataclasses.dataclass
class Result:
    """What came of many inputs."""

    counts: collections.Counter[tuple[str, str]]  # (kind, outcome)
    bad: list[str]
    slowest: float = 0.0
    largest: float = 0.0


def fuzz(count: int, seed: int, kinds: Sequence[str] = KINDS, progress: bool = False) -> Result:
    """Reads `count` damaged inputs, one after the other."""
    readers = {kind: Reader(kind == "records", seed) for kind in kinds}
    result = Result(collections.Counter(), [])
    try:
        for number in range(count):
            kind = "records" if number % _RECORDS_SHARE == 0 and "records" in kinds else kinds[0]
            answer = readers[kind].read(number)
            outcome, why = answer.outcome, answer.why
            if outcome not in BAD and answer.megabytes > MEGABYTES:
                outcome, why = "over memory", f"{answer.megabytes:.0f} MB"
            if outcome in BAD:
                result.bad.append(f"{kind} {number} (seed {seed}) {outcome}: {why}")
            result.counts[kind, outcome] += 1
            result.largest = max(result.largest, answer.megabytes)
            result.slowest = max(result.slowest, answer.seconds)
            if progress and number % 1000 == 999:
                print(f"{number + 1} of {count}", file=sys.stderr, flush=True)
    finally:
        for reader in readers.values():
            reader.stop()
    return result


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.security.fuzz", description=__doc__)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--case", help="repeat one input here, as in image:17 or records:20")
    arguments = parser.parse_args(argv)
    if arguments.case:
        kind, _, number = arguments.case.partition(":")
        with tempfile.TemporaryDirectory() as folder:
            read = record_reader(pathlib.Path(folder)) if kind == "records" else read_image
            print(read(_case(kind == "records", arguments.seed, int(number))))
        return 0
    started = time.monotonic()
    result = fuzz(arguments.count, arguments.seed, arguments.kinds, progress=True)
    print("\n".join(result.bad))
    for kind in arguments.kinds:
        counts = ", ".join(f"{outcome} {result.counts[kind, outcome]:,}" for outcome in OUTCOMES)
        print(f"{kind}: {counts}")
    seconds = time.monotonic() - started
    print(f"{arguments.count:,} inputs in {seconds:.0f} s; slowest {result.slowest:.2f} s, most memory {result.largest:.0f} MB")
    return 1 if result.bad else 0


if __name__ == "__main__":
    sys.exit(main())
