"""Methods as a command line has them: `structural:input_size=50,pixelate:cells=12,structural:colors=keyed,bend=true`."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tfdeid.compare.figures import MOSAIC, PLAIN
from tfdeid.deidentifier import DeidConfig
from tfdeid.errors import DeidError, unknown_name
from tfdeid.experiments.scale import ATTACKED_SIZE, LARGEST_INPUT
from tfdeid.schemes import SCHEMES
from tfdeid.schemes.base import defaults

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_WORDS = {"true": True, "false": False, "1": True, "0": False}
# Set by what is done with a method, not by who names it.
_NOT_ASKED = ("scheme", "output_size")
_STRONG = {"input_size": 32, "coordinate_decimals": 0, "colors": "keyed", "bend": True}
DEFAULT = (
    "structural:input_size=50,structural:input_size=32,pixelate:cells=8,pixelate:cells=12,pixelate:cells=16,pixelate:cells=20,"
    "blur,strong"
)


@dataclasses.dataclass(frozen=True)
class Method:
    """A scheme with options that were named; `str` of it is how it is written.

    Attributes:
      scheme: a name of `SCHEMES`.
      options: by name, in the order given: common ones but for the output size, and the scheme's own.
    """

    scheme: str
    options: tuple[tuple[str, Any], ...] = ()

    def __str__(self) -> str:
        if self == ALIASES["strong"]:
            return "strong"
        said = ",".join(f"{name}={_text(value)}" for name, value in self.options)
        return f"{self.scheme}:{said}" if said else self.scheme

    def config(self, side: int) -> DeidConfig:
        """Returns what is done to images, at the size at which they are attacked.

        Schemes that trace have their usual input size where none is named. Others change the pixels that there are: the images
        are as large as they came, up to 224 pixels a side.

        Args:
          side: pixels of the shorter side of the source's images.

        Raises:
          DeidError: options do not go together, or not with images of this size.
        """
        values = dict(self.options)
        if not SCHEMES[self.scheme].traces:
            values.setdefault("input_size", min(side, LARGEST_INPUT))
        try:
            return DeidConfig(self.scheme, **{"output_size": ATTACKED_SIZE, **values})
        except DeidError as error:
            raise DeidError(f"method {self}: {error}") from error


ALIASES: Mapping[str, Method] = {"strong": Method("structural", tuple(_STRONG.items()))}
"""Methods with a name of their own: `strong` is the mode of configs/cifar10_structural_strong.yaml."""


def parse_methods(text: str) -> list[Method]:
    """Returns the methods that a text names, each once.

    A comma begins a new method where what follows names one, else a further option of the method before. `format_methods` is
    the way back.

    Raises:
      DeidError: a scheme or an option is unknown, or a value can't be read.
    """
    methods: list[tuple[str, list[str]]] = []
    for piece in text.split(","):
        piece = piece.strip()
        name, mark, rest = _first(piece)
        if mark == "=" and methods:
            methods[-1][1].append(piece)
            continue
        if mark == "=":
            raise DeidError(f"methods must begin with a method, as in pixelate:cells=12; they began with {piece!r}.")
        known = [*SCHEMES, *ALIASES]
        if name not in known:
            raise unknown_name("method", name, known)
        methods.append((name, [rest] if mark else []))
    return list(dict.fromkeys(_method(name, options) for name, options in methods))


def _first(piece: str) -> tuple[str, str, str]:
    """Returns what stands before the first colon or equals sign, that sign, and what comes after."""
    found = re.match(r"([^:=]*)([:=]?)(.*)", piece, re.S)
    assert found is not None
    return found[1].strip(), found[2], found[3].strip()


def _method(name: str, written: Sequence[str]) -> Method:
    begun = ALIASES.get(name, Method(name))
    options = dict(begun.options)
    known = {option: value for option, value in defaults(SCHEMES[begun.scheme]).items() if option not in _NOT_ASKED}
    for piece in written:
        option, mark, value = _first(piece)
        if option not in known:
            if SCHEMES.having(option):
                raise SCHEMES.no_option(option, begun.scheme, value or None)
            raise unknown_name(f"option of {name}", option, known)
        if mark != "=" or not value:
            raise DeidError(f"an option is written name=value, of {name} there was {piece!r}.")
        options[option] = _value(option, value, known[option])
    return Method(begun.scheme, tuple(options.items()))


def _value(option: str, text: str, usual: Any) -> Any:
    """Returns a value of the type of the usual one."""
    kind = type(usual)
    try:
        if kind is bool:
            return _WORDS[text.lower()]
        value = kind(text) if kind in (int, float) else text
    except (ValueError, KeyError):
        rule = {bool: "true or false", int: "a whole number", float: "a number"}[kind]
        raise DeidError(f"{option} must be {rule}, it was {text!r}.") from None
    if isinstance(value, float) and not math.isfinite(value):
        raise DeidError(f"{option} must be a finite number, it was {text!r}.")
    return value


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def format_methods(methods: Iterable[Method]) -> str:
    """Returns methods as they are written."""
    return ",".join(map(str, methods))


def with_ceiling(methods: Sequence[Method]) -> list[Method]:
    """Returns methods with `plain` before them, once."""
    plain = Method(PLAIN)
    return [*([] if any(method.scheme == PLAIN for method in methods) else [plain]), *methods]


def suiting(methods: Sequence[Method], side: int) -> tuple[list[Method], list[str]]:
    """Returns those of the methods used unasked that suit images of a size, and a sentence for each that does not.

    Args:
      methods: ours: of mosaics there can't be more cells than pixels.
      side: pixels of the shorter side of the source's images.
    """
    kept, said = [], []
    for method in methods:
        try:
            method.config(side)
            kept.append(method)
        except DeidError as error:
            if method.scheme != MOSAIC:
                raise
            said.append(f"left out: {error}")
    return kept, said
