"""Sources that tests write for themselves, by TFDS itself, and ways to read them."""

import numpy as np
import pytest

from tfdeid.data.sources import SourceConfig, open_source
from tfdeid.errors import DeidError
from tfdeid.image import decode_image, encode_png


def read_all(source, split):
    return list(source.read(split, 0, source.splits[split]))


def fails(match, **config):
    with pytest.raises(DeidError, match=match) as error:
        open_source(SourceConfig(**config))
    assert "\n" not in str(error.value)


def pixel(value, channels=3):
    return encode_png(np.full((2, 2, channels), value, np.uint8))


def store(data_dir, features, splits, name="tiny", config=None, version="1.0.0", shards=None, **options):
    """Writes a TFDS dataset by TFDS itself."""
    import tensorflow_datasets as tfds

    class Tiny(tfds.core.GeneratorBasedBuilder, skip_registration=True):
        VERSION = tfds.core.Version(version)
        if config:
            BUILDER_CONFIGS = [tfds.core.BuilderConfig(name=config)]

        def _info(self):
            # Source order is the order of writing.
            return tfds.core.DatasetInfo(
                builder=self, features=tfds.features.FeaturesDict(features(tfds)), disable_shuffling=True, **options
            )

        def _split_generators(self, dl_manager):
            return {split: enumerate(examples) for split, examples in splits.items()}

        def _generate_examples(self):
            raise NotImplementedError

    Tiny.name = name
    builder = Tiny(data_dir=data_dir)
    builder.download_and_prepare(download_config=tfds.download.DownloadConfig(num_shards=shards))
    return builder


def labelled(tfds, **more):
    return {
        "image": tfds.features.Image(encoding_format="png"),
        "label": tfds.features.ClassLabel(names=["a", "b", "c"]),
        **more,
    }


def png_rows(count, **more):
    return [
        {"image": np.full((2, 3, 3), k, np.uint8), "label": k % 3, **{key: make(k) for key, make in more.items()}}
        for k in range(count)
    ]


def values(examples):
    return [int(decode_image(e.image)[0, 0, 0]) for e in examples]
