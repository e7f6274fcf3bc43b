"""What tests of attacks share."""

from __future__ import annotations

import numpy as np
import pytest
import skimage.data

from tests.attack.made import SIDE


@pytest.fixture(scope="session")
def tiles() -> np.ndarray:
    """Returns 600 small images, cut out of photographs, in an order that says nothing."""
    found = []
    for photo in (skimage.data.astronaut(), skimage.data.coffee(), skimage.data.chelsea(), skimage.data.rocket()):
        small = photo[::2, ::2]
        high, wide = (length // SIDE for length in small.shape[:2])
        blocks = small[: high * SIDE, : wide * SIDE].reshape(high, SIDE, wide, SIDE, 3).swapaxes(1, 2)
        found.append(blocks.reshape(-1, SIDE, SIDE, 3))
    return np.random.RandomState(0).permutation(np.concatenate(found))[:600]
