"""Image de-identification schemes: image in, image out, in numpy alone. Importing them loads neither TensorFlow nor Beam."""

from __future__ import annotations

import dataclasses

from tfdeid.plugins import Registry
from tfdeid.schemes.base import CommonOptions, Scheme

# Where a new scheme of ours joins. Each is imported when it is asked for: kernels are compiled only where they are used.
SCHEMES: Registry[Scheme] = Registry(
    "scheme",
    "tfdeid.schemes",
    {
        "structural": "tfdeid.schemes.structural.scheme:Structural",
        "negative_positive": "tfdeid.schemes.negative_positive:NegativePositive",
        "block_shuffle": "tfdeid.schemes.block_shuffle:BlockShuffle",
        "vectorized": "tfdeid.schemes.vectorized:Vectorized",
        "plain": "tfdeid.schemes.plain:Plain",
        "pixelate": "tfdeid.schemes.pixelate:Pixelate",
        "blur": "tfdeid.schemes.blur:Blur",
        "noise": "tfdeid.schemes.noise:Noise",
        "dp_pix": "tfdeid.schemes.dp_pix:DpPix",
        "blackout": "tfdeid.schemes.blackout:Blackout",
        "block_permute": "tfdeid.schemes.block_permute:BlockPermute",
        "etc": "tfdeid.schemes.etc:Etc",
    },
    Scheme,  # type: ignore[type-abstract]
    reserved=[field.name for field in dataclasses.fields(CommonOptions)],
)
