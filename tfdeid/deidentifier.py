"""The Python API: a checked configuration and a callable that de-identifies one image or many."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar

import numpy as np

from tfdeid.checks import check_flag, check_known, check_whole
from tfdeid.errors import DeidError
from tfdeid.image import resize, to_grayscale, to_uint8
from tfdeid.key import Key
from tfdeid.plugins import values_of
from tfdeid.schemes import SCHEMES
from tfdeid.schemes.base import ALGORITHM_VERSION, DATASET, IMAGE, POOL, CommonOptions, Scheme, defaults
from tfdeid.schemes.key_space import KeySpace

_MAX_OUTPUT_SIZE = 8192
_POOL_SIZES = (2, 4096)
# Fields that a configuration's name begins with, whatever their values.
_ALWAYS_SAID = ("scheme", "input_size", "output_size")
# What identities hold whatever its value. Options that came later count where they are used, so that datasets that were made
# before them have the identities that they had.
_IN_EVERY_IDENTITY = (*_ALWAYS_SAID, "preset", "coordinate_decimals", "grayscale", "backend", "seed", "key_scope")
# Until 2026-11 all schemes shared one list of options. Metadata and identities of the schemes of that time still have it, in
# this order, and so do names: a dataset that was made then is the same one.
_FIRST_SCHEMES = ("structural", "negative_positive", "block_shuffle", "vectorized", "plain")
_FIRST_OPTIONS = {
    "scheme": "structural",
    "input_size": 50,
    "output_size": 224,
    "preset": "default",
    "coordinate_decimals": 1,
    "grayscale": False,
    "backend": "fast",
    "seed": 0,
    "key_scope": "dataset",
    "axes": "shared",
    "colors": "own",
    "bend": False,
}


@dataclasses.dataclass(frozen=True, init=False)
class DeidConfig(CommonOptions):
    """What is done to each image: `DeidConfig("structural", 50, 224, coordinate_decimals=0)`.

    Together with the source and the key it determines every pixel.

    Args:
      scheme: a name of `tfdeid.schemes.SCHEMES`.
      input_size: pixels a side that each image is first resized to.
      output_size: pixels a side of the result.
      options: common options and the scheme's own, by name.

    Raises:
      DeidError: an option is unknown, or a value is out of its bounds; the message gives the rule and the value.
    """

    # For command lines and files: what has the options of all schemes, and what has those of each.
    COMMON: ClassVar = CommonOptions
    CHOICE: ClassVar = ("scheme", SCHEMES)

    def __init__(
        self,
        scheme: str = CommonOptions.scheme,
        input_size: int = CommonOptions.input_size,
        output_size: int = CommonOptions.output_size,
        **options: Any,
    ):
        check_known("scheme", scheme, SCHEMES)
        values = {"scheme": scheme, "input_size": input_size, "output_size": output_size}
        for name in ("grayscale", "key_scope", "algorithm_version"):
            values[name] = options.pop(name, getattr(CommonOptions, name))
        given, known = {**values_of(options.pop("options", None)), **options}, defaults(SCHEMES[scheme])
        # An option that only other schemes have may be given at its default, which says nothing.
        own = {name: value for name, value in given.items() if name in known or value != _FIRST_OPTIONS.get(name, ...)}
        values["options"] = SCHEMES.make_options(scheme, own, known)
        for name, value in values.items():
            object.__setattr__(self, name, value)
        self._check()

    def __getattr__(self, name: str) -> Any:
        """Returns an option of the scheme's own; for the first schemes also one of another's, at its default."""
        # Without `options` it is half made: being unpickled, say.
        if not name.startswith("_") and "options" in self.__dict__:
            if hasattr(self.options, name):
                return getattr(self.options, name)
            if name in _FIRST_OPTIONS and self.scheme in _FIRST_SCHEMES:
                return _FIRST_OPTIONS[name]
        raise AttributeError(f"{type(self).__name__} of the scheme {self.__dict__.get('scheme')!r} has no {name!r}")

    def _check(self) -> None:
        check_whole("input_size", self.input_size, 2, 4096)
        check_whole("output_size", self.output_size, 2, _MAX_OUTPUT_SIZE)
        check_flag("grayscale", self.grayscale)
        if self.algorithm_version not in range(1, ALGORITHM_VERSION + 1):
            raise DeidError(
                f"algorithm_version must be at most {ALGORITHM_VERSION}, which this program makes; it was "
                f"{self.algorithm_version!r}. Use the version of the program that made the dataset."
            )
        self._check_key_scope()
        if self.grayscale and not self.scheme_class.takes_gray:
            raise DeidError(f"grayscale is not for the scheme {self.scheme!r}, which takes colour images only. Leave it out.")
        self.scheme_class.check(self)

    def _check_key_scope(self) -> None:
        """Raises DeidError if `key_scope` is unknown or not for the scheme."""
        scope, known = self.key_scope, self.scheme_class.key_scopes
        if isinstance(scope, str) and scope.startswith("pool"):
            low, high = _POOL_SIZES
            if self.pool_size is None or not low <= self.pool_size <= high:
                raise DeidError(f"key_scope pool:K takes a whole number K in [{low}, {high}], key_scope was {scope!r}.")
        else:
            check_known("key_scope", scope, (DATASET, POOL, IMAGE))
        kind = POOL if self.pool_size else scope
        if kind not in known:
            having = ", ".join(name for name in SCHEMES if kind in SCHEMES[name].key_scopes)
            raise DeidError(
                f"key_scope {scope!r} is not for the scheme {self.scheme!r} (but for {having}). "
                f"Use key_scope {' or '.join(map(repr, known))}."
            )

    @property
    def scheme_class(self) -> type[Scheme]:
        """The class of the scheme, which tells what it is like."""
        return SCHEMES[self.scheme]

    @property
    def name(self) -> str:
        """The TFDS configuration name: scheme, sizes, and each other field that differs from its default."""
        parts = []
        for name, value in self.essentials().items():
            # TFDS's alphabet has no colon: pool:64 is pool64 there.
            text = str(int(value) if isinstance(value, bool) else value).replace(":", "")
            parts.append(text if name in _ALWAYS_SAID else name + text)
        return "_".join(parts)

    @property
    def needs_ids(self) -> bool:
        """Whether what is done to an image depends on its id."""
        return bool(self.per_image())

    def per_image(self) -> dict[str, Any]:
        """Returns the options by which what is done to an image depends on its id, with their values; {} if by none."""
        return self.scheme_class.per_image(self)

    def key_space(self, channels: int = 3) -> KeySpace:
        """Returns how large the papers say that a brute-force search is: see `Scheme.key_space`."""
        return self.scheme_class.key_space(self, channels)

    def with_scheme(self, scheme: str, **changes: Any) -> DeidConfig:
        """Returns the same for another scheme; what that scheme has not is left out: `key_scope`, `axes` and the like.

        Args:
          scheme: the scheme.
          changes: other fields that change.

        Raises:
          DeidError: another value is not for the scheme.
        """
        chosen = SCHEMES[scheme]
        values = {name: value for name, value in self._values().items() if name in defaults(chosen)}
        if (POOL if self.pool_size else self.key_scope) not in chosen.key_scopes:
            values["key_scope"] = DATASET
        return DeidConfig(**{**values, **changes, "scheme": scheme, "algorithm_version": self.algorithm_version})

    def essentials(self) -> dict[str, Any]:
        """Returns scheme, sizes, and each other option that differs from its default."""
        usual = usual_options(self.scheme)
        return {name: value for name, value in self.to_dict().items() if name in _ALWAYS_SAID or value != usual[name]}

    def to_dict(self) -> dict[str, Any]:
        """Returns all options by name; the algorithm's version is none of them."""
        values = self._values()
        first = {name: value for name, value in _FIRST_OPTIONS.items() if name in values or self.scheme in _FIRST_SCHEMES}
        return {**first, **values}

    def identity(self) -> dict[str, Any]:
        """Returns the options that a dataset's identity is made of."""
        used = {*_IN_EVERY_IDENTITY, *self.essentials()}
        return {name: value for name, value in self.to_dict().items() if name in used}

    def _values(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in defaults(self.scheme_class)}

    @classmethod
    def of_facts(cls, facts: Mapping[str, Any]) -> DeidConfig:
        """Returns what was done to the images of a dataset.

        Args:
          facts: what its metadata says of how it was made, as `tfdeid.data.metadata.read_facts` returns it.

        Raises:
          DeidError: it was made by a later version of this program, or by a plug-in that is not installed.
        """
        options = dict(facts["deid"])
        scheme = options.get("scheme", CommonOptions.scheme)
        if scheme not in SCHEMES:
            plugin = facts.get("plugins", {}).get("scheme")
            source = "a later version of this program" if plugin is None else f"{plugin['distribution']} {plugin['version']}"
            raise DeidError(f"the dataset was made by the scheme {scheme!r} of {source}, which is not installed. Install it.")
        own = defaults(SCHEMES[scheme])
        if unknown := options.keys() - own.keys() - _FIRST_OPTIONS.keys():
            raise DeidError(
                f"the dataset was made with options that this program does not know: {', '.join(sorted(unknown))}. Use the "
                "version of the program that made it."
            )
        # What metadata has of other schemes' options did nothing.
        used = {name: value for name, value in options.items() if name in own}
        return cls(**used, algorithm_version=facts.get("algorithm_version", 1))

    def __repr__(self) -> str:
        values = self.essentials()
        if self.algorithm_version != ALGORITHM_VERSION:
            values["algorithm_version"] = self.algorithm_version
        return f"DeidConfig({', '.join(f'{name}={value!r}' for name, value in values.items())})"


