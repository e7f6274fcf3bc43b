"""Compiles the kernels into numba's cache while the image is built, so that workers only load them."""

import numpy as np

from tfdeid import DeidConfig, Deidentifier, Key

if __name__ == "__main__":
    key = Key.generate()  # Of this process alone; the kernels are the same for every key.
    for channels in (1, 3):
        noise = np.random.RandomState(0).randint(0, 256, (50, 50, channels), np.uint8)
        for preset in ("default", "detailed"):  # Up to 16 colours, and more.
            Deidentifier(DeidConfig(preset=preset), key)(noise)
