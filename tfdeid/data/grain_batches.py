"""Batches for JAX, by Grain: the same datasets without TensorFlow."""

from __future__ import annotations

import bisect
import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, SupportsIndex

import grain
import numpy as np
from etils import epath

from tfdeid.data import tf_example
from tfdeid.data.batches import ImageData
from tfdeid.data.record_files import READERS_AT
from tfdeid.errors import DeidError
from tfdeid.image import decode_image, match_channels, resize

# A thread a core: while C decodes a record, one other thread of Python can run, and more only take turns at it.
_THREADS, _BATCHES_AHEAD = os.cpu_count() or 1, 2
# No example. (What is None, Grain leaves out.)
_NONE = ("", b"")


class GrainData(ImageData):
    """A split whose batches are NumPy arrays."""

    def train_batches(self, batch_size: int, seed: int, epoch: int, shard: tuple[int, int] = (0, 1)) -> Any:
        """Returns an epoch's batches, in an order drawn from (seed, epoch): the same on every run and machine.

        All examples are shuffled. What does not fill the last batch is left out.

        Args, result: as of `ImageData`, in NumPy arrays.
        """
        drawn = np.random.SeedSequence([seed, epoch]).generate_state(2)
        records = grain.MapDataset.source(_Records(self)).shuffle(seed=int(drawn[0]))[shard[0] :: shard[1]]
        return self._batched(records, batch_size, drop_remainder=True)

    def test_batches(self, batch_size: int) -> Any:
        return self._batched(grain.MapDataset.source(_Records(self)), batch_size, drop_remainder=False)

    def batches_of(self, chosen: Sequence[np.ndarray]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yields batches of chosen examples.

        Args:
          chosen: int[B] for each batch, of any B: examples' numbers, or -1 for a black image whose label is -1.

        Yields:
          uint8[B, S, S, C] and int64[B].
        """
        numbers = grain.MapDataset.source(_Chosen(_Records(self), np.concatenate(chosen)))
        images = iter(self._images(numbers, _BATCHES_AHEAD * max(map(len, chosen))))
        for batch in chosen:
            pixels, labels = zip(*itertools.islice(images, len(batch)), strict=True)
            yield np.stack(pixels), np.stack(labels)

    def read(self, batches: Iterable[Any]) -> Iterator[Any]:
        return iter(batches)

    def _batched(self, records: Any, batch_size: int, drop_remainder: bool) -> Any:
        return self._images(records, _BATCHES_AHEAD * batch_size).batch(batch_size, drop_remainder=drop_remainder)

    def _images(self, records: Any, ahead: int) -> Any:
        return records.map(self._decoded).to_iter_dataset(grain.ReadOptions(num_threads=_THREADS, prefetch_buffer_size=ahead))

    def _decoded(self, record: tuple[str, bytes]) -> tuple[np.ndarray, np.int64]:
        if record is _NONE:
            return np.zeros((self.image_size, self.image_size, self.channels), np.uint8), np.int64(-1)
        where, data = record
        try:
            features = tf_example.parse(data)
            label = self._label(features)
            image = decode_image(features[self._store.image_key].bytes_list.value[0])
        except (DeidError, IndexError) as error:
            raise DeidError(f"{self.name} can't be read: {where}: {error}") from error
        image = match_channels(image, self.channels)
        for size in self.resizing:
            image = resize(image, size)
        if image.shape[:2] != (self.image_size, self.image_size):
            raise DeidError(f"{self.name} can't be read: {where}: the image is of {image.shape[1]} x {image.shape[0]}.")
        return image, np.int64(label)


class _Records:
    """The serialized examples of a split, by their numbers, each with its file and place for messages."""

    def __init__(self, data: ImageData):
        self._read = READERS_AT[data.format]
        self._parts = [(epath.Path(part.filename), part.skip, part.take) for part in data.parts]
        self._ends = list(itertools.accumulate(take for _, _, take in self._parts))

    def __len__(self) -> int:
        return self._ends[-1]

    def __getitem__(self, number: SupportsIndex) -> tuple[str, bytes]:
        number = int(number)
        part = bisect.bisect_right(self._ends, number)
        path, skip, take = self._parts[part]
        place = skip + number - (self._ends[part] - take)
        (data,) = self._read(path, [place])
        return f"{path}, record {place}", data


class _Chosen:
    """Some of a split's examples, in an order of one's own; `_NONE` where the number is -1."""

    def __init__(self, records: _Records, numbers: np.ndarray):
        self._records, self._numbers = records, numbers

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, place: SupportsIndex) -> tuple[str, bytes]:
        number = self._numbers[int(place)]
        return _NONE if number < 0 else self._records[number]
