"""A vector image as flat arrays, and as the text of an SVG document, both ways."""

from __future__ import annotations

import dataclasses
import decimal
import math
import re
import xml.etree.ElementTree as ElementTree

import numpy as np

from tfdeid.errors import DeidError

MOVE, LINE, QUADRATIC, CLOSE = range(4)
COMMAND_LETTERS = "MLQZ"
# How many points each command takes: M 1, L 1, Q 2 (control point, end point), Z 0.
POINTS_PER_COMMAND = np.array([1, 1, 2, 0], np.int32)


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class VectorImage:
    """Filled and stroked paths in painting order.

    A path is one or more closed contours (the shape, then its holes); each contour is M, then L and Q, then Z.

    Attributes:
      width: canvas width in pixels, or in encrypted units after PosOPE.
      height: canvas height, as width.
      commands: uint8[C], MOVE, LINE, QUADRATIC or CLOSE, all paths one after the other.
      points: float64[N, 2], the x and y that the commands take, in order.
      command_starts: int32[P+1]; path i owns commands[command_starts[i]:command_starts[i+1]].
      point_starts: int32[P+1]; path i owns points[point_starts[i]:point_starts[i+1]].
      colors: uint8[P, 4], red, green, blue and opacity of each path; fill and stroke are the same.
      stroke_width: width of every path's stroke, in canvas units.
      channels: 1 if it was traced from a gray image (it is painted gray), else 3.
    """

    width: float
    height: float
    commands: np.ndarray
    points: np.ndarray
    command_starts: np.ndarray
    point_starts: np.ndarray
    colors: np.ndarray
    stroke_width: float = 1.0
    channels: int = 3

    @property
    def num_paths(self) -> int:
        return len(self.colors)

    def __repr__(self) -> str:
        # No numbers: an encrypted image gives the key's table away, and a debugger's or logger's list of variables shows this.
        return f"VectorImage({self.num_paths} paths, {len(self.points)} points)"

    def replace(self, **changes) -> VectorImage:
        """Returns a copy with some attributes replaced."""
        return dataclasses.replace(self, **changes)

    def to_svg(self) -> str:
        """Returns the SVG document, character for character as imagetracerjs writes it, without its `desc` attribute."""
        parts = [
            f'<svg width="{js_number(self.width)}" height="{js_number(self.height)}" '
            'version="1.1" xmlns="http://www.w3.org/2000/svg" >'
        ]
        for i in range(self.num_paths):
            parts.append(self._svg_path(i))
        parts.append("</svg>")
        return "".join(parts)

    def _svg_path(self, i: int) -> str:
        r, g, b, a = (int(v) for v in self.colors[i])
        numbers = [js_number(v) for v in self.points[self.point_starts[i] : self.point_starts[i + 1]].ravel().tolist()]
        words, taken = [], 0
        for command in self.commands[self.command_starts[i] : self.command_starts[i + 1]].tolist():
            count = 2 * int(POINTS_PER_COMMAND[command])
            words.append(COMMAND_LETTERS[command])
            words.extend(numbers[taken : taken + count])
            taken += count
        return (
            f'<path fill="rgb({r},{g},{b})" stroke="rgb({r},{g},{b})" stroke-width="{js_number(self.stroke_width)}" '
            f'opacity="{js_number(a / 255.0)}" d="{" ".join(words)} " />'
        )

    @classmethod
    def from_svg(cls, document: str) -> VectorImage:
        """Reads a document that `to_svg` or imagetracerjs wrote.

        Only their dialect is understood: path elements with absolute M, L, Q and Z, one stroke width for all.

        Raises:
          DeidError: the document is not XML, or not of that dialect.
        """
        try:
            root = ElementTree.fromstring(document)
        except (ElementTree.ParseError, ValueError, LookupError, TypeError) as error:
            raise DeidError(f"an SVG document must be well-formed XML: {error}.") from error
        if (name := _local_name(root)) != "svg":
            raise DeidError(f"an SVG document must be an svg element, it is {name!r}.")
        width, height = (_number(root, name, least=1e-9) for name in ("width", "height"))
        for element in root:
            if (name := _local_name(element)) != "path":
                raise DeidError(f"an SVG document must hold paths only, as imagetracerjs writes them; this one holds {name!r}.")
        paths = [_parse_path(element) for element in root]
        stroke_widths = {path[3] for path in paths}
        if len(stroke_widths) > 1:
            raise DeidError(f"all paths must have one stroke width, found {sorted(stroke_widths)}.")
        return cls.from_paths(
            width,
            height,
            [path[:3] for path in paths],
            stroke_width=stroke_widths.pop() if stroke_widths else 1.0,
        )

    @classmethod
    def from_paths(
        cls,
        width: float,
        height: float,
        paths: list[tuple[list[int], list[tuple[float, float]], tuple[int, int, int, int]]],
        *,
        stroke_width: float = 1.0,
        channels: int = 3,
    ) -> VectorImage:
        """Builds one from (commands, points, colour) triples, one a path."""
        return cls(
            width=width,
            height=height,
            commands=np.array([c for commands, _, _ in paths for c in commands], np.uint8),
            points=np.array([p for _, points, _ in paths for p in points], np.float64).reshape(-1, 2),
            command_starts=np.cumsum([0] + [len(commands) for commands, _, _ in paths], dtype=np.int32),
            point_starts=np.cumsum([0] + [len(points) for _, points, _ in paths], dtype=np.int32),
            colors=np.array([color for _, _, color in paths], np.uint8).reshape(-1, 4),
            stroke_width=stroke_width,
            channels=channels,
        )


