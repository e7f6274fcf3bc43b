"""Pictures of attacks, kept beside their figures: originals, records and what was made of them, for their owner alone."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import shutil
from collections.abc import Sequence

from etils import epath

from tfdeid.attack.base import Image
from tfdeid.attack.figures import Findings, highest_ssim
from tfdeid.files import write_text
from tfdeid.image import encode_png, resize

_SIDE = 112
_INDEX = "pictures.json"
# Of the worst cases.
_MOST = 4


@dataclasses.dataclass(frozen=True)
class Picture:
    """One image: as it came, what became of it, and what an attacker made of that.

    Attributes:
      number: of the image among those that were attacked.
      source, record, recovered: PNG files.
      is_worst: whether it is one of those to which the attacker came nearest; else it was drawn by the seed.
      similarity: SSIM of what was recovered to the original.
    """

    number: int
    source: pathlib.Path
    record: pathlib.Path
    recovered: pathlib.Path
    is_worst: bool
    similarity: float


def keep_pictures(findings: Findings, folder: pathlib.Path) -> None:
    """Writes pictures of the images that the seed drew, and of those to which the best attacker came nearest (all 0600).

    Args:
      findings: of an attack.
      folder: their place; what is there is replaced.
    """
    best = highest_ssim(findings.recoveries)
    if best is None:
        return
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True, mode=0o700)
    numbers = [(number, False) for number in findings.sample] + [(number, True) for number in best.best[:_MOST]]
    index = []
    for number, is_worst in numbers:
        images = {
            "source": findings.originals[number],
            "record": findings.records[number],
            "recovered": best.examples[number],
        }
        for name, image in images.items():
            write_text(epath.Path(folder / f"{number}_{name}.png"), _small(image), private=True)
        index.append({"number": number, "is_worst": is_worst, "similarity": float(best.ssim_of_each[number])})
    write_text(epath.Path(folder / _INDEX), json.dumps(index, indent=1) + "\n", private=True)


def kept_pictures(folder: pathlib.Path) -> Sequence[Picture]:
    """Returns the pictures of a folder, drawn ones first; none where they are not there any more, or damaged."""
    try:
        index = json.loads((folder / _INDEX).read_text())
        return [_picture(folder, **one) for one in index]
    except (OSError, ValueError, TypeError):
        return []


def _picture(folder: pathlib.Path, number: int, is_worst: bool, similarity: float) -> Picture:
    source, record, recovered = (folder / f"{number}_{name}.png" for name in ("source", "record", "recovered"))
    return Picture(number, source, record, recovered, is_worst, similarity)


def _small(image: Image) -> bytes:
    return encode_png(resize(image, min(_SIDE, image.shape[0])))
