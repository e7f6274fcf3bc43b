"""Lets linkers look for originals, and says how often they find the right one."""

from __future__ import annotations

import dataclasses
import time

import numpy as np
import numpy.typing as npt

from tfdeid.attack.base import Image, Linker, Scores, View
from tfdeid.attack.case import Case
from tfdeid.attack.checks import check_array
from tfdeid.attack.figures import Estimate, LinkageFigures
from tfdeid.errors import DeidError

_CANDIDATES = 500


def view_to_link(case: Case, recovered: Image | None) -> View:
    """Returns the first records, what an attacker made of them, and the candidates as they came, in their order."""
    view = case.view
    count = min(_CANDIDATES, len(view.records))
    return dataclasses.replace(
        view,
        records=view.records[:count],
        ids=view.ids[:count],
        recovered=None if recovered is None else recovered[:count],
        candidate_sources=[case.sources[number] for number in _order(view.seed, count)],
    )


def link(linker: Linker, view: View, case: Case) -> LinkageFigures:
    """Lets a linker find each record's original among candidates: those of the first records, in an order that says nothing.

    Args:
      linker: who looks.
      view: what `view_to_link` returns.
      case: whose view it is.

    Raises:
      DeidError: what it gives back are no scores.
    """
    count = len(view.records)
    order = _order(view.seed, count)
    started = time.perf_counter()
    scores = linker(view, [case.originals[number] for number in order])
    seconds = time.perf_counter() - started
    check_array("scores", scores, (count, count), "fiu")
    if missing := int(np.isnan(scores).sum()):
        raise DeidError(f"scores must be numbers, {missing:,} of {scores.size:,} are NaN.")
    right = np.argsort(order)
    return LinkageFigures(
        linker=linker.name,
        about=linker.about,
        trained=linker.trains,
        top1=Estimate.of_share(_is_among_first(scores, right, 1)),
        top5=Estimate.of_share(_is_among_first(scores, right, 5)),
        candidates=count,
        seconds=seconds,
    )


def _order(seed: int, count: int) -> npt.NDArray[np.intp]:
    """Returns the numbers of the records whose originals the candidates are."""
    return np.random.RandomState(seed).permutation(count)


def _is_among_first(scores: Scores, right: npt.NDArray[np.intp], places: int) -> Scores:
    """Returns float64[N], how likely the right candidate is among the first few if equal scores are put in order by chance."""
    own = scores[np.arange(len(scores)), right][:, None]
    ahead, equal = (scores > own).sum(1), (scores == own).sum(1)  # The right one is equal to itself.
    return np.clip((places - ahead) / equal, 0, 1)
