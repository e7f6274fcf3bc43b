"""People that tests make up."""

from __future__ import annotations

import numpy as np

from tfdeid.attack.pool import Pool

PEOPLE, EACH, SIDE = 24, 8, 16


def pool(people: int = PEOPLE, each: int = EACH, planted: bool = False, seed: int = 0) -> Pool:
    """Returns images of noise, which say nothing of people but, where it is planted, by the pixel in a corner."""
    random = np.random.RandomState(seed)
    colors = random.randint(0, 256, (people, 3))
    images = []
    for person in range(people):
        for _ in range(each):
            image = np.kron(random.randint(0, 256, (SIDE // 4, SIDE // 4, 3)), np.ones((4, 4, 1))).astype(np.uint8)
            if planted:
                image[0, 0] = colors[person]
            images.append(image)
    names = [f"name {person:02}" for person in range(people) for _ in range(each)]
    return Pool(images, [f"{number:032x}" for number in range(len(images))], names, "who")