def js_number(value: float) -> str:
    """Returns a number as JavaScript prints it: the shortest digits that read back equal, exponents only below 1e-6."""
    if float(value).is_integer() and abs(value) < 1e15:
        return str(int(value))  # Also -0, which JavaScript prints as 0.
    text = repr(float(value))
    if "e" not in text:
        return text.removesuffix(".0")
    if 1e-6 <= abs(value) < 1e21:
        return format(decimal.Decimal(text), "f")
    digits, exponent = text.split("e")
    return f"{digits}e{int(exponent):+d}"


_RGB = re.compile(r"rgb\((\d{1,3}),(\d{1,3}),(\d{1,3})\)", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_PATH_WORD = re.compile(r"[MLQZ]|[^\sMLQZ]+")
_CONTOURS = re.compile(r"(M[LQ]*Z)*")
_KNOWN = {"fill", "stroke", "stroke-width", "opacity", "d", "desc"}


def _local_name(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


def _finite(text: str) -> float | None:
    """Returns a number; None if the text is none, or too large to be one."""
    value = float(text) if _NUMBER.fullmatch(text) else math.inf
    return value if math.isfinite(value) else None


def _number(element: ElementTree.Element, name: str, least: float, most: float = math.inf, default: str | None = None) -> float:
    text = element.attrib.get(name, default)
    value = None if text is None else _finite(text)
    if value is None or not least <= value <= most:
        limits = "above 0" if least > 0 else f"at least {least:g}" if most == math.inf else f"from {least:g} to {most:g}"
        raise DeidError(f"{_local_name(element)} needs a number {limits} for {name}, as imagetracerjs writes; found {text!r}.")
    return value


def _parse_path(element: ElementTree.Element) -> tuple[list[int], list[tuple[float, float]], tuple[int, int, int, int], float]:
    if unknown := element.attrib.keys() - _KNOWN:
        raise DeidError(f"a path must have the attributes {', '.join(sorted(_KNOWN))} only, found {min(unknown)!r}.")
    color = _RGB.fullmatch(element.attrib.get("fill", ""))
    red, green, blue = map(int, color.groups()) if color else (256, 0, 0)
    if max(red, green, blue) > 255:
        raise DeidError(f'a path needs fill="rgb(R,G,B)" of 0 to 255, found {element.attrib.get("fill")!r}.')
    opacity = round(_number(element, "opacity", least=0, most=1, default="1") * 255)
    stroke_width = _number(element, "stroke-width", least=0, default="1")
    commands, numbers = _parse_outline(element.attrib.get("d", ""))
    return commands, list(zip(numbers[0::2], numbers[1::2])), (red, green, blue, opacity), stroke_width


def _parse_outline(text: str) -> tuple[list[int], list[float]]:
    """Returns the commands of a path and the numbers that they take."""
    letters, needed = "", 0
    numbers: list[float] = []
    for word in _PATH_WORD.findall(text):
        is_command, number = word in COMMAND_LETTERS, _finite(word)
        if number is None and not is_command:
            raise DeidError(f"a path holds M, L, Q, Z and finite numbers only, found {word!r}.")
        if is_command == (len(numbers) < needed):
            raise DeidError(f"a path's commands and numbers do not fit together: {word!r} follows {len(numbers)} numbers.")
        if number is not None:
            numbers.append(number)
        else:
            letters += word
            needed += 2 * int(POINTS_PER_COMMAND[COMMAND_LETTERS.index(word)])
    if len(numbers) < needed or not _CONTOURS.fullmatch(letters):
        raise DeidError(f"a path's contours each begin with M and end with Z, and numbers fit; this one is {letters[:20]!r}.")
    return [COMMAND_LETTERS.index(letter) for letter in letters], numbers
