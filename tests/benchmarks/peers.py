"""The programs that the paper's chain is made of, as callables to be timed beside ours."""

from __future__ import annotations

import pathlib
import re
import shutil
import struct
import subprocess

import numpy as np
from pyope.ope import OPE, ValueRange

from tests.conftest import ROOT, absent
from tfdeid.image import resize
from tfdeid.key import Key
from tfdeid.schemes.structural import VectorImage
from tfdeid.schemes.structural.vector_image import js_number

OUTPUT_SIZE = 224


class ImageTracer:
    """imagetracerjs in a node process that stays warm."""

    def __init__(self) -> None:
        if shutil.which("node") is None or not (ROOT / "node_modules" / "imagetracerjs").is_dir():
            absent("node and `npm install --no-save imagetracerjs@1.2.6`")
        script = pathlib.Path(__file__).with_name("imagetracer_server.mjs")
        self._process = subprocess.Popen(["node", script], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def trace(self, image: np.ndarray) -> None:
        self._call(image, 0)

    def svg(self, image: np.ndarray) -> str:
        return self._call(image, 1).decode()

    def _call(self, image: np.ndarray, wanted: int) -> bytes:
        height, width, _ = image.shape
        rgba = np.full((height, width, 4), 255, np.uint8)
        rgba[:, :, :3] = image
        self._process.stdin.write(struct.pack("<III", width, height, wanted) + rgba.tobytes())
        self._process.stdin.flush()
        (length,) = struct.unpack("<I", self._process.stdout.read(4))
        return self._process.stdout.read(length)

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait()


class Pyope:
    """pyope, called for each coordinate; with a memory, only for those that are new."""

    def __init__(self, key: Key, remembers: bool):
        self._ope = OPE(key.material, in_range=ValueRange(-9999, 9999), out_range=ValueRange(-99999, 99999))
        self._memory: dict[int, int] = {}
        self._remembers = remembers
        self._offset = self._ope.encrypt(0)

    def points(self, image: VectorImage) -> list[float]:
        return self.numbers(image.points.ravel())

    def numbers(self, values: np.ndarray) -> list[float]:
        return [self.coordinate(value) for value in values.tolist()]

    def document(self, svg: str) -> str:
        """Returns the SVG document with every coordinate of a path encrypted, and so width and height."""
        svg = re.sub(r'(?<= d=")[^"]*', lambda path: re.sub(r"-?[\d.]+", self._number, path[0]), svg)
        return re.sub(r'(?<=(?:width|eight)=")[\d.]+', self._number, svg, count=2)

    def _number(self, match: re.Match) -> str:
        return f"{self.coordinate(float(match[0])):g}"

    def coordinate(self, value: float) -> float:
        number = round(10 * value)
        if number not in self._memory:
            encrypted = self._ope.encrypt(number)
            if not self._remembers:
                return (encrypted - self._offset) / 10
            self._memory[number] = encrypted
        return (self._memory[number] - self._offset) / 10


class ImageMagick:
    """The paper's painter: `convert` on files."""

    def __init__(self, folder: pathlib.Path):
        if shutil.which("convert") is None:
            absent("ImageMagick's `convert`")
        self._svg, self._png = folder / "in.svg", folder / "out.png"

    def paint(self, document: str) -> None:
        self._svg.write_text(document)
        resizing = ["-resize", f"{OUTPUT_SIZE}x{OUTPUT_SIZE}!"]
        subprocess.run(["convert", "-density", "288", self._svg, *resizing, self._png], check=True)


class Cairosvg:
    """cairosvg, from the document."""

    def __init__(self) -> None:
        try:
            import cairosvg
        except OSError:
            absent("the library cairo")
        self._cairosvg = cairosvg
        self._settings = {"background_color": "white", "output_width": OUTPUT_SIZE, "output_height": OUTPUT_SIZE}

    def png(self, image_and_document: tuple[VectorImage, str]) -> bytes:
        return self._cairosvg.svg2png(self._boxed(*image_and_document), **self._settings)

    def paint(self, image_and_document: tuple[VectorImage, str]) -> object:
        """Stops before the PNG is written, which the public function always does."""
        tree = self._cairosvg.surface.Tree(bytestring=self._boxed(*image_and_document))
        return self._cairosvg.surface.PNGSurface(tree, None, 96, **self._settings).cairo

    @staticmethod
    def _boxed(image: VectorImage, document: str) -> bytes:
        box = f'<svg viewBox="0 0 {js_number(image.width)} {js_number(image.height)}" preserveAspectRatio="none" '
        return document.replace("<svg ", box, 1).encode()


class PaperChain:
    """The paper's chain: resize, imagetracerjs, pyope with a memory, ImageMagick."""

    def __init__(self, key: Key, folder: pathlib.Path, input_size: int):
        self._tracer = ImageTracer()
        self._ope = Pyope(key, remembers=True)
        self._painter = ImageMagick(folder)
        self._input_size = input_size

    def deidentify(self, image: np.ndarray) -> None:
        self._painter.paint(self._ope.document(self._tracer.svg(resize(image, self._input_size))))

    def remember(self, image: np.ndarray) -> None:
        """Encrypts an image's coordinates, so that their first encryption is not timed; that favours the chain."""
        self._ope.document(self._tracer.svg(resize(image, self._input_size)))

    def close(self) -> None:
        self._tracer.close()
