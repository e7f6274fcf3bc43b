"""Sources that tests write for themselves, by TFDS itself and others, and ways to read them."""

import io
import json
import tarfile

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


def write_tar(path, members, format=tarfile.USTAR_FORMAT):
    """Writes an archive of (name, bytes) pairs; a TarInfo in place of a name may be anything else."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w", format=format) as archive:
        for name, data in members:
            member = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


def write_parquet(path, columns, features=None, rows_a_group=None):
    """Writes a Parquet file of columns, and what the `datasets` library would note of its features."""
    import pyarrow as pa
    import pyarrow.parquet

    table = pa.table(columns)
    if features is not None:
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    path.parent.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(table, path, row_group_size=rows_a_group)
    return path


def image_structs(images, paths=None):
    """Returns a column as the `datasets` library stores images."""
    import pyarrow as pa

    rows = [{"bytes": image, "path": path} for image, path in zip(images, paths or [None] * len(images), strict=True)]
    return pa.array(rows, pa.struct({"bytes": pa.binary(), "path": pa.string()}))