def options_of_name(name: str) -> dict[str, str]:
    """Reads a configuration's name, as `DeidConfig.name` writes it.

    Returns:
      Options by name, as they are written on a command line; {} for what is no such name.
    """
    begun = re.fullmatch(r"(?P<scheme>[a-z][a-z0-9_]*?)_(?P<input_size>\d+)_(?P<output_size>\d+)(?P<rest>_.+)?", name)
    if not begun or begun["scheme"] not in SCHEMES:
        return {}
    known = usual_options(begun["scheme"])
    others = "|".join(sorted(known.keys() - {*_ALWAYS_SAID}, key=len, reverse=True))
    if begun["rest"] and not re.match(rf"_({others}).", begun["rest"]):
        return {}
    said = re.split(rf"_({others})", begun["rest"] or "")[1:]
    options = {option: begun[option] for option in _ALWAYS_SAID} | dict(zip(said[::2], said[1::2], strict=True))
    # A name says 1 for true, and TFDS's alphabet has no colon for pool:64.
    flags = {option for option, usual in known.items() if isinstance(usual, bool)}
    options |= {option: value.replace("1", "true") for option, value in options.items() if option in flags}
    # Names of earlier versions have options that did nothing.
    options = {option: value for option, value in options.items() if option in defaults(SCHEMES[begun["scheme"]])}
    return options | {option: value.replace("pool", "pool:") for option, value in options.items() if option == "key_scope"}


