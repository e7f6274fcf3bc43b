"""Batches for JAX, by Grain: the same datasets without TensorFlow."""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterable, Iterator
from typing import Any, SupportsIndex

import grain
import numpy as np
from etils import epath

from tfdeid.data.batches import ImageData
from tfdeid.data.record_files import READERS_AT
from tfdeid.errors import DeidError
from tfdeid.image import decode_image, match_channels, resize

# As many as tf.data is given: records are decoded by C, which lets other threads run.
_THREADS, _BATCHES_AHEAD = 16, 2


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

    def read(self, batches: Iterable[Any]) -> Iterator[Any]:
        return iter(batches)

    def _batched(self, records: Any, batch_size: int, drop_remainder: bool) -> Any:
        options = grain.ReadOptions(num_threads=_THREADS, prefetch_buffer_size=_BATCHES_AHEAD * batch_size)
        images = records.map(self._decoded).to_iter_dataset(options)
        return images.batch(batch_size, drop_remainder=drop_remainder)

    def _decoded(self, record: tuple[str, bytes]) -> tuple[np.ndarray, np.int64]:
        from tensorflow_datasets.proto import tf_example_pb2  # Late: loads TFDS.

        where, data = record
        try:
            label = self._label(data)
            features = tf_example_pb2.Example.FromString(data).features.feature
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
