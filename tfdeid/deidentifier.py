"""The Python API: a checked configuration and a callable that de-identifies one image or many."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from tfdeid.errors import DeidError, unknown_name
from tfdeid.image import resize, to_grayscale, to_uint8

if TYPE_CHECKING:
    from tfdeid.key import Key

# Raise it when the same source, configuration and key give other pixels or ids than before; keep what it stood for before.
# 2: ids tell apart all images of all sources (see `tfdeid.data.example.RecordIds`), and draws for images all input sizes.
ALGORITHM_VERSION = 2
_MAX_OUTPUT_SIZE = 8192
# Control points of traced curves lie outside the canvas, by up to 2.8 pixels in all that was tried.
_OVERSHOOT = 4
# Pixels a side of the blocks of the scheme block_shuffle.
BLOCK = 4
# Fields that no other scheme has.
FOR_STRUCTURAL = ("axes", "colors", "bend")
COLORS = ("own", "keyed")
# Fields that, unless they have their default, make what is done to an image depend on its id.
_BY_ID = ("key_scope", "colors", "bend")
KEY_SCOPES = ("dataset", "pool:K", "image")
_POOL_SIZES = (2, 4096)
# Fields that a configuration's name begins with, whatever their values.
_ALWAYS_SAID = ("scheme", "input_size", "output_size")


@dataclasses.dataclass(frozen=True)
class DeidConfig:
    """What is done to each image. Together with the source and the key it determines every pixel.

    Raises:
      DeidError: a value is out of its bounds; the message gives the rule and the value.
    """

    scheme: str = "structural"
    """What is done to each image: structural (the paper's method), its rivals negative_positive and block_shuffle, or, without
    encryption, vectorized and plain (resize only)."""
    input_size: int = 50
    """Each image is first resized to this many pixels a side. Smaller hides more."""
    output_size: int = 224
    """Pixels a side of the result."""
    preset: str = "default"
    """Preset of imagetracerjs to trace with."""
    coordinate_decimals: int = 1
    """Decimals at which coordinates are encrypted: 1 is the paper's, 0 moves shapes much more."""
    grayscale: bool = False
    """Turn colour images gray first, and write one channel."""
    backend: str = "fast"
    """Painter: fast, or cairo (bit-equal to cairosvg; needs the system library libcairo2)."""
    seed: int = 0
    """Seed of the presets that draw random colours."""
    key_scope: str = "dataset"
    """What the key makes: dataset, one warp or mask for all images; image, one for each, from its id; or, for structural alone,
    pool:K, K warps (2 to 4096), one of which an image gets by its id. For structural the last two are not in the paper."""
    axes: str = "shared"
    """For structural: shared, x and y are warped alike, as in the paper; or independent, which is not in the paper."""
    colors: str = "own"
    """For structural: own, each image's as they are, as in the paper; or keyed, which is not in the paper: colours that the key
    draws stand for 4 levels of lightness, so that hue, brightness and contrast are lost, and the preset's own do not count."""
    bend: bool = False
    """For structural, not in the paper: turn, shift, mirror and bend each image by its id, as no table of an axis undoes."""
    # Which algorithm it is: no option, but what lets datasets of earlier versions be made again and checked.
    algorithm_version: int = dataclasses.field(default=ALGORITHM_VERSION, metadata={"cmd": False})

    def __post_init__(self) -> None:
        from tfdeid.schemes import SCHEMES
        from tfdeid.schemes.structural.position_ope import AXES
        from tfdeid.schemes.structural.rasterize import BACKENDS
        from tfdeid.schemes.structural.trace_options import PRESETS

        for name, known in (
            ("scheme", SCHEMES),
            ("preset", PRESETS),
            ("backend", BACKENDS),
            ("axes", AXES),
            ("colors", COLORS),
        ):
            if not isinstance(getattr(self, name), str) or getattr(self, name) not in known:
                raise unknown_name(name, str(getattr(self, name)), known)
        for name, low, high in (
            ("input_size", 2, 4096),
            ("output_size", 2, _MAX_OUTPUT_SIZE),
            ("coordinate_decimals", 0, 3),
            ("seed", 0, 2**32 - 1),
        ):
            value = getattr(self, name)
            if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
                raise DeidError(f"{name} must be a whole number in [{low}, {high}], {name} was {value!r}.")
        if self.algorithm_version not in range(1, ALGORITHM_VERSION + 1):
            raise DeidError(
                f"algorithm_version must be at most {ALGORITHM_VERSION}, which this program makes; it was "
                f"{self.algorithm_version!r}. Use the version of the program that made the dataset."
            )
        for name in ("grayscale", "bend"):
            if not isinstance(getattr(self, name), bool):
                raise DeidError(f"{name} must be true or false, {name} was {getattr(self, name)!r}.")
        self._check_key_scope()
        self._check_scheme()

    def _check_key_scope(self) -> None:
        """Raises DeidError if `key_scope`, or an option of structural alone, is unknown or not for the scheme."""
        from tfdeid.schemes import PER_IMAGE_SCHEMES

        if isinstance(self.key_scope, str) and self.key_scope.startswith("pool"):
            low, high = _POOL_SIZES
            if self.pool_size is None or not low <= self.pool_size <= high:
                raise DeidError(
                    f"key_scope pool:K takes a whole number K in [{low}, {high}], key_scope was {self.key_scope!r}."
                )
        elif self.key_scope not in ("dataset", "image"):
            raise unknown_name("key_scope", str(self.key_scope), KEY_SCOPES)
        if self.key_scope == "image" and self.scheme not in PER_IMAGE_SCHEMES:
            raise DeidError(
                f"key_scope 'image' is for the schemes {', '.join(PER_IMAGE_SCHEMES[:-1])} and {PER_IMAGE_SCHEMES[-1]} alone, "
                f"scheme was {self.scheme!r}. Use key_scope 'dataset'."
            )
        if self.scheme != "structural":
            if self.pool_size is not None:
                other = "'dataset' or 'image'" if self.scheme in PER_IMAGE_SCHEMES else "'dataset'"
                raise DeidError(
                    f"key_scope {self.key_scope!r} is for the scheme structural alone, scheme was {self.scheme!r}. "
                    f"Use key_scope {other}."
                )
            for name in FOR_STRUCTURAL:
                value, usual = getattr(self, name), getattr(DeidConfig, name)
                if value != usual:
                    raise DeidError(
                        f"{name} {value!r} is for the scheme structural alone, scheme was {self.scheme!r}. "
                        f"Use {name} {usual!r}."
                    )

    def _check_scheme(self) -> None:
        """Raises DeidError if a value does not suit the scheme."""
        if self.scheme == "negative_positive" and self.grayscale:
            from tfdeid.schemes.negative_positive import check_channels

            check_channels(1)
        if self.scheme == "block_shuffle" and self.input_size % BLOCK:
            below = self.input_size // BLOCK * BLOCK
            raise DeidError(
                f"input_size must be a multiple of {BLOCK} for the scheme 'block_shuffle', which works on blocks of {BLOCK} x "
                f"{BLOCK} pixels; input_size was {self.input_size}. Use {f'{below} or ' if below else ''}{below + BLOCK}."
            )
        if self.scheme == "structural":
            self._check_input_size()

    def _check_input_size(self) -> None:
        """Raises DeidError if there may be coordinates that are too large for the encryption."""
        from tfdeid.schemes.structural.bend import largest_size

        largest = 9999 // 10**self.coordinate_decimals - _OVERSHOOT
        where, why = f"coordinate_decimals {self.coordinate_decimals}", "curves reach some pixels"
        if self.bend:
            largest = largest_size(9999 / 10**self.coordinate_decimals, _OVERSHOOT)
            where, why = f"{where} with bend", "a bend moves much"
        if self.input_size > largest:
            raise DeidError(
                f"input_size must be at most {largest} at {where}, since the encryption takes numbers up to 9999 and {why} "
                f"beyond the canvas; input_size was {self.input_size}."
            )

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
        """Returns the fields by which what is done to an image depends on its id, with their values; {} if by none."""
        return {name: getattr(self, name) for name in _BY_ID if getattr(self, name) != getattr(DeidConfig, name)}

    @property
    def pool_size(self) -> int | None:
        """K with `key_scope` "pool:K", else None."""
        found = re.fullmatch(r"pool:([1-9][0-9]{0,8})", self.key_scope)
        return int(found[1]) if found else None

    def with_scheme(self, scheme: str, **changes: Any) -> DeidConfig:
        """Returns the same for another scheme; what that scheme has not becomes its default: `key_scope`, `axes` and the like.

        Args:
          scheme: the scheme.
          changes: other fields that change.

        Raises:
          DeidError: another value is not for the scheme.
        """
        from tfdeid.schemes import PER_IMAGE_SCHEMES

        if scheme != "structural":
            for name in FOR_STRUCTURAL:
                changes.setdefault(name, getattr(DeidConfig, name))
        if scheme not in PER_IMAGE_SCHEMES or (scheme != "structural" and self.pool_size is not None):
            changes.setdefault("key_scope", DeidConfig.key_scope)
        return dataclasses.replace(self, scheme=scheme, **changes)

    def image_label(self, image_id: str) -> str:
        """Returns what is drawn for an image is labelled by: its id and, since algorithm version 2, the input size.

        Without the size, draws for a smaller one are the first of those for a larger.
        """
        return image_id if self.algorithm_version == 1 else f"{image_id}, input size {self.input_size}"

    def essentials(self) -> dict[str, Any]:
        """Returns scheme, sizes, and each other field that differs from its default."""
        usual = {field.name: field.default for field in dataclasses.fields(self)}
        return {name: value for name, value in self.to_dict().items() if name in _ALWAYS_SAID or value != usual[name]}

    def to_dict(self) -> dict[str, Any]:
        """Returns all options by name; the algorithm's version is none of them."""
        values = dataclasses.asdict(self)
        del values["algorithm_version"]
        return values

    @classmethod
    def of_facts(cls, facts: Mapping[str, Any]) -> DeidConfig:
        """Returns what was done to the images of a dataset.

        Args:
          facts: what its metadata says of how it was made, as `tfdeid.data.metadata.read_facts` returns it.

        Raises:
          DeidError: it was made by a later version of this program.
        """
        options, known = facts["deid"], {field.name for field in dataclasses.fields(cls)}
        if unknown := options.keys() - known:
            raise DeidError(
                f"the dataset was made with options that this program does not know: {', '.join(sorted(unknown))}. Use the "
                "version of the program that made it."
            )
        return cls(**options, algorithm_version=facts.get("algorithm_version", 1))


class Deidentifier:
    """De-identifies images: `Deidentifier(DeidConfig(...), key)(image)`.

    It is safe to share between threads. It cannot be pickled, since it holds what the key makes; build it where it runs.

    Args:
      config: what to do.
      key: the owner's key. Schemes without encryption need none.
    """

    def __init__(self, config: DeidConfig | None = None, key: Key | None = None):
        from tfdeid.schemes import make_scheme

        self.config = config or DeidConfig()
        self._scheme = make_scheme(self.config, key)

    def __call__(self, image: np.ndarray, image_id: str | None = None) -> np.ndarray:
        """De-identifies one image.

        Args:
          image: uint8, or floats in [0, 1] which become floor(255 * x + 1/2); [H, W, 3], [H, W, 1] or [H, W].
          image_id: the image's id, needed with a `key_scope` other than "dataset", `colors` "keyed" or `bend`, else of no
            account; no other image may have it.

        Returns:
          uint8[S, S, C]; C is 1 for a gray image (or with `grayscale`), else 3.

        Raises:
          DeidError: the image is none of those, or the id is missing; the message says what was given.
        """
        return self._scheme(self.prepare(image), image_id)

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
