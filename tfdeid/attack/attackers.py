"""All attackers and linkers by name."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from tfdeid.attack.view import Attacker, Linker


def _late(module: str, name: str, *arguments: object) -> Callable[[], Any]:
    """Imports late: some need TensorFlow, or have kernels to compile."""

    def make() -> Any:
        return getattr(importlib.import_module(f"tfdeid.attack.{module}"), name)(*arguments)

    return make


# In the order of what they know.
ATTACKERS: dict[str, Callable[[], Attacker]] = {
    "published": _late("cleaning", "Published"),
    "cleaning": _late("cleaning", "Cleaning"),
    "quantile": _late("quantile", "Quantile"),
    "lattice": _late("lattice", "Lattice"),
    "feature_reconstruction": _late("feature_reconstruction", "FeatureReconstruction"),
    "negative_positive": _late("negative_positive", "NegativePositive"),
    "block_shuffle": _late("block_shuffle", "BlockShuffle"),
    "learned_inversion": _late("learned_inversion", "LearnedInversion"),
    "known_plaintext_1": _late("known_plaintext", "KnownPlaintext", 1),
    "known_plaintext_3": _late("known_plaintext", "KnownPlaintext", 3),
    "known_plaintext_10": _late("known_plaintext", "KnownPlaintext", 10),
    "chosen_plaintext": _late("chosen_plaintext", "ChosenPlaintext"),
    "key_known": _late("key_known", "KeyKnown"),
}
# In the order of how much they make of the records.
LINKERS: dict[str, Callable[[], Linker]] = {
    "color_histogram": _late("linkage", "ColorHistogram"),
    "small_image": _late("linkage", "SmallImage"),
    "hog": _late("linkage", "Hog"),
    "palette": _late("linkage", "Palette"),
    "palette_distances": _late("linkage", "PaletteDistances"),
    "learned_linkage": _late("learned_linkage", "LearnedLinkage"),
}
# Those that train a network, which takes minutes.
TRAINED = ("learned_inversion", "learned_linkage")
