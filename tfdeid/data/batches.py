"""From a prepared TFDS dataset, de-identified or not, to batches for training and evaluation."""

from __future__ import annotations

import dataclasses
import functools
import os
import re
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from etils import epath
from tqdm import tqdm

from tfdeid.config import number
from tfdeid.data import array_record, tf_example
from tfdeid.data.affine import Ranges
from tfdeid.data.label_choice import BOOLEAN, CLASS
from tfdeid.data.locate import MissingDatasetError
from tfdeid.data.metadata import read_facts
from tfdeid.data.naming import SUFFIX, making_command
from tfdeid.data.record_files import READERS
from tfdeid.data.sources.tfds import TfdsStore
from tfdeid.errors import DeidError, reason, unknown_name

if TYPE_CHECKING:
    import tensorflow as tf

T = TypeVar("T")
_PLAIN = re.compile(rf"(?P<source>\w+){SUFFIX}/plain_(?P<input_size>\d+)_(?P<output_size>\d+)")
# As in TFDS: how many files are read in turn, and how many records of each.
_FILES_AT_ONCE, _BLOCK_LENGTH = 16, 16
# Decoding is all that takes time, so there is nothing for a tuner to find out.
_THREADS, _BATCHES_AHEAD = os.cpu_count() or 1, 4


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """What is trained on

    Raises:
      DeidError: a value breaks its rule.
    """

    dataset: str = "lfw_subset_deid"
    """TFDS name[/config][:version] of a dataset that is prepared, de-identified or not."""
    data_dir: str | None = None
    """TFDS data directory that it is read from (default: TFDS's own)."""
    train_split: str = "train"
    """Split to train on, in TFDS's notation: train[:1000] is its first thousand."""
    test_split: str = "test"
    """Split to test on after each epoch."""
    test_dataset: str | None = None
    """Dataset that the test split is of (default: the same). It must be of the same scheme and key."""
    image_size: int | None = None
    """Resize images to this many pixels a side while loading (default: as they are stored)."""
    shuffle_buffer: int = 10_000
    """Encoded records among which the next one is drawn; they are held in memory."""
    cache: bool = False
    """Read all encoded records into memory before the first epoch, and keep them there."""
    rotation: float = 15.0
    """Augmentation: largest rotation either way, in degrees."""
    shift: float = 0.1
    """Augmentation: largest shift either way, as a share of the side; with no rotation, of whole pixels."""
    flip: bool = True
    """Augmentation: mirror every second image."""
    fill: int = 255
    """Augmentation: value of what was outside the image; 255 is white, the colour of the canvas."""
    augment_encrypted: bool = False
    """Augment also data of schemes that do not survive it, such as block_shuffle, whose blocks must stay whole and in place."""

    def __post_init__(self) -> None:
        for name in ("rotation", "shift"):
            object.__setattr__(self, name, number(name, getattr(self, name)))
        for name, low in (("image_size", 2), ("shuffle_buffer", 1), ("fill", 0)):
            value = getattr(self, name)
            if not (value is None and name == "image_size") and not (type(value) is int and value >= low):
                raise DeidError(f"{name} must be a whole number of at least {low}, {name} was {value!r}.")
        _ = self.augmentation

    @property
    def augmentation(self) -> Ranges:
        """What warps are drawn from."""
        return Ranges(self.rotation, self.shift, self.flip, self.fill)


