"""In which forms an attacker reads a record: as it is, and what those who know the records alone make of it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image as PillowImage

from tfdeid.attack.adversaries import ADVERSARIES, attackers
from tfdeid.attack.base import Attacker, Image, Knowledge, View
from tfdeid.attack.cleaning import clean_all
from tfdeid.attack.comparing import reduced
from tfdeid.attack.truth import FAILURES
from tfdeid.parallel import parallel_map
from tfdeid.schemes.dp_pix import DpPix
from tfdeid.schemes.pixelate import Pixelate

RECORDS, CLEANED, SMOOTHED, INVERTED = "records", "cleaned", "smoothed", "inverted"
_INVERSION = "learned_inversion"
_FORMS = {"cleaning": CLEANED, _INVERSION: INVERTED}
"""What forms of some attackers are called; those of others have their name."""


def forms_of(
    view: View, inverts: bool = False, on_step: Callable[[str], object] = lambda name: None
) -> tuple[dict[str, Image], dict[str, str]]:
    """Returns the forms of records by name, each uint8[N, S, S, C], and those that failed with the reason.

    Args:
      view: the records, and public images where there are any, without which less can be tried.
      inverts: whether to train a network to give back originals.
      on_step: called before each form is made.
    """
    forms, failed = {RECORDS: view.records}, dict[str, str]()
    if issubclass(view.config.scheme_class, Pixelate | DpPix):
        forms[SMOOTHED] = smoothed(view.records, view.config.options.cells)
    if view.config.scheme_class.traces and not view.public:
        forms[CLEANED] = clean_all(view.records)
    for name in attackers() if view.public else ():
        try:
            adversary = ADVERSARIES[name]()
            if not isinstance(adversary, Attacker) or not _is_a_form(adversary, inverts) or not adversary.suits(view.config):
                continue
            on_step(f"recovering what is read: {name}")
            forms[_FORMS.get(name, name)] = adversary(view).images
        except FAILURES as error:
            failed[name] = str(error)
    return forms, failed


def about(form: str) -> str:
    """Returns what was done to the records, as a clause: "looks at the records as they are"."""
    if form == SMOOTHED:
        return "stretches mosaics smoothly from one value a cell"
    of_forms = {RECORDS: "published", **{of: name for name, of in _FORMS.items()}}
    return ADVERSARIES[of_forms.get(form, form)].about


def smoothed(images: Image, cells: int) -> Image:
    """Returns uint8[N, S, S, C], mosaics of K x K cells stretched smoothly: flat cells are the hardest to read."""

    def smooth(image: Image) -> Image:
        small, size = reduced(image, cells), image.shape[:2]
        squeezed = small[..., 0] if small.shape[2] == 1 else small
        stretched = PillowImage.fromarray(squeezed).resize(size, PillowImage.Resampling.BICUBIC)
        return np.asarray(stretched).reshape(image.shape)

    return np.stack(parallel_map(smooth, list(images)))


def _is_a_form(attacker: Attacker, inverts: bool) -> bool:
    """Tells whether somebody makes of the records alone what linkers are given too, or inverts them by a network."""
    if attacker.knows is not Knowledge.RECORDS or not attacker.changes_records:
        return False
    return attacker.is_given_to_linkers or (inverts and attacker.name == _INVERSION)
