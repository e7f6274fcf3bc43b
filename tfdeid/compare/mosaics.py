"""The mosaic that does the same as a method: of equal accuracy, interpolated between those that were run."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from tfdeid.compare.figures import ACCURACY, RISKS, Against, Interval, MethodFigures, MosaicBeside

_LINKED = "linked"


@dataclasses.dataclass(frozen=True)
class Mosaics:
    """The mosaics of a comparison, coarse ones first, by what they are put beside other methods.

    Attributes:
      cells: a side, ascending.
      level: of each: its accuracy, or where there is none what is linked. Made to rise with the cells: what falls between
        neighbours is chance, and their mean stands for both (isotonic regression, Barlow et al. 1972).
      doubt: half the width of each one's interval.
      risks: name of risk -> one interval each.
      equal: what is equal: "accuracy" or "linkage".
    """

    cells: Sequence[float]
    level: npt.NDArray[np.float64]
    doubt: npt.NDArray[np.float64]
    risks: Mapping[str, Sequence[Interval]]
    equal: str

    def cells_of(self, level: float) -> float:
        """Returns the cells of the coarsest mosaic that reaches a level, in the range of those that were run."""
        if level <= self.level[0]:
            return float(self.cells[0])
        above = int(np.searchsorted(self.level, level))
        if above == len(self.level):
            return float(self.cells[-1])
        low, high = self.level[above - 1], self.level[above]
        share = (level - low) / (high - low)
        return float(self.cells[above - 1] + share * (self.cells[above] - self.cells[above - 1]))

    def risk(self, name: str, cells: Interval) -> Interval:
        """Returns a risk of the mosaic of so many cells; the interval covers those of all mosaics in the range."""
        inside = [cells.low, *(count for count in self.cells if cells.low < count < cells.high), cells.high]
        ours = self.risks[name]

        return Interval(
            float(np.interp(cells.value, self.cells, [one.value for one in ours])),
            float(np.min(np.interp(inside, self.cells, [one.low for one in ours]))),
            float(np.max(np.interp(inside, self.cells, [one.high for one in ours]))),
        )


def mosaics_of(methods: Sequence[MethodFigures]) -> Mosaics | None:
    """Returns the mosaics among methods, if there are any with figures: by accuracy, or where none has it by linkage."""
    by_accuracy = any(method.accuracy for method in methods)
    having = [(method, _level(method, by_accuracy)) for method in methods if method.is_mosaic]
    known = sorted(((method, level) for method, level in having if level), key=lambda pair: pair[0].deid.cells)
    if not known:
        return None
    ours = [method for method, _ in known]
    levels = [level for _, level in known]
    shared = [name for name in RISKS if all(name in method.risks for method in ours)]
    return Mosaics(
        [method.deid.cells for method in ours],
        _rising([level.value for level in levels]),
        np.asarray([(level.high - level.low) / 2 for level in levels]),
        {name: [method.risks[name] for method in ours] for name in shared if by_accuracy or name != _LINKED},
        "accuracy" if by_accuracy else "linkage",
    )


def beside(method: MethodFigures, mosaics: Mosaics) -> MosaicBeside | None:
    """Returns the mosaic that does the same as a method, and what attackers get of both.

    The accuracy of either is known to within its interval, so the mosaic may be any of a range of sizes, and the interval of
    its risk covers that range. A risk is higher, or lower, where the intervals do not meet. Beyond the finest mosaic that was
    run, which has less accuracy, only a lower risk says something, and beyond the coarsest only a higher one.

    Args:
      method: no mosaic, and not plain.
      mosaics: those that were run.

    Returns:
      None where the method has no accuracy (or no linkage).
    """
    level = _level(method, mosaics.equal == ACCURACY.name)
    if level is None:
        return None
    nearest = int(np.argmin(np.abs(np.asarray(mosaics.level) - level.value)))
    doubt = float(mosaics.doubt[nearest])
    cells = Interval(
        mosaics.cells_of(level.value),
        mosaics.cells_of(level.value - math.hypot(level.below, doubt)),
        mosaics.cells_of(level.value + math.hypot(level.above, doubt)),
    )
    finer, coarser = level.value > mosaics.level[-1], level.value < mosaics.level[0]
    against = []
    for name in mosaics.risks:
        if name in method.risks:
            own, theirs = method.risks[name], mosaics.risk(name, cells)
            verdict = 1 if own.low > theirs.high else -1 if own.high < theirs.low else 0
            if (finer and verdict > 0) or (coarser and verdict < 0) or ((finer or coarser) and mosaics.equal != ACCURACY.name):
                verdict = 0
            against.append(Against(name, own, theirs, verdict))
    where = _where(cells.value, mosaics, finer, coarser)
    return MosaicBeside(None if finer or coarser else cells.value, where, against, _verdict(against, mosaics.equal))


def _level(method: MethodFigures, by_accuracy: bool) -> Interval | None:
    return method.accuracy if by_accuracy else method.risks.get(_LINKED)


def _rising(values: Sequence[float]) -> npt.NDArray[np.float64]:
    """Returns the rising sequence that is nearest by least squares: neighbours that fall are pooled."""
    pools: list[tuple[float, int]] = []
    for value in values:
        pools.append((value, 1))
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            (a, n), (b, m) = pools[-2:]
            pools[-2:] = [((a * n + b * m) / (n + m), n + m)]
    return np.concatenate([np.full(count, value) for value, count in pools])


def _where(cells: float, mosaics: Mosaics, finer: bool, coarser: bool) -> str:
    if finer:
        return f"finer than the finest mosaic run ({mosaics.cells[-1]} cells)"
    if coarser:
        return f"coarser than the coarsest mosaic run ({mosaics.cells[0]} cells)"
    return f"{cells:.0f} cells" if abs(cells - round(cells)) < 0.05 else f"{cells:.1f} cells"


def _verdict(against: Sequence[Against], equal: str) -> str:
    """Returns a clause: worse where a risk is higher, hides more where one is lower, both where that is so."""
    if not against:
        return "nothing to compare"
    higher, lower = ([RISKS[one.risk].word for one in against if one.verdict == sign] for sign in (1, -1))
    worse = f"worse than a mosaic of equal {equal} ({', '.join(higher)})"
    better = f"hides more than a mosaic of equal {equal} ({', '.join(lower)})"
    if higher and lower:
        return f"{worse}, and {better}"
    if higher:
        return worse
    return better if lower else f"no different from a mosaic of equal {equal}, as far as can be told"