class ImageData:
    """One split of a prepared dataset.

    Attributes:
      name: `dataset[/config]:version` of what is read.
      split: the split, in TFDS's notation.
      size: examples.
      label_names: class names by label.
      image_size: pixels a side.
      channels: 1 or 3.
      resizing: the sizes that images are resized to while loading, one after the other.
      facts: what determines the content: for de-identified data what its metadata says, else name and version.
      format: of its files, a name of `READERS`.
      parts: files of the split, each with how many records are skipped and taken.
    """

    def __init__(self, config: DataConfig, split: str, dataset: str | None = None):
        self._config = config
        store, resizing = _open_store(dataset or config.dataset, config)
        if store.label_names is None:
            raise DeidError(f"{store.source_name} has no labels, so no classifier can be trained on it.")
        if store.roles.label_kind not in (CLASS, BOOLEAN):
            raise DeidError(
                f"a network is trained on classes, and the label {store.label_key!r} of {store.source_name} is a "
                f"{store.roles.label_kind}. `python -m beam.deid --scheme plain` makes classes of its values."
            )
        builder = store.builder
        height, width, channels = store.feature(store.image_key).shape
        if channels not in (1, 3):
            raise DeidError(f"images must have 1 or 3 channels, those of {store.source_name} have {channels}.")
        if height == width and resizing == [height]:
            resizing = []
        self._store, self.resizing = store, resizing
        self.split = split
        self._cached: tf.data.Dataset | None = None
        self._tests: dict[int, tf.data.Dataset] = {}
        self.name = builder.info.full_name
        self.size: int = _size(builder.info, split)
        self.parts = builder.info.splits[split].file_instructions
        self.format = builder.info.file_format.value
        self.label_names: list[str] = store.label_names
        self.channels: int = channels
        self.facts = read_facts(builder.data_dir) or {"source": store.source_name, "source_version": store.version}
        if not resizing and (height is None or height != width):
            raise DeidError(f"images of {self.name} are of several sizes or not square. Give --image_size to resize them.")
        self.image_size: int = resizing[-1] if resizing else height

    @functools.cached_property
    def unlabelled(self) -> int:
        """Examples without a label: TFDS marks them by -1. Reads through the files once, and decodes no image.

        Raises:
          DeidError: a file is damaged, shorter than its metadata say, or gone, or a label is none of the classes.
        """
        count = 0
        with tqdm(total=self.size, unit="record", desc=f"labels of {self.split}", leave=False, disable=None) as bar:
            for part in self.parts:
                path, record = epath.Path(part.filename), part.skip
                try:
                    for data in READERS[self.format](path, part.skip, part.take):
                        count += self._label(tf_example.parse(data)) < 0
                        record += 1
                        bar.update()
                except DeidError as error:
                    raise _unreadable(self.name, f"{path}, record {record}: {error}") from error
        return count

    def _label(self, features: Any) -> int:
        """Returns the label of an example; raises DeidError if it has none that can be."""
        labels = features[self._store.label_key].int64_list.value
        if len(labels) != 1 or not -1 <= labels[0] < len(self.label_names):
            raise DeidError(
                f"its label must be one of the {len(self.label_names)} classes, or -1 for none, it is "
                f"{', '.join(map(str, labels)) or 'missing'}"
            )
        return labels[0]

    def train_batches(self, batch_size: int, seed: int, epoch: int, shard: tuple[int, int] = (0, 1)) -> tf.data.Dataset:
        """Returns an epoch's batches, in an order drawn from (seed, epoch): the same on every run and machine.

        (As long as TensorFlow's global seed is the same too, which `Dataset.shuffle` takes into account.)

        Files and encoded records are shuffled, which takes a tenth of the memory that pixels would. What does not fill the
        last batch is left out; which examples that are differs from epoch to epoch.

        Args:
          batch_size: images a batch of this shard.
          seed: the run's seed.
          epoch: the epoch, from 0.
          shard: (index, count): every count-th record of the same order, for one of several workers.

        Returns:
          uint8[B, S, S, C] and int64[B].
        """
        drawn = np.random.SeedSequence([seed, epoch]).generate_state(2)
        records = self._records(None if self._config.cache else int(drawn[0]))
        records = records.shuffle(min(self._config.shuffle_buffer, self.size), seed=int(drawn[1]) >> 1)
        images = records.shard(shard[1], shard[0]).map(self._decode, _THREADS)
        return _without_tuner(images.batch(batch_size, drop_remainder=True).prefetch(_BATCHES_AHEAD))

    def test_batches(self, batch_size: int) -> tf.data.Dataset:
        """Returns all examples in stored order, as uint8[B, S, S, C] and int64[B]; the last batch may be smaller."""
        if batch_size not in self._tests:  # Built once: every graph leaves something behind.
            images = self._records(None).map(self._decode, _THREADS)
            self._tests[batch_size] = _without_tuner(images.batch(batch_size).prefetch(_BATCHES_AHEAD))
        return self._tests[batch_size]

    def _records(self, shuffle_seed: int | None) -> tf.data.Dataset:
        """Returns serialized examples; with a seed, files are shuffled and interleaved.

        As TFDS's `as_dataset` does it, which builds graphs to parse and decode for several times as long.
        """
        import tensorflow as tf  # Late: takes seconds, and options are checked without it.

        if self._cached is not None:
            return self._cached
        parts = self.parts
        if shuffle_seed is not None:
            parts = [parts[k] for k in np.random.RandomState(shuffle_seed).permutation(len(parts))]
        names, ranges = [part.filename for part in parts], np.array([(part.skip, part.take) for part in parts], np.int64)
        files_at_once = 1 if shuffle_seed is None else min(_FILES_AT_ONCE, len(parts))
        records = tf.data.Dataset.from_tensor_slices((names, ranges)).interleave(
            self._file,
            cycle_length=files_at_once,
            block_length=_BLOCK_LENGTH,
            num_parallel_calls=min(files_at_once, _THREADS),
        )
        if self._config.cache:
            self._cached = records = records.cache()
            # A cache counts only once it has been read to its end, which an epoch of whole batches need not do.
            for _ in self.read(records):
                pass
        return records

    def _file(self, name: tf.Tensor, part: tf.Tensor) -> tf.data.Dataset:
        """Returns the serialized examples of a file that come after some that are skipped."""
        import tensorflow as tf  # Late: takes seconds, and options are checked without it.

        if self.format == "tfrecord":
            return tf.data.TFRecordDataset(name).skip(part[0]).take(part[1])
        blocks = tf.data.Dataset.from_generator(
            lambda name, skip, take: array_record.read_blocks(epath.Path(os.fsdecode(name)), int(skip), int(take)),
            args=(name, part[0], part[1]),
            output_signature=tf.TensorSpec([None], tf.string),
        )
        return blocks.unbatch()

    def read(self, batches: Iterable[T]) -> Iterator[T]:
        """Yields batches; what is damaged is one clear error, which names file and record where it can find them.

        Raises:
          DeidError: a file is damaged or gone, an image can't be decoded or has another size, or another worker has stopped.
        """
        import tensorflow as tf  # Late: as above.

        try:
            yield from batches
        except tf.errors.OpError as error:
            said = reason(error)
            if "ollective" in said:  # Workers agree on each batch.
                raise DeidError(
                    f"another worker has stopped ({said}). Start all of them again: they go on together."
                ) from error
            where = self._damaged()
            raise _unreadable(self.name, f"{where}: {said}" if where else said) from error

    def _damaged(self) -> str | None:
        """Returns file and record of the first example, in stored order, that can't be read and decoded; None if all can."""
        import tensorflow as tf  # Late: takes seconds, and options are checked without it.

        good = 0
        try:
            for _ in _without_tuner(self._records(None).map(self._decode, _THREADS)):
                good += 1
        except tf.errors.OpError:
            for part in self.parts:
                if good < part.take:
                    return f"{part.filename}, record {part.skip + good}"
                good -= part.take
        return None

    @functools.cached_property
    def _decode(self) -> Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
        """A function from a serialized example to image and label; traced once, whatever the number of epochs."""
        import tensorflow as tf  # Late: takes seconds, and options are checked without it.

        store = self._store
        features = {store.image_key: tf.io.FixedLenFeature([], tf.string), store.label_key: tf.io.FixedLenFeature([], tf.int64)}

        def decode(serialized: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            example = tf.io.parse_single_example(serialized, features)
            image = tf.io.decode_image(example[store.image_key], channels=self.channels, expand_animations=False)
            for size in self.resizing:
                # As the scheme `plain` does it with Pillow, which also smooths where it makes smaller.
                bicubic = tf.image.resize(image, (size, size), tf.image.ResizeMethod.BICUBIC, antialias=True)
                image = tf.saturate_cast(tf.round(bicubic), tf.uint8)
            image = tf.ensure_shape(image, (self.image_size, self.image_size, self.channels))
            return image, example[store.label_key]

        return tf.function(decode, input_signature=[tf.TensorSpec([], tf.string)])


def _size(info: Any, split: str) -> int:
    try:
        size = info.splits[split].num_examples
    except (ValueError, KeyError):
        raise DeidError(
            f"{unknown_name('split', split, info.splits)} A part is written train[:1000], train[20%:] or train+test."
        ) from None
    if size < 1:
        raise DeidError(f"a split must have examples, {split!r} of {info.full_name} has none.")
    return size


def _unreadable(name: str, problem: str) -> DeidError:
    return DeidError(f"{name} can't be read: {problem.rstrip('.')}. Copy or make the dataset again.")


def check_trainable(data: ImageData) -> None:
    """Raises DeidError if an example of what is to be trained on has no label."""
    if data.unlabelled:
        raise DeidError(
            f"all examples to train on must have labels, and {data.unlabelled:,} of the {data.size:,} in split {data.split!r} "
            f"of {data.name} have none (-1). Choose another --train_split, such as a part of it where all have one."
        )


def check_testable(data: ImageData, option: str) -> None:
    """Raises DeidError if no example of what is to be tested on has a label; those without one do not count.

    Args:
      data: what is to be tested on.
      option: the option that names its split.
    """
    if data.unlabelled == data.size:
        raise DeidError(
            f"examples to test on must have labels, and all {data.size:,} in split {data.split!r} of {data.name} have none "
            f"(-1). Choose another {option}, such as a part of the training split that is not trained on: train[90%:]."
        )


def _open_store(dataset: str, config: DataConfig) -> tuple[TfdsStore, list[int]]:
    """Returns the prepared dataset, and the sizes that its images are resized to while loading, one after the other."""
    resizing = [config.image_size] if config.image_size else []
    try:
        return TfdsStore(dataset, config.data_dir), resizing
    except MissingDatasetError as error:
        plain = _PLAIN.fullmatch(dataset.partition(":")[0])
        if not plain:
            if SUFFIX not in dataset:
                raise
            raise DeidError(f"{error} This makes it: {making_command(dataset, config.data_dir)}") from error
        # `plain` is nothing but resizing, which the loader can do just as well.
        sizes = [int(plain["input_size"]), int(plain["output_size"])]
        try:
            return TfdsStore(plain["source"], config.data_dir), [*dict.fromkeys(sizes), *resizing]
        except MissingDatasetError:
            raise error from None


def _without_tuner(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """Switches tf.data's tuner off: its thread sleeps, and the end of every range or epoch may wait half a second for it."""
    import tensorflow as tf  # Late: takes seconds.

    options = tf.data.Options()
    options.autotune.enabled = False
    return dataset.with_options(options)
