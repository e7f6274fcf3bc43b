"""What of faces and text was still there in our own measurements, by input size: what `python -m beam.deid` warns of.

Faces: 500 photographs of 50 people whom no attacker had trained on, crops of 150 x 150, an off-the-shelf recogniser, five plain
images of each in the gallery, probes of other moments, chance 2 %. Text: 60 photographs of number plates, read by PP-OCRv4.
"""

from __future__ import annotations

from tfdeid.schemes.base import CommonOptions

_FACES = {32: 3, 50: 12, 100: 72}
"""Percent re-identified from cleaned records of `structural`."""
_FACES_VECTORIZED = 40
"""The same of `vectorized` at 50, the only size that was measured."""
_PLATES = {50: 12, 100: 52, 150: 68, 224: 67}
"""Percent read exactly from records of `structural`."""
_LARGEST = 50
"""The largest input size at which few of either survive."""


def survival_warnings(config: CommonOptions, encrypted: bool = True) -> list[str]:
    """Returns what to say before such a dataset is made: a sentence where faces or text survive, else none.

    Args:
      config: what is done, by tracing images at the input size.
      encrypted: whether paths are moved.
    """
    size = config.input_size
    if size <= _LARGEST:
        return []
    faces, plates = _nearest(_FACES, size), _nearest(_PLATES, size)
    found = f"{_FACES[faces]} % of faces were re-identified at {faces}, {_PLATES[plates]} % of number plates read at {plates}"
    few = f"{_FACES[_LARGEST]} % of either at {_LARGEST}"
    if not encrypted:
        few += f" (without encryption {_FACES_VECTORIZED} % of faces)"
    return [
        f"at input_size {size} faces and text can be recognised: in our measurements of structural, {found}, {few}. Give a "
        f"smaller --input_size, at most {_LARGEST}, and see by tfdeid compare what your own images show."
    ]


def _nearest(measured: dict[int, int], size: int) -> int:
    """Returns the measured size next to one, of those that are too large."""
    return min((other for other in measured if other > _LARGEST), key=lambda other: abs(other - size))