def usual_options(scheme: str) -> dict[str, Any]:
    """Returns the defaults of all options that metadata of a scheme may have.

    Raises:
      DeidError: there is no such scheme.
    """
    return {**_FIRST_OPTIONS, **defaults(SCHEMES[scheme]), "scheme": scheme}


class Deidentifier:
    """De-identifies images: `Deidentifier(DeidConfig(...), key)(image)`.

    It is safe to share between threads. It cannot be pickled, since it holds what the key makes; build it where it runs.

    Args:
      config: what to do.
      key: the owner's key. Schemes without encryption need none.
    """

    def __init__(self, config: DeidConfig | None = None, key: Key | None = None):
        self.config = config or DeidConfig()
        self._scheme = self.config.scheme_class(self.config, key)

    def __call__(self, image: np.ndarray, image_id: str | None = None) -> np.ndarray:
        """De-identifies one image.

        Args:
          image: uint8, or floats in [0, 1] which become floor(255 * x + 1/2); [H, W, 3], [H, W, 1] or [H, W].
          image_id: the image's id, needed where the configuration `needs_ids` (with a `key_scope` other than "dataset",
            say), else of no account; no other image may have it.

        Returns:
          uint8[S, S, C]; C is 1 for a gray image (or with `grayscale`), else 3.

        Raises:
          DeidError: the image is none of those, or the id is missing; the message says what was given.
        """
        prepared = self.prepare(image)
        self._scheme.check_channels(prepared.shape[2])
        image, size = self._scheme(prepared, image_id), self.config.output_size
        if image.dtype != np.uint8 or image.shape != (size, size, prepared.shape[2]):
            # Of one of another's: it is not the image that is to be mended.
            raise DeidError(
                f"the scheme {self.config.scheme!r} must return uint8[{size}, {size}, {prepared.shape[2]}], it returned "
                f"{image.dtype}{list(image.shape)}."
            )
        return image

    def prepare(self, image: np.ndarray) -> np.ndarray:
        """Does the first part of a call, all that needs no key: checks, turns gray if so configured, and resizes.

        Returns:
          uint8[N, N, C] with N the input size; a call on it gives what a call on the image itself does.

        Raises:
          DeidError: as a call.
        """
        image = to_uint8(image)
        if self.config.grayscale:
            image = to_grayscale(image)
        return resize(image, self.config.input_size)

    def map(self, images: Iterable[np.ndarray], num_threads: int | None = None) -> Iterator[np.ndarray]:
        """De-identifies many images on several cores, in order; the kernels release the GIL.

        Args:
          images: as for a call, of any sizes.
          num_threads: None for one a core.

        Yields:
          One result an image. At most a few images a thread are in memory at a time.

        Raises:
          DeidError: as a call; always where the configuration `needs_ids`, since none are given.
        """
        num_threads = num_threads or os.cpu_count() or 1
        images = iter(images)
        with concurrent.futures.ThreadPoolExecutor(num_threads) as pool:
            waiting: list[concurrent.futures.Future[np.ndarray]] = []
            for image in images:
                waiting.append(pool.submit(self, image))
                if len(waiting) >= 4 * num_threads:
                    yield waiting.pop(0).result()
            for future in waiting:
                yield future.result()

    def __repr__(self) -> str:
        return f"Deidentifier({self.config!r})"

    def __reduce__(self):
        raise TypeError(
            "a Deidentifier holds what the key makes and cannot be pickled; pass its DeidConfig and a key reference."
        )
