"""Links by the very colours that tracing an original gives."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tfdeid.attack.base import Image, Linker, Scores, View
from tfdeid.attack.comparing import color_codes
from tfdeid.deidentifier import DeidConfig
from tfdeid.parallel import parallel_map
from tfdeid.schemes.structural import trace_options, vectorize
from tfdeid.schemes.structural.options import TracingOptions


class Palette(Linker):
    """The very colours that tracing an original gives."""

    name = "palette"
    about = "looks for the exact colours that tracing the original gives"

    def suits(self, config: DeidConfig) -> bool:
        return issubclass(config.scheme_class.Options, TracingOptions)

    def __call__(self, view: View, candidates: Sequence[Image]) -> Scores:
        options = trace_options(view.config.options.preset, seed=view.config.options.seed)
        palettes = [color_codes(vectorize(image, options).colors[None, :, :3]) for image in candidates]
        known = np.unique(np.concatenate(palettes))
        has = np.stack([np.isin(known, palette) for palette in palettes]).astype(np.float64)
        # What few have says more.
        has *= np.log1p(len(candidates) / has.sum(0))
        shares = np.stack(parallel_map(lambda record: _shares_of(color_codes(record), known), view.records))
        return shares @ has.T


def _shares_of(codes: npt.NDArray[np.int64], known: npt.NDArray[np.int64]) -> Scores:
    """Returns the share of pixels that have each of the known colours, which are sorted."""
    present, counts = np.unique(codes, return_counts=True)
    place = np.minimum(np.searchsorted(known, present), len(known) - 1)
    is_known = known[place] == present
    shares = np.zeros(len(known))
    shares[place[is_known]] = counts[is_known] / len(codes)
    return shares
