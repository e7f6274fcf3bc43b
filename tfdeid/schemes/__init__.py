"""Image de-identification schemes: image in, image out, in numpy alone. Importing them loads neither TensorFlow nor Beam."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from tfdeid.errors import DeidError, unknown_name

if TYPE_CHECKING:
    from tfdeid.deidentifier import DeidConfig
    from tfdeid.key import Key


class Scheme(Protocol):
    """One way to de-identify an image; must give the same output for the same input, and be safe to call from many threads."""

    def __call__(self, image: np.ndarray, image_id: str | None = None) -> np.ndarray:
        """De-identifies uint8[N, N, C], N the input size and C 1 or 3, to uint8[S, S, C], S the output size.

        The id counts only where the configuration `needs_ids`.
        """
        ...


SchemeFactory = Callable[["DeidConfig", "Key | None"], Scheme]


def _structural(config: DeidConfig, key: Key | None) -> Scheme:
    from tfdeid.schemes.structural.scheme import Structural

    return Structural(config, _needed(key, config))


def _negative_positive(config: DeidConfig, key: Key | None) -> Scheme:
    from tfdeid.schemes.negative_positive import NegativePositive

    return NegativePositive(config, _needed(key, config))


def _block_shuffle(config: DeidConfig, key: Key | None) -> Scheme:
    from tfdeid.schemes.block_shuffle import BlockShuffle

    return BlockShuffle(config, _needed(key, config))


def _vectorized(config: DeidConfig, key: Key | None) -> Scheme:
    from tfdeid.schemes.vectorized import Vectorized

    return Vectorized(config)


def _plain(config: DeidConfig, key: Key | None) -> Scheme:
    from tfdeid.schemes.plain import Plain

    return Plain(config)


def _needed(key: Key | None, config: DeidConfig) -> Key:
    if key is None:
        raise DeidError(
            f"the scheme {config.scheme!r} needs a key, none was given. `Key.generate()` or `tfdeid keygen` makes one."
        )
    return key


def needed_id(config: DeidConfig, image_id: str | None) -> str:
    """Returns an image's id where the configuration `needs_ids`; raises DeidError if it is missing."""
    if image_id is None:
        given, usual = ids_for(config)
        raise DeidError(
            f"the scheme {config.scheme!r} with {given} needs the id of each image, none was given. "
            f"Give one, as in Deidentifier(config, key)(image, image_id), or use {usual}."
        )
    return image_id


# A new scheme joins by one line here. The factories import late, so that a scheme's kernels are compiled only where it is used.
SCHEMES: dict[str, SchemeFactory] = {
    "structural": _structural,
    "negative_positive": _negative_positive,
    "block_shuffle": _block_shuffle,
    "vectorized": _vectorized,
    "plain": _plain,
}
# Those that encrypt nothing.
KEYLESS_SCHEMES = ("vectorized", "plain")
# Those that trace images into paths.
VECTOR_SCHEMES = ("structural", "vectorized")
# Those whose mask or warp can be another for each image.
PER_IMAGE_SCHEMES = ("structural", "negative_positive", "block_shuffle")


def ids_for(config: DeidConfig) -> tuple[str, str]:
    """Returns what of a configuration needs ids, and what to use in its place, for messages."""
    found = config.per_image()
    return _said(found), _said({name: getattr(type(config), name) for name in found})


def _said(values: dict[str, Any]) -> str:
    return " and ".join(f"{name} {value!r}" for name, value in values.items())


def make_scheme(config: DeidConfig, key: Key | None) -> Scheme:
    """Returns the scheme that a configuration names.

    Raises:
      DeidError: the scheme is unknown, or needs a key and has none.
    """
    if config.scheme not in SCHEMES:
        raise unknown_name("scheme", config.scheme, SCHEMES)
    return SCHEMES[config.scheme](config, key)
