"""Runs attackers on a case and says what they got. It alone knows the originals; attackers are given a `View`."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tfdeid.attack.attackers import ATTACKERS, LINKERS, TRAINED
from tfdeid.attack.cleaning import clean_all
from tfdeid.attack.figures import JUDGE, Estimate, Findings, LinkageFigures, RecoveryFigures
from tfdeid.attack.key_known import true_warps
from tfdeid.attack.view import KEY, ORACLE, PAIRS, RECORDS, Attacker, Image, Linker, Pair, Recovery, View
from tfdeid.deidentifier import DeidConfig, Deidentifier
from tfdeid.errors import DeidError, unknown_name, warn
from tfdeid.image import resize
from tfdeid.key import Key
from tfdeid.measure.ssim import ssim
from tfdeid.parallel import parallel_map
from tfdeid.schemes import VECTOR_SCHEMES

_SHOWN = 4
_CANDIDATES = 500
# As many as the best-informed attacker of known plaintext takes.
NUM_PAIRS = 10

# What an attacker can't help: others go on.
_FAILURES = (DeidError, ArithmeticError, MemoryError, np.linalg.LinAlgError)

Judge = Callable[[Image], npt.NDArray[np.intp]]


@dataclasses.dataclass(frozen=True)
class Case:
    """What is attacked, and the truth about it.

    Attributes:
      view: what every attacker has.
      originals: uint8[N, N, C] each, N the input size, in the order of the view's records.
      labels: the class of each, -1 where it is not known; empty where no label is.
      pairs: known originals and records that are not in the view.
      key: the owner's; None for schemes that encrypt nothing.
      about: facts for the report, nothing secret.
    """

    view: View
    originals: Sequence[Image]
    labels: Sequence[int]
    pairs: Sequence[Pair]
    key: Key | None
    about: dict[str, Any]


def attack(
    case: Case,
    names: Sequence[str] | None = None,
    judge: Judge | None = None,
    on_step: Callable[[str], object] = lambda name: None,
) -> Findings:
    """Runs attackers and linkers on a case.

    Args:
      case: what is attacked.
      names: of `ATTACKERS` and `LINKERS`; None for all that suit.
      judge: predicts the class of each of uint8[N, S, S, C]: a network trained on plain images; None for no accuracies.
      on_step: called with the name of each attacker before it runs.

    Returns:
      What they got. One that fails, or gives back what is no image and no number, has no figures but a reason in `failed`, and
      a warning says so; the others go on.

    Raises:
      DeidError: a name is unknown, an attacker doesn't suit the scheme though it was asked for, or all that were run failed.
    """
    truth = _Truth(case, judge)
    chosen, skipped = choose(names, case.view.config)
    view, recoveries, linkages = case.view, [], []
    failed: dict[str, str] = {}
    recovered: Image | None = None
    linked: View | None = None
    for name in chosen:
        on_step(name)
        try:
            if name in ATTACKERS:
                attacker = ATTACKERS[name]()
                found, figures = _recover(attacker, case, truth)
                recoveries.append(figures)
                # The last of these knows most of the scheme; what a network makes is blurred, and little of rivals' masks.
                if attacker.knows == RECORDS and name not in TRAINED:
                    recovered = found.images
            else:
                # Linkers come last, and share what follows from the records.
                linked = linked or _to_link(view, recovered)
                linkages.append(_link(name, linked, case))
        except _FAILURES as error:
            failed[name] = str(error) if isinstance(error, DeidError) else f"{type(error).__name__}: {error}".rstrip(": ")
            warn(f"the attacker {name} failed: {failed[name]}")
    if chosen and not recoveries and not linkages:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in failed.items())
        raise DeidError(f"no attacker could be carried out, which says nothing of what one would get. {reasons}")
    return truth.findings(recoveries, linkages, skipped, failed)


def choose(names: Sequence[str] | None, config: DeidConfig) -> tuple[list[str], dict[str, str]]:
    """Returns the attackers and linkers to run, in the order of the registries, and those left out with the reason.

    Args:
      names: of `ATTACKERS` and `LINKERS`; None for all that suit.
      config: what is attacked.

    Raises:
      DeidError: a name is unknown, or what it names doesn't suit the scheme though it was asked for.
    """
    known: dict[str, Callable[[], Attacker | Linker]] = {**ATTACKERS, **LINKERS}
    for name in names or ():
        if name not in known:
            raise unknown_name("attacker", name, known)
    chosen, skipped = [], {}
    # In this order linkers come last, and are given what attackers recovered.
    for name in (one for one in known if names is None or one in names):
        one = known[name]()
        if one.suits(config):
            chosen.append(name)
        elif names is None:
            skipped[name] = f"makes no sense against {config.scheme}"
        else:
            raise DeidError(f"the attacker {name!r} makes no sense against the scheme {config.scheme}: it {one.about}.")
    return chosen, skipped


def _recover(attacker: Attacker, case: Case, truth: _Truth) -> tuple[Recovery, RecoveryFigures]:
    """Runs an attacker; returns what it made, and its figures."""
    started = time.perf_counter()
    granted = _granted(attacker, case)
    found = attacker(granted)
    return found, truth.judge(attacker, found, time.perf_counter() - started, _used(granted))


def _granted(attacker: Attacker, case: Case) -> View:
    """Returns the view with what the attacker is said to know, and no more."""
    view = case.view
    if attacker.knows == PAIRS:
        return view.knowing(pairs=case.pairs[: attacker.num_pairs])
    if attacker.knows == ORACLE:
        return view.knowing(oracle=_Oracle(case))
    if attacker.knows == KEY:
        return view.knowing(key=case.key)
    return view


class _Oracle:
    """De-identifies what an attacker chooses, and counts it."""

    def __init__(self, case: Case):
        self._deidentify, self.asked = Deidentifier(case.view.config, case.key), 0

    def __call__(self, image: Image) -> Image:
        self.asked += 1
        return self._deidentify(image, f"chosen by an attacker {self.asked}")


def _used(view: View) -> int:
    """Returns how many pairs, chosen images or records an attacker looked at."""
    if isinstance(view.oracle, _Oracle):
        return view.oracle.asked
    return len(view.pairs) or len(view.records)


class _Truth:
    """The originals, and what is measured against them."""

    def __init__(self, case: Case, judge: Judge | None):
        view, config = case.view, case.view.config
        self._case, self._labels = case, np.asarray(case.labels, np.intp)
        self._known = np.flatnonzero(self._labels >= 0)
        self._judge, self._failed = judge if len(self._known) else None, dict[str, str]()
        prepare, size = (
            Deidentifier(config.with_scheme("plain")).prepare,
            view.records.shape[1],
        )
        self._originals = np.stack([resize(prepare(image), size) for image in case.originals])
        ceiling = cleaned = self._originals
        if config.scheme in VECTOR_SCHEMES:
            vectorize = Deidentifier(config.with_scheme("vectorized"))
            ceiling = np.stack(parallel_map(vectorize, case.originals))
            cleaned = clean_all(ceiling)
        self.ceiling, self.ceiling_cleaned = (Estimate.of(self._ssim(images)) for images in (ceiling, cleaned))
        self.published = Estimate.of(self._ssim(view.records))
        # Before the attackers, so that a judge that is none costs no minutes.
        self.plain_accuracy = self._accuracy(self._originals)
        self._warps = true_warps(config, case.key, view.ids) if config.scheme == "structural" and case.key else None
        drawn = np.random.RandomState(view.seed).choice(len(view.records), min(_SHOWN, len(view.records)), replace=False)
        self._sample = sorted(map(int, drawn))

    def judge(self, attacker: Attacker, found: Recovery, seconds: float, used: int) -> RecoveryFigures:
        """Returns an attacker's figures.

        Raises:
          DeidError: what it gave back is no image of each record, or what follows from it is no number.
        """
        records = self._case.view.records
        _check_array("images", found.images, records.shape, "u")
        each = self._ssim(found.images)
        order = [int(number) for number in np.argsort(each)]
        best, worst = order[::-1][:_SHOWN], order[:_SHOWN]
        decibels = parallel_map(psnr, found.images, self._originals)
        for what, values in (("SSIM", each), ("PSNR", decibels)):
            _check_numbers(what, np.asarray(values))
        return RecoveryFigures(
            attacker=attacker.name,
            knows=attacker.knows,
            about=attacker.about,
            ssim=Estimate.of(each),
            psnr=Estimate.of(decibels),
            gap_closed=self._gap_closed(each, self.ceiling),
            gap_closed_cleaned=self._gap_closed(each, self.ceiling_cleaned),
            table_error=self._table_error(found),
            accuracy=self._accuracy(found.images),
            seconds=seconds,
            used=used,
            note=found.note,
            ssim_of_each=each,
            best=best,
            worst=worst,
            examples={number: found.images[number] for number in {*self._sample, *best, *worst}},
        )

    def findings(
        self,
        recoveries: list[RecoveryFigures],
        linkages: list[LinkageFigures],
        skipped: dict[str, str],
        failed: dict[str, str],
    ) -> Findings:
        case, view = self._case, self._case.view
        shown = sorted({number for one in recoveries for number in one.examples})
        known = self._labels[self._known]
        return Findings(
            about=case.about,
            images=len(view.records),
            public_images=len(view.public),
            published=self.published,
            ceiling=self.ceiling,
            ceiling_cleaned=self.ceiling_cleaned,
            plain_accuracy=self.plain_accuracy,
            chance_accuracy=float(np.bincount(known).max() / len(known)) if len(known) else None,
            recoveries=recoveries,
            linkages=linkages,
            skipped=skipped,
            sample=self._sample,
            originals={number: self._originals[number] for number in shown},
            records={number: view.records[number] for number in shown},
            failed={**failed, **self._failed},
            unlabelled=len(self._labels) - len(known),
            unlabelled_public=sum(label < 0 for label in view.public_labels),
        )

    def _ssim(self, images: Image) -> npt.NDArray[np.float64]:
        return np.array(parallel_map(ssim, images, self._originals))

    def _gap_closed(self, each: npt.NDArray[np.float64], ceiling: Estimate) -> float:
        gap = ceiling.mean - self.published.mean
        return float((each.mean() - self.published.mean) / gap) if gap > 0 else float("nan")

    def _accuracy(self, images: Image) -> Estimate | None:
        """Returns how often the judge names the class of those whose class is known; None if it can't."""
        if self._judge is None:
            return None
        try:
            classes = np.asarray(self._judge(images[self._known]))
            _check_array("classes", classes, self._known.shape, "iu")
        except _FAILURES as error:
            self._judge, self._failed[JUDGE] = None, str(error)
            return None
        return Estimate.of_share(classes == self._labels[self._known])

    def _table_error(self, found: Recovery) -> float | None:
        if self._warps is None or found.warps is None:
            return None
        config = self._case.view.config
        if len(found.warps) != len(self._warps):
            raise DeidError(f"there must be a warp for each of {len(self._warps):,} records, there were {len(found.warps):,}.")
        errors = np.array([guess.error(true, config) for guess, true in zip(found.warps, self._warps, strict=True)])
        _check_numbers("the error of its table", errors)
        return float(errors.mean())


