"""What a scheme is: one way to hide what is in images. A new scheme is one file with one class, which declares itself.

Whoever writes one, here or in another distribution, needs this module and numpy, and says in an entry point of the group
`tfdeid.schemes` where the class is.
"""

from __future__ import annotations

import abc
import dataclasses
import re
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from tfdeid.checks import check_flag, check_known, check_whole, checked_number
from tfdeid.errors import DeidError, ImageError
from tfdeid.image import resize
from tfdeid.key import Key
from tfdeid.schemes.key_space import IMAGES_NOT_KEYS, NO_KEY, KeySpace

# All that a file with a scheme needs.
__all__ = [
    "DATASET",
    "IMAGE",
    "IMAGES_NOT_KEYS",
    "POOL",
    "CommonOptions",
    "DeidError",
    "ImageError",
    "Key",
    "KeySpace",
    "NoOptions",
    "PixelScheme",
    "Scheme",
    "check_flag",
    "check_known",
    "check_whole",
    "checked_number",
    "resize",
]

# Raise it when the same source, configuration and key give other pixels or ids than before; keep what it stood for before.
# 2: ids tell apart all images of all sources (see `tfdeid.data.example.RecordIds`), and draws for images all input sizes.
ALGORITHM_VERSION = 2
DATASET, POOL, IMAGE = "dataset", "pool:K", "image"
"""What a key can make: one mask or warp for all images, K of them, or one for each image."""


@dataclasses.dataclass(frozen=True)
class NoOptions:
    """Options of a scheme that has none."""


@dataclasses.dataclass(frozen=True)
class CommonOptions:
    """What is done to each image. Together with the source and the key it determines every pixel."""

    scheme: str = "structural"
    """How images are hidden; all schemes are listed below."""
    input_size: int = 50
    """Each image is first resized to this many pixels a side. Smaller hides more."""
    output_size: int = 224
    """Pixels a side of the result."""
    grayscale: bool = False
    """Turn colour images gray first, and write one channel."""
    key_scope: str = DATASET
    """What the key makes: dataset, one warp or mask for all images; image, one for each, from its id; or, for structural alone,
    pool:K, K warps (2 to 4096), one of which an image gets by its id. For structural the last two are not in the paper."""
    # Which algorithm it is: no option, but what lets datasets of earlier versions be made again and checked.
    algorithm_version: int = dataclasses.field(default=ALGORITHM_VERSION, metadata={"cmd": False})
    # The scheme's own.
    options: Any = dataclasses.field(default=None, metadata={"cmd": False})

    @property
    def pool_size(self) -> int | None:
        """K with `key_scope` "pool:K", else None."""
        written = re.fullmatch(r"pool:([1-9][0-9]{0,8})", self.key_scope)
        return int(written[1]) if written else None

    def image_label(self, image_id: str) -> str:
        """Returns what is drawn for an image is labelled by: its id and, since algorithm version 2, the input size.

        Without the size, draws for a smaller one are the first of those for a larger.
        """
        return image_id if self.algorithm_version == 1 else f"{image_id}, input size {self.input_size}"


