"""All attackers and linkers by name: ours, one a file in `attackers/` and `linkers/`, and those of other distributions."""

from __future__ import annotations

from tfdeid.attack.base import Adversary, Attacker, Linker
from tfdeid.plugins import Registry

# In the order of what they know.
_ATTACKERS = {
    "published": "published:Published",
    "cleaning": "cleaning:Cleaning",
    "quantile": "quantile:Quantile",
    "lattice": "lattice:Lattice",
    "feature_reconstruction": "feature_reconstruction:FeatureReconstruction",
    "negative_positive": "negative_positive:NegativePositive",
    "block_shuffle": "block_shuffle:BlockShuffle",
    "jigsaw": "jigsaw:Jigsaw",
    "smoothing": "smoothing:Smoothing",
    "wiener": "wiener:Wiener",
    "learned_inversion": "learned_inversion:LearnedInversion",
    "known_plaintext_1": "known_plaintext:KnownPlaintext1",
    "known_plaintext_3": "known_plaintext:KnownPlaintext3",
    "known_plaintext_10": "known_plaintext:KnownPlaintext10",
    "chosen_plaintext": "chosen_plaintext:ChosenPlaintext",
    "key_known": "key_known:KeyKnown",
}
# In the order of how much they make of the records.
_LINKERS = {
    "color_histogram": "color_histogram:ColorHistogram",
    "small_image": "small_image:SmallImage",
    "hog": "hog:Hog",
    "palette": "palette:Palette",
    "palette_distances": "palette_distances:PaletteDistances",
    "learned_linkage": "learned_linkage:LearnedLinkage",
}
ADVERSARIES: Registry[Adversary] = Registry(
    "attacker",
    "tfdeid.attackers",
    {
        **{name: f"tfdeid.attack.attackers.{place}" for name, place in _ATTACKERS.items()},
        **{name: f"tfdeid.attack.linkers.{place}" for name, place in _LINKERS.items()},
    },
    Adversary,
)

OPTIONS = {"learned_inversion": "also train a network to invert records, which takes minutes"}
"""Ours that are not run unasked, with the help of the option that asks for each: known before any module is imported."""


def attackers() -> list[str]:
    """Returns the names of those that recover images, ours first. Others' modules are imported, ours are not."""
    return [name for name in ADVERSARIES if name in _ATTACKERS or (name not in _LINKERS and _is(Attacker, name))]


def linkers() -> list[str]:
    """Returns the names of those that name originals, ours first. Others' modules are imported, ours are not."""
    return [name for name in ADVERSARIES if name in _LINKERS or (name not in _ATTACKERS and _is(Linker, name))]


def in_order() -> list[str]:
    """Returns all names in the order in which they are run: linkers come last, and are given what attackers recovered."""
    return [*attackers(), *linkers()]


def _is(base: type[Adversary], name: str) -> bool:
    return issubclass(ADVERSARIES[name], base)