def _link(name: str, view: View, case: Case) -> LinkageFigures:
    """Lets a linker find each record's original among candidates: those of the first records, in an order that says nothing."""
    linker, count = LINKERS[name](), len(view.records)
    order = np.random.RandomState(view.seed).permutation(count)
    started = time.perf_counter()
    scores = linker(view, [case.originals[number] for number in order])
    seconds = time.perf_counter() - started
    _check_array("scores", scores, (count, count), "fiu")
    if nothing := int(np.isnan(scores).sum()):
        raise DeidError(f"scores must be numbers, {nothing:,} of {scores.size:,} are NaN.")
    right = np.argsort(order)
    return LinkageFigures(
        linker=name,
        about=linker.about,
        trained=linker.trained,
        top1=Estimate.of_share(_found(scores, right, 1)),
        top5=Estimate.of_share(_found(scores, right, 5)),
        candidates=count,
        seconds=seconds,
    )


def _found(scores: npt.NDArray[np.float64], right: npt.NDArray[np.intp], places: int) -> npt.NDArray[np.float64]:
    """Returns float64[N], how likely the right candidate is among the first few if equal scores are put in order by chance."""
    own = scores[np.arange(len(scores)), right][:, None]
    ahead, equal = (scores > own).sum(1), (scores == own).sum(1)  # The right one is equal to itself.
    return np.clip((places - ahead) / equal, 0, 1)


