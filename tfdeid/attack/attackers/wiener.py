"""Knows the records alone, and filters them: what a blur weakened is made stronger, and what noise covers is left out.

N. Wiener's filter, with the strength of each frequency as public images have it before and after the scheme.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import fft

from tfdeid.attack.base import Attacker, Image, Recovery, View
from tfdeid.attack.mask_attacker import MIN_PUBLIC, NO_PUBLIC, some_public
from tfdeid.attack.shadow_keys import shadow_deidentifier, shadow_key
from tfdeid.attack.unstretch import restretch, unstretch
from tfdeid.deidentifier import DeidConfig
from tfdeid.parallel import parallel_map
from tfdeid.schemes.blur import Blur
from tfdeid.schemes.noise import Noise

_NUM_PUBLIC = 1500


class Wiener(Attacker):
    """The gain of each frequency of a cosine transform that is best for public images, which go through the scheme first."""

    name = "wiener"
    about = "undoes blur and noise by the filter that is best, frequency by frequency, for public images put through the scheme"
    is_given_to_linkers = True

    def suits(self, config: DeidConfig) -> bool:
        return issubclass(config.scheme_class, Blur | Noise)

    def __call__(self, view: View) -> Recovery:
        if len(view.public) < MIN_PUBLIC:
            return Recovery(view.records, note=NO_PUBLIC)
        config, public = view.config, some_public(view, _NUM_PUBLIC)
        deidentify = shadow_deidentifier(config, shadow_key(view.seed, 0))
        ids = [f"own {number}" for number in range(len(public))]
        seen = _spectra(unstretch(np.stack(parallel_map(deidentify, list(public), ids)), config.input_size))
        wanted = _spectra(public)
        mean_seen, mean_wanted = seen.mean(0), wanted.mean(0)
        seen, wanted = seen - mean_seen, wanted - mean_wanted
        gains = (seen * wanted).mean((0, 3)) / ((seen * seen).mean((0, 3)) + 1e-9)
        records = _spectra(unstretch(view.records, config.input_size))
        found = fft.idctn((records - mean_seen) * gains[:, :, None] + mean_wanted, axes=(1, 2), norm="ortho")
        return Recovery(restretch(np.clip(np.rint(found), 0, 255).astype(np.uint8), view.records.shape[1]))


def _spectra(images: Image) -> npt.NDArray[np.float64]:
    """Returns float64[R, N, N, C], the cosine transforms of uint8[R, N, N, C], channel by channel."""
    return fft.dctn(images.astype(np.float64), axes=(1, 2), norm="ortho")
