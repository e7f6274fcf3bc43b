"""From results of parts to the figures of a method, with intervals."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from tfdeid.compare.figures import Interval, MethodFigures
from tfdeid.compare.plan import Row
from tfdeid.experiments.parts import Attacking, Part, Result
from tfdeid.experiments.pictures import Picture, kept_pictures
from tfdeid.experiments.workshop import Workshop

_Z_95 = 1.96
TRAINING = "training"
# Kind of attack -> the risk that it gives. What it says of itself is "<name>", "<name>_low", "<name>_high", "<name>_chance".
_ATTACKS = {"re-identifying": "reidentified", "reading": "read", "inferring": "inferred"}
_PLAIN = {"reading": "plain_read", "inferring": "inferred_plain"}


def collect(row: Row, results: Mapping[Part, Result], failures: Mapping[Part, str], workshop: Workshop) -> MethodFigures:
    """Returns what a method came to.

    Args:
      row: the method and its parts.
      results: of the parts that are finished.
      failures: why others could not be.
      workshop: where pictures are kept.
    """
    trained = [results[part] for part in row.trainings if part in results]
    details = {TRAINING: {**_means(trained), "networks": float(len(trained))}} if trained else {}
    details |= {kind: results[part] for kind, part in row.attacks.items() if part in results}
    risks: dict[str, Interval] = {}
    if Attacking.work in details:
        risks |= attacked(details[Attacking.work])
    for kind, name in _ATTACKS.items():
        if name in (found := details.get(kind, {})):
            risks[name] = Interval(found[name], found.get(f"{name}_low", found[name]), found.get(f"{name}_high", found[name]))
    failed = {TRAINING if part in row.trainings else part.work: why for part, why in failures.items() if part in row.parts}
    return MethodFigures(
        name=str(row.method),
        deid=row.deid,
        accuracy=accuracy(trained) if trained and TRAINING not in failed else None,
        risks=risks,
        chance=_chance(details),
        plain=_plain(details),
        details=details,
        failed=failed,
        pictures=_pictures(row, workshop),
    )


def accuracy(trained: Sequence[Result]) -> Interval:
    """Returns the mean accuracy of networks in percent, with its 95 % interval.

    Over test images it is Wilson's. Networks of several seeds are tested on the same images, so more of them make that no
    narrower; what they differ by is added: the variance between seeds over their number.
    """
    shares = [result["accuracy"] / 100 for result in trained]
    mean, images = float(np.mean(shares)), min(result["images"] for result in trained)
    low, high = wilson(mean, images)
    between = _Z_95 * float(np.std(shares, ddof=1)) / math.sqrt(len(shares)) if len(shares) > 1 else 0.0
    low, high = mean - math.hypot(mean - low, between), mean + math.hypot(high - mean, between)
    return Interval(100 * mean, 100 * max(0.0, low), 100 * min(1.0, high))


def wilson(share: float, count: float) -> tuple[float, float]:
    """Returns Wilson's 95 % interval (1927) of a share of so many."""
    z = _Z_95**2 / count
    middle = (share + z / 2) / (1 + z)
    half = math.sqrt(z * share * (1 - share) + z * z / 4) / (1 + z)
    # A share of 0 or 1 is the end of its interval, but for rounding.
    return min(share, middle - half), max(share, middle + half)


def attacked(found: Result) -> dict[str, Interval]:
    """Returns the risks that attacks by images alone give."""
    risks = {}
    if "linked_best" in found:
        linked, error = found["linked_best"], found.get("linked_best_error", 0.0)
        risks["linked"] = Interval(linked, max(0.0, linked - error), min(100.0, linked + error))
    best, error = found["best"], found.get("best_error", 0.0)
    risks["recovered"] = Interval(best, max(-1.0, best - error), min(1.0, best + error))
    return risks


def _means(results: Sequence[Result]) -> Result:
    return {name: float(np.mean([result[name] for result in results])) for name in results[0]}


def _chance(details: Mapping[str, Result]) -> dict[str, float]:
    """Returns what who guesses gets, by risk."""
    known = {name: details.get(kind, {}).get(f"{name}_chance") for kind, name in _ATTACKS.items()}
    chance = {name: value for name, value in known.items() if value is not None}
    candidates = details.get(Attacking.work, {}).get("candidates")
    return {**chance, "linked": 100 / candidates} if candidates else chance


def _plain(details: Mapping[str, Result]) -> dict[str, float]:
    """Returns what the same attackers get of plain images, by risk."""
    plain = {_ATTACKS[kind]: found[name] for kind, name in _PLAIN.items() if name in (found := details.get(kind, {}))}
    identified = details.get("re-identifying", {})
    ranks = [value for name, value in identified.items() if name.startswith("plain_rank1_")]
    return {**plain, "reidentified": max(ranks)} if ranks else plain


def _pictures(row: Row, workshop: Workshop) -> Sequence[Picture]:
    part = row.attacks.get(Attacking.work)
    if not isinstance(part, Attacking) or not part.is_kept(workshop):
        return []
    return kept_pictures(part.pictures_folder(workshop))
