"""Shards of a source of 100,000 small images, read one after the other as workers do, beside TFDS reading the same ranges.

TFDS has no way to read chosen examples: it reads from the first to the last of a shard, and the others are dropped. Neither
decodes an image.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest

from tests.data.made import CONFIG, NAME, make_dataset, picture, serialized
from tfdeid.data import tfrecord
from tfdeid.data.sources import Source, SourceConfig, open_source

RECORDS, IMAGES_A_SHARD, SHARDS = 100_000, 512, 8
CHOICES = {
    "all": {},
    "one class of three": {"classes": ("b",)},
    "a half": {"split_sizes": {"train": RECORDS // 2}},
}


@pytest.fixture(scope="session", params=[1, 20], ids="{} file(s)".format)
def many_records(request, tmp_path_factory) -> tuple[str, str]:
    """Returns a data directory, and what it is called in the table."""
    images = [picture(number, side=8) for number in range(64)]
    labels = np.random.RandomState(0).randint(0, 3, RECORDS).tolist()
    records = [serialized(label, images[number % len(images)]) for number, label in enumerate(labels)]
    data_dir = tmp_path_factory.mktemp("many")
    make_dataset(data_dir, {"train": records}, shards=request.param)
    return str(data_dir), "1 file" if request.param == 1 else f"{request.param} files"


@pytest.fixture(params=CHOICES)
def chosen(request, many_records) -> tuple[str, str, Source]:
    data_dir, files = many_records
    return data_dir, f"{files}, {request.param}", open_source(SourceConfig(NAME, data_dir, **CHOICES[request.param]))


def shards(source: Source) -> Iterator[tuple[int, int]]:
    """Yields start and stop of some shards of a split, in an order that is drawn, as a plan's is."""
    size = source.splits["train"]
    count = math.ceil(size / IMAGES_A_SHARD)
    for part in np.random.RandomState(0).permutation(count)[:SHARDS].tolist():
        yield part * size // count, (part + 1) * size // count


def timed(benchmark, what: str, program: str, function) -> None:
    benchmark.group = f"read {what}"
    benchmark.extra_info.update(stage="read", program=program)
    assert benchmark.pedantic(function, rounds=1)


def test_read(benchmark, chosen):
    _, what, source = chosen
    tfrecord._marks.cache_clear()  # As in a new worker.

    def read() -> bool:
        return all(sum(1 for _ in source.read("train", start, stop)) == stop - start for start, stop in shards(source))

    timed(benchmark, what, "tfdeid", read)


def test_read_tfds(benchmark, chosen):
    import tensorflow_datasets as tfds

    data_dir, what, source = chosen
    builder = tfds.builder_from_directory(f"{data_dir}/{NAME}/{CONFIG}/1.0.0")
    ranges = [[example.index for example in source.read("train", start, stop)] for start, stop in shards(source)]

    def read() -> bool:
        return all(read_places(places) == len(places) for places in ranges)

    def read_places(places: list[int]) -> int:
        instruction = tfds.core.ReadInstruction("train", from_=places[0], to=places[-1] + 1, unit="abs")
        examples = builder.as_dataset(split=instruction, decoders={"image": tfds.decode.SkipDecoding()})
        wanted = set(places)
        return sum(place in wanted for place, _ in enumerate(tfds.as_numpy(examples), places[0]))

    timed(benchmark, what, "tfds, ReadInstruction", read)