def _check_array(name: str, value: object, shape: tuple[int, ...], kinds: str) -> None:
    """Raises DeidError if a value is no array of a shape, and of one of NumPy's kinds of numbers ("u", "i", "f")."""
    if not isinstance(value, np.ndarray):
        raise DeidError(f"{name} must be an array of shape {list(shape)}, they were {type(value).__name__}.")
    if value.shape != shape or value.dtype.kind not in kinds or (kinds == "u" and value.dtype != np.uint8):
        wanted = "uint8" if kinds == "u" else "whole numbers" if "f" not in kinds else "numbers"
        raise DeidError(f"{name} must be {wanted} of shape {list(shape)}, they were {value.dtype}{list(value.shape)}.")


def _check_numbers(name: str, values: npt.NDArray[np.float64]) -> None:
    if bad := int((~np.isfinite(values)).sum()):
        raise DeidError(f"{name} must be a number for each record, {bad:,} of {len(values):,} are NaN or infinite.")


def _to_link(view: View, recovered: Image | None) -> View:
    """Returns the first records, and what an attacker made of them."""
    count = min(_CANDIDATES, len(view.records))
    first = None if recovered is None else recovered[:count]
    return dataclasses.replace(view, records=view.records[:count], ids=view.ids[:count], recovered=first)


def psnr(a: Image, b: Image) -> float:
    """Returns the peak signal-to-noise ratio of two images uint8[H, W, C], in dB; 100 for equal ones."""
    error = np.mean(np.square(a.astype(np.float32) - b))
    return float(min(100.0, 10 * np.log10(255**2 / max(error, 1e-12))))
