"""Which method to take, under limits."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from tfdeid.compare.figures import ACCURACY, RISKS, MethodFigures
from tfdeid.errors import DeidError


@dataclasses.dataclass(frozen=True)
class Limits:
    """What a method must keep to, all in percent. Of a risk the upper end of the interval counts, of the accuracy the lower.

    Raises:
      DeidError: a limit is no percentage.
    """

    max_reidentified: float | None = None
    max_linked: float | None = None
    min_accuracy: float | None = None

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if value is not None and not 0 <= value <= 100:
                raise DeidError(f"{field.name} must be in [0, 100] percent, {field.name} was {value}.")

    @property
    def risks(self) -> dict[str, float]:
        """Name of risk -> the most that it may be."""
        given = {"reidentified": self.max_reidentified, "linked": self.max_linked}
        return {name: limit for name, limit in given.items() if limit is not None}

    def check(self, has_accuracy: bool, has_identity: bool) -> None:
        """Raises DeidError if there is a limit on what is not measured."""
        if self.min_accuracy is not None and not has_accuracy:
            raise DeidError("min_accuracy needs labels to train for, and there are none here. Leave it out.")
        if self.max_reidentified is not None and not has_identity:
            raise DeidError("max_reidentified needs --identity, the feature that says who it is.")

    def __bool__(self) -> bool:
        return any(value is not None for value in dataclasses.astuple(self))


def recommend(methods: Sequence[MethodFigures], limits: Limits) -> tuple[str, str | None]:
    """Returns a sentence, and the name of the method to take: the one with the highest accuracy that keeps to all limits.

    Without accuracies, of those that keep to them the one that uses least of what they allow. What is meant to hide
    nothing is never recommended. Where none keeps to all, the sentence says which comes nearest: whose largest excess is least.

    Args:
      methods: what is compared.
      limits: at least one.
    """
    hiding = [method for method in methods if method.deid.scheme_class.hides]
    excesses = {method.name: _excess(method, limits) for method in hiding}
    met = [method for method in hiding if excesses[method.name] is not None and excesses[method.name] <= 0]  # type: ignore[operator]
    if met:
        best = max(met, key=lambda method: (_accuracy(method), [-share for share in _used(method, limits)]))
        others = len(met) - 1
        also = f"; {others} more keep{'s' if others == 1 else ''} to them" if others else ""
        return f"take {best.name}: it keeps to all limits ({_said(best, limits)}){also}.", best.name
    known = [method for method in hiding if excesses[method.name] is not None]
    if not known:
        return "no method can be recommended: none has all the figures that the limits are on.", None
    nearest = min(known, key=lambda method: excesses[method.name])  # type: ignore[arg-type,return-value]
    count = "the one method" if len(hiding) == 1 else f"none of the {len(hiding)} methods"
    begun = f"{count} does not keep" if len(hiding) == 1 else f"{count} keeps"
    return f"{begun} to all limits. Nearest comes {nearest.name} ({_said(nearest, limits)}).", None


def _excess(method: MethodFigures, limits: Limits) -> float | None:
    """Returns by how many points a method is over the limit that it exceeds most, at most 0 if over none; None if unknown."""
    over = []
    for name, limit in limits.risks.items():
        if name not in method.risks:
            return None
        over.append(method.risks[name].high - limit)
    if limits.min_accuracy is not None:
        if method.accuracy is None:
            return None
        over.append(limits.min_accuracy - method.accuracy.low)
    return max(over)


def _accuracy(method: MethodFigures) -> float:
    return method.accuracy.value if method.accuracy is not None else 0.0


def _used(method: MethodFigures, limits: Limits) -> list[float]:
    """Returns how much of each limit on a risk a method uses up, the most first."""
    return sorted((method.risks[name].high / max(limit, 1e-9) for name, limit in limits.risks.items()), reverse=True)


def _said(method: MethodFigures, limits: Limits) -> str:
    parts = []
    if method.accuracy is not None:
        interval, bound = method.accuracy, limits.min_accuracy
        allowed = f", at least {bound:g} asked" if bound is not None else ""
        parts.append(f"accuracy {ACCURACY.text(interval.value)} %, at least {ACCURACY.text(interval.low)} %{allowed}")
    for name, limit in limits.risks.items():
        interval = method.risks[name]
        verb = RISKS[name].word
        parts.append(f"{verb} {interval.value:.1f} %, at most {interval.high:.1f} %, {limit:g} allowed")
    return "; ".join(parts)
