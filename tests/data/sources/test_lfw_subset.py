"""The bundled sample."""

import numpy as np
from skimage.data import lfw_subset

from tests.data.prepared import read_all
from tfdeid.data.sources import SourceConfig, open_source


def test_sample():
    source = open_source(SourceConfig())
    assert (source.name, source.splits, source.channels) == ("lfw_subset", {"train": 160, "test": 40}, 1)
    assert source.label_names == ["face", "nonface"] and source.num_classes == 2
    train, test = read_all(source, "train"), read_all(source, "test")
    assert [e.label for e in train] == [0] * 80 + [1] * 80 and [e.label for e in test] == [0] * 20 + [1] * 20
    assert [e.source_id for e in test] == [str(k) for k in range(40)] and [e.index for e in train] == list(range(160))
    patches = np.concatenate([lfw_subset()[[*range(80), *range(100, 180)]], lfw_subset()[[*range(80, 100), *range(180, 200)]]])
    stored = np.stack([e.image for e in train + test])
    np.testing.assert_array_equal(stored[..., 0], np.floor(255 * patches.astype(float) + 0.5))
    assert stored.dtype == np.uint8
