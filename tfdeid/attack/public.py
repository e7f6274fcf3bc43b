"""Public images, as attackers on the baselines' masks take them."""

from __future__ import annotations

import numpy as np

from tfdeid.attack.base import Image, View

MIN_PUBLIC = 10
NO_PUBLIC = f"needs at least {MIN_PUBLIC} public images; the records are given back as they are"


def some_public(view: View, count: int) -> Image:
    """Returns uint8[M, size, size, C], at most `count` of the public images, drawn by the seed."""
    drawn = np.random.RandomState(view.seed).choice(len(view.public), min(count, len(view.public)), replace=False)
    return np.stack([view.public[number] for number in drawn])
