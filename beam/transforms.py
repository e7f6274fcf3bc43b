"""`Deidentify`: the method as a step in other people's Beam pipelines."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any

import apache_beam

from tfdeid.deidentifier import DeidConfig, Deidentifier
from tfdeid.errors import DeidError
from tfdeid.image import decode_image
from tfdeid.key import Key
from tfdeid.schemes.base import ids_for


class Deidentify(apache_beam.PTransform):
    """De-identifies a PCollection of images.

    Elements are images, as arrays (uint8 or floats in [0, 1]; [H, W, 3], [H, W, 1] or [H, W]) or as the bytes of a file, or
    dictionaries that hold one under `image_key`. The same come out with uint8[S, S, C] in the image's place.

    An image that can't be de-identified raises DeidError. To route such elements elsewhere, use the DoFn:
    `apache_beam.ParDo(DeidentifyFn(config, key)).with_exception_handling()`.

    Elements carry no ids, so a configuration that `needs_ids` (with another `key_scope` than "dataset", say) is a DeidError.

    Args:
      config: what to do.
      key: a key *reference* that the workers can resolve, such as "gcp-secret:projects/..." or a file's path. Keys themselves
        are refused, since runners store and show what a pipeline is made of.
      image_key: where dictionaries hold the image.
    """

    def __init__(self, config: DeidConfig, key: str | None = None, image_key: str = "image"):
        super().__init__()
        self._fn = DeidentifyFn(config, key, image_key)

    def expand(self, images: apache_beam.PCollection) -> apache_beam.PCollection:
        return images | "DeidentifyImage" >> apache_beam.ParDo(self._fn)


class DeidentifyFn(apache_beam.DoFn):
    """The step of `Deidentify`, with the same arguments."""

    def __init__(self, config: DeidConfig, key: str | None = None, image_key: str = "image"):
        if isinstance(key, Key):
            raise DeidError("Deidentify takes a key reference, not a Key. Save the key with Key.save(path) and pass the path.")
        if config.needs_ids:
            given, usual = ids_for(config.scheme_class, config)
            raise DeidError(
                f"Deidentify knows no ids of images, which {given} needs. Use {usual}, or call "
                "Deidentifier(config, key)(image, image_id) in a step of your own."
            )
        self._config = config
        self._key_reference = key
        self._image_key = image_key

    def process(self, element: Any) -> Iterator[Any]:
        deidentifier = _deidentifier(self._config, self._key_reference)
        if isinstance(element, dict):
            yield {**element, self._image_key: deidentifier(_pixels(element[self._image_key]))}
        else:
            yield deidentifier(_pixels(element))


def _pixels(image: Any) -> Any:
    return decode_image(image) if isinstance(image, bytes) else image


@functools.lru_cache(maxsize=4)
def _deidentifier(config: DeidConfig, key_reference: str | None) -> Deidentifier:
    """Returns this process's de-identifier; the key's table is built once."""
    return Deidentifier(config, None if key_reference is None else Key.load(key_reference))