class Scheme(abc.ABC):
    """One way to hide what is in images: the same output for the same input, and safe to call from many threads.

    It holds what a key makes and is never pickled.

    Args:
      config: what is done; `config.options` is an object of the class's `Options`.
      key: the owner's key; None for schemes that need none.

    Raises:
      DeidError: the key is missing.
    """

    name: ClassVar[str]
    """As in options and names of datasets: small letters, digits and _."""
    about: ClassVar[str]
    """What it does, in a line."""
    Options: ClassVar[type] = NoOptions
    """A frozen dataclass of the scheme's own options, all with defaults and help below each, that checks itself."""
    needs_key: ClassVar[bool] = True
    key_scopes: ClassVar[tuple[str, ...]] = (DATASET,)
    """Which of DATASET, POOL and IMAGE it knows."""
    hides: ClassVar[bool] = True
    """Whether anything of an image is gone that an attacker must guess, with a key or without; of `plain` nothing is."""
    traces: ClassVar[bool] = False
    """Whether it traces images into paths and paints those."""
    keyless: ClassVar[str | None] = None
    """The scheme that does all of it that needs no key; None for `vectorized` where it traces, else `plain`."""
    takes_gray: ClassVar[bool] = True
    survives_augmentation: ClassVar[bool] = True
    """Whether a network still learns from its images when training shifts, turns and mirrors them."""
    decrypts: ClassVar[bool] = False
    """Whether there is a `decrypt`; set by defining it."""

    def __init_subclass__(cls, **arguments: Any):
        super().__init_subclass__(**arguments)
        cls.decrypts = cls.decrypt is not Scheme.decrypt

    def __init__(self, config: CommonOptions, key: Key | None = None):
        if self.needs_key and key is None:
            raise DeidError(
                f"the scheme {self.name!r} needs a key, none was given. `Key.generate()` or `tfdeid keygen` makes one."
            )
        self.config = config
        self._given_key = key

    @property
    def key(self) -> Key:
        """The owner's key, of a scheme that needs one."""
        assert self._given_key is not None, "a scheme that encrypts nothing has no key"
        return self._given_key

    @abc.abstractmethod
    def __call__(self, image: np.ndarray, image_id: str | None = None) -> np.ndarray:
        """De-identifies an image.

        Args:
          image: uint8[N, N, C], N the input size and C 1 or 3.
          image_id: the image's id, which counts only where the configuration needs ids (see `per_image`).

        Returns:
          uint8[S, S, C], S the output size.
        """

    @classmethod
    def check(cls, config: CommonOptions) -> None:
        """Raises DeidError if its own and the common options do not go together."""
        return  # They usually do.

    @classmethod
    def per_image(cls, config: CommonOptions) -> dict[str, Any]:
        """Returns the options by which what is done to an image depends on its id, with their values; {} if by none.

        A scheme that never does the same to two images names itself: {"scheme": its name}.
        """
        return {} if config.key_scope == DATASET else {"key_scope": config.key_scope}

    @classmethod
    def key_space(cls, config: CommonOptions, channels: int = 3) -> KeySpace:
        """Returns how large the papers say that a brute-force search is, beside how few values a key really fixes.

        Args:
          config: what is done; with `grayscale` the images have one channel.
          channels: channels of the images, 1 or 3.

        Raises:
          DeidError: the scheme doesn't take such images.
        """
        return KeySpace(None, 0, f"The scheme {cls.name} does not say what its key fixes." if cls.needs_key else NO_KEY)

    @classmethod
    def cost(cls, config: CommonOptions, num_images: int) -> str:
        """Returns what to say of work that takes much longer than that on images alone, such as tables; "" of none."""
        return ""

    @classmethod
    def leaks(cls, config: CommonOptions) -> list[str]:
        """Returns what records show by design, whatever an attacker does: a sentence each."""
        return []

    @classmethod
    def warnings(cls, config: CommonOptions) -> list[str]:
        """Returns what to say before a dataset is made where measurements say that much survives: a sentence each."""
        return []

    @classmethod
    def changes_with_version(cls, config: CommonOptions) -> bool:
        """Tells whether what is done to an image is not the same in all versions of the algorithm."""
        return bool(cls.per_image(config))

    def decrypt(self, encrypted: np.ndarray, image_id: str | None = None) -> npt.NDArray[np.uint8]:
        """Returns the image that an encrypted one was made of, both uint8[N, N, C] before they are stretched.

        Raises:
          DeidError: the image has another shape, or the id is missing.
        """
        raise NotImplementedError(f"what {self.name} does can't be undone")

    @classmethod
    def check_channels(cls, channels: int) -> None:
        """Raises ImageError for gray images if the scheme takes none."""
        if channels == 1 and not cls.takes_gray:
            raise ImageError(
                f"the scheme {cls.name!r} takes colour images only, of three channels; this image has 1. Use another scheme "
                "for gray images."
            )

    def needed_id(self, image_id: str | None) -> str:
        """Returns an image's id; raises DeidError if it is missing."""
        if image_id is None:
            given, usual = ids_for(type(self), self.config)
            what = given if given.startswith("scheme ") else f"scheme {self.name!r} with {given}"
            raise DeidError(
                f"the {what} needs the id of each image, none was given. "
                f"Give one, as in Deidentifier(config, key)(image, image_id), or use {usual}."
            )
        return image_id

    def __reduce__(self) -> Any:
        raise TypeError("a scheme holds what the key makes and cannot be pickled; pass its DeidConfig and a key reference.")


class PixelScheme(Scheme):
    """A scheme that changes pixels where they are, at the input size; then the image is stretched to the output size."""

    def __call__(self, image: np.ndarray, image_id: str | None = None) -> np.ndarray:
        return resize(self.encrypt(image, image_id), self.config.output_size)

    @classmethod
    def changes_with_version(cls, config: CommonOptions) -> bool:
        return cls.needs_key

    @abc.abstractmethod
    def encrypt(self, image: np.ndarray, image_id: str | None = None) -> npt.NDArray[np.uint8]:
        """Returns uint8[N, N, C], the image encrypted and not stretched yet; arguments as for a call.

        Raises:
          DeidError: the image has another shape, or the id is missing.
        """


def defaults(scheme: type[Scheme]) -> dict[str, Any]:
    """Returns the common options and a scheme's own, by name, as they are where nothing is said."""
    both = (*dataclasses.fields(CommonOptions), *dataclasses.fields(scheme.Options))
    return {field.name: field.default for field in both if field.name not in ("algorithm_version", "options")}


def ids_for(scheme: type[Scheme], config: CommonOptions) -> tuple[str, str]:
    """Returns what of a configuration needs ids, and what to use in its place, for messages."""
    given, usual = scheme.per_image(config), defaults(scheme)
    if "scheme" in given:
        return _listed(given), "another scheme"
    return _listed(given), _listed({name: usual[name] for name in given})


def _listed(values: dict[str, Any]) -> str:
    return " and ".join(f"{name} {value!r}" for name, value in values.items())
