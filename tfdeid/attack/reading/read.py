"""Reads what is written in images: plain, de-identified, recovered by attackers, and as mosaics."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from tfdeid.attack.base import Image, View
from tfdeid.attack.figures import Estimate
from tfdeid.attack.pool import Pool
from tfdeid.attack.reading.figures import FormFigures, Reading, better
from tfdeid.attack.reading.forms import forms_of, smoothed
from tfdeid.attack.reading.likeness import characters_right, nearest, normalised
from tfdeid.attack.reading.ocr import Reader
from tfdeid.deidentifier import DeidConfig, Deidentifier
from tfdeid.errors import DeidError
from tfdeid.key import Key
from tfdeid.parallel import parallel_map

MOSAICS = (48, 32, 24, 16)
"""Cells a side of the mosaics that are read beside records."""
MOST = 300
"""`tfdeid attack` reads no more images: a form of one takes a third of a second of a core."""
_SHOWN, _LEAST_PUBLIC = 6, 20
# Of two cores, to read one image.
_MINUTES = 0.33 / 2 / 60

Read = Callable[[Image], Sequence[str]]
"""Returns the lines that are read in uint8[H, W, C]."""


def read_text(
    pool: Pool,
    config: DeidConfig,
    key: Key | None,
    seed: int = 0,
    on_step: Callable[[str], object] = lambda name: None,
    public: Sequence[Image] = (),
    inverts: bool = False,
    mosaics: Sequence[int] = MOSAICS,
    reader: Read | None = None,
) -> Reading:
    """Reads images as they came, their records and mosaics of them, and says how much of the texts is right.

    Args:
      pool: images, and what is written in each.
      config: what is done to them.
      key: the owner's; the reader does not get it.
      seed: of what attackers draw, and of the other texts that readings are compared with.
      on_step: called with what is done next.
      public: uint8[H, W, C] each, images of the same kind that are not read, for attackers who need such.
      inverts: train a network on the public images to give back originals, and read what it makes.
      mosaics: cells a side of each.
      reader: what reads; None for PP-OCRv4.

    Raises:
      DeidError: no image has a text, there are too few public images to invert, or what reads is not installed.
    """
    chosen = _with_text(pool)
    if inverts and len(public) < _LEAST_PUBLIC:
        raise DeidError(f"to invert records takes at least {_LEAST_PUBLIC} public images, there were {len(public)}.")
    size = config.output_size
    aspect = float(np.median([image.shape[1] / image.shape[0] for image in chosen.images]))
    judge = _Judge(reader or Reader(aspect), chosen.values, seed, on_step)
    prepared = parallel_map(Deidentifier(config.with_scheme("plain", input_size=size)), chosen.images)
    minutes = max(1, round(len(chosen.values) * _MINUTES))
    on_step(f"{len(chosen.values):,} texts to read: roughly {minutes} min on two cores for each form of them")
    plain, _ = judge("plain images", prepared)
    records = np.stack(parallel_map(Deidentifier(config, key), chosen.images, chosen.ids))
    prepare = Deidentifier(config.with_scheme("plain")).prepare
    view = View(records, chosen.ids, config, parallel_map(prepare, public), seed=seed)
    forms, failed = forms_of(view, inverts, on_step)
    judgements = [judge(name, list(images)) for name, images in forms.items()]
    best = better(*(figures for figures, _ in judgements))
    read = next(lines for figures, lines in judgements if figures is best)
    return Reading(
        feature=pool.feature,
        images=len(chosen.values),
        left_out=len(pool.values) - len(chosen.values),
        plain=plain,
        forms=[figures for figures, _ in judgements],
        mosaics={cells: _mosaic(config, cells, chosen.images, judge) for cells in mosaics if 2 <= cells <= size},
        failed=failed,
        examples=list(zip(judge.texts, read, strict=True))[:_SHOWN],
    )


def _with_text(pool: Pool) -> Pool:
    """Returns the images in which something is written, with the texts normalised."""
    texts = [normalised(value) for value in pool.values]
    known = [number for number, text in enumerate(texts) if text]
    if not known:
        raise DeidError(
            f"{pool.feature!r} must hold what is written in the images; none of {len(texts):,} has letters or digits."
        )
    return dataclasses.replace(pool, values=texts).taking(known)


class _Judge:
    """Reads images and holds what is read against their texts.

    Attributes:
      texts: what is written in each image, normalised.
    """

    def __init__(self, reader: Read, texts: Sequence[str], seed: int, on_step: Callable[[str], object]):
        self._reader, self.texts, self._others, self._on_step = reader, texts, _others(texts, seed), on_step

    def __call__(self, name: str, images: Sequence[Image]) -> tuple[FormFigures, list[str]]:
        """Returns the figures of a form, and of each image the line that is most like its text."""
        self._on_step(f"reading: {name}")
        lines = parallel_map(self._reader, images)
        read, by_chance = (self._nearest(lines, texts) for texts in (self.texts, self._others))
        figures = FormFigures(
            name=name,
            read=Estimate.of_share([line == text for line, text in zip(read, self.texts, strict=True)]),
            characters=Estimate.of([characters_right(*pair) for pair in zip(read, self.texts, strict=True)]),
            chance=float(np.mean([characters_right(*pair) for pair in zip(by_chance, self._others, strict=True)])),
        )
        return figures, read

    def _nearest(self, lines: Sequence[Sequence[str]], texts: Sequence[str]) -> list[str]:
        return [nearest(found, text) for found, text in zip(lines, texts, strict=True)]


def _mosaic(config: DeidConfig, cells: int, images: Sequence[Image], judge: _Judge) -> FormFigures:
    """Returns what is read from a mosaic of the images, smoothed: from flat cells next to nothing is."""
    made = parallel_map(Deidentifier(config.with_scheme("pixelate", input_size=config.output_size, cells=cells)), images)
    return judge(f"mosaic of {cells} x {cells}", list(smoothed(np.stack(made), cells)))[0]


def _others(texts: Sequence[str], seed: int) -> list[str]:
    """Returns for each text one of another image, which is another text wherever there is one."""
    order = np.random.RandomState(seed).permutation(len(texts))
    others = list(texts)
    for place, number in enumerate(order):
        following = (texts[order[(place + step) % len(order)]] for step in range(1, len(order)))
        others[number] = next((text for text in following if text != texts[number]), texts[number])
    return others
