"""Knows the records alone, and gives up what negatives hide: edges come back without any key.

The feature reconstruction attack: A. H. Chang and B. M. Case, "Attacks on image encryption schemes for privacy-preserving deep
neural networks", arXiv 2004.13263, 2020; W. Sirichotedumrong and H. Kiya, "Visual security evaluation of learnable image
encryption methods against ciphertext-only attacks", arXiv 2010.06198, 2020.
"""

from __future__ import annotations

import numpy as np

from tfdeid.attack.base import Attacker, Image, Recovery, View
from tfdeid.attack.unstretch import restretch, unstretch
from tfdeid.deidentifier import DeidConfig
from tfdeid.schemes.negative_positive import NegativePositive


class FeatureReconstruction(Attacker):
    """Gives all values the same leading bit, and paints the mean over the channels, for which their order is of no account."""

    name = "feature_reconstruction"
    about = "gives all values the same leading bit, so that negatives no longer matter, and paints the mean over the channels"
    is_given_to_linkers = True

    def suits(self, config: DeidConfig) -> bool:
        return issubclass(config.scheme_class, NegativePositive)

    def __call__(self, view: View) -> Recovery:
        bright = bool(view.public) and float(np.mean([image.mean() for image in view.public])) > 127.5
        folded = fold(unstretch(view.records, view.config.input_size), bright)
        gray = np.rint(folded.mean(-1, keepdims=True)).astype(np.uint8)
        return Recovery(restretch(np.repeat(gray, 3, axis=-1), view.records.shape[1]))


def fold(values: Image, bright: bool = False) -> Image:
    """Returns each value or its negative, whichever is at most 127 or, if `bright`, at least 128."""
    return np.where((values >= 128) == bright, values, 255 - values)
