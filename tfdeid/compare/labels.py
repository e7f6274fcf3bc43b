"""Which methods a plot labels, and what it calls them."""

from __future__ import annotations

import collections
from collections.abc import Iterable, Sequence

from tfdeid.compare.figures import Comparison, MethodFigures

LABELLED = 24
"""Of more methods than these, only those are labelled that none beats, the mosaics, and the recommended one."""
# Options that go without saying.
_SIZES = ("input_size", "cells", "sigma")


def short_names(methods: Iterable[MethodFigures]) -> dict[str, str]:
    """Returns what a method is called where there is little room, by name: `structural 50 bend`, `mosaic 12`.

    Two that would be called the same keep their names.
    """
    short = {method.name: _short_name(method) for method in methods}
    count = collections.Counter(short.values())
    return {name: label if count[label] == 1 else name for name, label in short.items()}


def unbeaten(methods: Iterable[MethodFigures], risk: str) -> list[MethodFigures]:
    """Returns those than which no other has both more accuracy and less of a risk."""
    both = [
        (method, method.accuracy.value, method.risks[risk].value)
        for method in methods
        if method.accuracy and risk in method.risks
    ]
    return [
        method
        for method, accuracy, own in both
        if not any(other >= accuracy and less <= own and (other, less) != (accuracy, own) for _, other, less in both)
    ]


def choose(points: Sequence[MethodFigures], risk: str, comparison: Comparison) -> list[MethodFigures]:
    """Returns which points have a label and error bars: all, or of too many those that matter."""
    if len(points) <= LABELLED:
        return list(points)
    names = {method.name for method in [*unbeaten(points, risk), *comparison.mosaics]} | {comparison.recommended}
    return [method for method in points if method.name in names]


def has_both(method: MethodFigures, risk: str) -> bool:
    """Tells whether a method has an accuracy and a figure of a risk."""
    return method.accuracy is not None and risk in method.risks


def _short_name(method: MethodFigures) -> str:
    scheme, _, options = method.name.partition(":")
    words = ["mosaic" if method.is_mosaic else scheme]
    for option in filter(None, options.split(",")):
        name, _, value = option.partition("=")
        words.append(value if name in _SIZES else name if value == "true" else option)
    return " ".join(words)
