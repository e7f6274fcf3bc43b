"""What of faces and text was still there in our own measurements: what `python -m beam.deid` warns of.

Faces: 500 photographs of 50 people whom no attacker had trained on, crops of 150 x 150, an off-the-shelf recogniser, five plain
images of each in the gallery, probes of other moments, chance 2 %. Text: 60 photographs of number plates, read by PP-OCRv4.
"""

from __future__ import annotations

from collections.abc import Iterable

from tfdeid.schemes.base import CommonOptions

_FACES = {32: 3, 50: 12, 100: 72}
"""Percent re-identified from cleaned records of `structural`, by input size."""
_FACES_VECTORIZED = 40
"""The same of `vectorized` at 50, the only size that was measured."""
_PLATES = {50: 12, 100: 52, 150: 68, 224: 67}
"""Percent read exactly from records of `structural`, by input size."""
_LARGEST_TRACED = 50
_FACES_OF_CELLS = {8: 4, 12: 8, 16: 12, 20: 25}
"""Percent re-identified from mosaics by cells a side, the gallery made mosaics of too."""
_PLATES_OF_CELLS = {16: 0, 24: 12, 32: 47, 48: 68}
"""Percent read exactly from mosaics, by cells a side."""
_MOST_CELLS = 16


def traced_warnings(config: CommonOptions, encrypted: bool = True) -> list[str]:
    """Returns what to say before images are traced at an input size at which faces or text survive: a sentence, else none.

    Args:
      config: what is done.
      encrypted: whether paths are moved.
    """
    size = config.input_size
    if size <= _LARGEST_TRACED:
        return []
    few = f"{_FACES[_LARGEST_TRACED]} % of either at {_LARGEST_TRACED}"
    if not encrypted:
        few += f" (without encryption {_FACES_VECTORIZED} % of faces)"
    return [
        f"at input_size {size} faces and text can be recognised: in our measurements of structural, "
        f"{_nearest(_FACES, _PLATES, size, _LARGEST_TRACED)}, {few}. "
        f"Give a smaller --input_size, at most {_LARGEST_TRACED}, and see by tfdeid compare what your own images show."
    ]


def mosaic_warnings(cells: int) -> list[str]:
    """Returns the same of mosaics.

    Args:
      cells: cells a side.
    """
    if cells <= _MOST_CELLS:
        return []
    few = f"{_FACES_OF_CELLS[_MOST_CELLS]} and {_PLATES_OF_CELLS[_MOST_CELLS]} % at {_MOST_CELLS}"
    return [
        f"at {cells} cells faces or text can be recognised: in our measurements of mosaics, "
        f"{_nearest(_FACES_OF_CELLS, _PLATES_OF_CELLS, cells, _MOST_CELLS)}, {few}. "
        f"Give fewer --cells, at most {_MOST_CELLS}, and see by tfdeid compare what your own images show."
    ]


def _nearest(faces: dict[int, int], plates: dict[int, int], size: int, largest: int) -> str:
    """Returns the figures measured next to a size, of the sizes above the largest at which few survive."""

    def next_to(measured: Iterable[int]) -> int:
        return min((other for other in measured if other > largest), key=lambda other: abs(other - size))

    face, plate = next_to(faces), next_to(plates)
    return f"{faces[face]} % of faces were re-identified at {face}, {plates[plate]} % of number plates read at {plate}"
