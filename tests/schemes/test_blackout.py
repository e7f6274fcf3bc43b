"""Nothing is left."""

from __future__ import annotations

import numpy as np
import pytest

from tfdeid import DeidConfig, Deidentifier


@pytest.mark.parametrize("channels", [1, 3])
def test_all_images_become_the_same(channels):
    deidentify = Deidentifier(DeidConfig("blackout", output_size=20))
    images = np.random.RandomState(0).randint(0, 256, (3, 30, 40, channels)).astype(np.uint8)
    found = {deidentify(image).tobytes() for image in images}
    assert found == {np.full((20, 20, channels), 128, np.uint8).tobytes()}
    assert not deidentify.config.needs_ids and not deidentify.config.scheme_class.needs_key
