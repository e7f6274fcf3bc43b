"""A vector image as flat arrays, and as the text of an SVG document, both ways."""

from __future__ import annotations

import dataclasses
import decimal
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
        except ElementTree.ParseError as error:
            raise DeidError(f"an SVG document must be well-formed XML: {error}.") from error
        try:
            width, height = float(root.attrib["width"]), float(root.attrib["height"])
        except (KeyError, ValueError) as error:
            raise DeidError(
                "an SVG document needs numeric `width` and `height` attributes, as imagetracerjs writes."
            ) from error
        paths = [_parse_path(element) for element in root if element.tag.endswith("}path") or element.tag == "path"]
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


_RGB = re.compile(r"rgb\((\d+),(\d+),(\d+)\)")
_PATH_WORD = re.compile(r"[MLQZ]|[^\sMLQZ]+")


def _parse_path(element: ElementTree.Element) -> tuple[list[int], list[tuple[float, float]], tuple[int, int, int, int], float]:
    color = _RGB.fullmatch(element.attrib.get("fill", ""))
    if color is None:
        raise DeidError(f'a path needs fill="rgb(R,G,B)", found {element.attrib.get("fill")!r}.')
    red, green, blue = (int(v) for v in color.groups())
    opacity = round(float(element.attrib.get("opacity", "1")) * 255)
    stroke_width = float(element.attrib.get("stroke-width", "1"))
    commands: list[int] = []
    numbers: list[float] = []
    for word in _PATH_WORD.findall(element.attrib.get("d", "")):
        if word in COMMAND_LETTERS:
            commands.append(COMMAND_LETTERS.index(word))
        else:
            try:
                numbers.append(float(word))
            except ValueError:
                raise DeidError(f"a path holds M, L, Q, Z and numbers only, found {word!r}.") from None
    if len(numbers) != 2 * int(POINTS_PER_COMMAND[commands].sum()):
        raise DeidError(f"a path with {len(commands)} commands has {len(numbers)} numbers, which do not fit together.")
    return commands, list(zip(numbers[0::2], numbers[1::2])), (red, green, blue, opacity), stroke_width
