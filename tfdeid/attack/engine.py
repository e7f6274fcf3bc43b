"""Runs attackers and linkers on a case, each with what it is said to know and no more, and collects what they got."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from tfdeid.attack.adversaries import ADVERSARIES, in_order
from tfdeid.attack.base import Adversary, Attacker, Image, Knowledge, Linker, Recovery, View
from tfdeid.attack.case import Case
from tfdeid.attack.figures import Findings, LinkageFigures, RecoveryFigures
from tfdeid.attack.linking import link, view_to_link
from tfdeid.attack.truth import FAILURES, Judge, Truth
from tfdeid.deidentifier import DeidConfig, Deidentifier
from tfdeid.errors import DeidError, unknown_name, warn


def attack(
    case: Case,
    names: Sequence[str] | None = None,
    judge: Judge | None = None,
    on_step: Callable[[str], object] = lambda name: None,
) -> Findings:
    """Runs attackers and linkers on a case.

    Args:
      case: what is attacked.
      names: of attackers and linkers; None for all that suit.
      judge: names classes; None for no accuracies.
      on_step: called with the name of each attacker before it runs.

    Returns:
      What they got. One that fails, or gives back what is no image and no number, has no figures but a reason in `failed`, and
      a warning says so; the others go on.

    Raises:
      DeidError: a name is unknown, an attacker doesn't suit the scheme though it was asked for, or all that were run failed.
    """
    truth = Truth(case, judge)
    chosen, skipped = choose(names, case.view.config)
    run = _Run(case, truth)
    for name in chosen:
        on_step(name)
        try:
            run.add(ADVERSARIES[name]())
        except _failures(name) as error:
            run.failed[name] = _reason(error)
            warn(f"the attacker {name} failed: {run.failed[name]}")
    if chosen and not run.recoveries and not run.linkages:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in run.failed.items())
        raise DeidError(f"no attacker could be carried out, which says nothing of what one would get. {reasons}")
    return truth.findings(run.recoveries, run.linkages, skipped, run.failed)


def choose(names: Sequence[str] | None, config: DeidConfig) -> tuple[list[str], dict[str, str]]:
    """Returns the attackers and linkers to run, in the order in which they are, and those left out with the reason.

    Args:
      names: of attackers and linkers; None for all that suit.
      config: what is attacked.

    Raises:
      DeidError: a name is unknown, or what it names doesn't suit the scheme though it was asked for.
    """
    known = in_order()
    for name in names or ():
        if name not in known:
            raise unknown_name("attacker", name, known)
    chosen, skipped = [], {}
    for name in known if names is None else [name for name in known if name in names]:
        try:
            adversary = ADVERSARIES[name]()
            suits = adversary.suits(config)
        except _failures(name) as error:
            skipped[name] = f"failed: {_reason(error)}"
            warn(f"the attacker {name} failed: {_reason(error)}")
            continue
        if suits:
            chosen.append(name)
        elif names is None:
            skipped[name] = f"makes no sense against {config.scheme}"
        else:
            raise DeidError(f"the attacker {name!r} makes no sense against the scheme {config.scheme}: it {adversary.about}.")
    return chosen, skipped


def _failures(name: str) -> tuple[type[Exception], ...]:
    """Returns the errors that end an attacker alone: of ours what data can bring about, of others' any."""
    return FAILURES if ADVERSARIES.plugin(name) is None else (Exception,)


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, DeidError) else f"{type(error).__name__}: {error}".rstrip(": ")


class _Run:
    """What attackers and linkers of one run came to, so far.

    Attributes:
      recoveries: figures of attackers.
      linkages: figures of linkers.
      failed: names of those that could not be carried out, with the reason.
    """

    def __init__(self, case: Case, truth: Truth):
        self._case, self._truth = case, truth
        self._recovered: Image | None = None
        self._view_to_link: View | None = None
        self.recoveries: list[RecoveryFigures] = []
        self.linkages: list[LinkageFigures] = []
        self.failed: dict[str, str] = {}

    def add(self, adversary: Adversary) -> None:
        """Runs an attacker or a linker; linkers come last.

        Raises:
          DeidError: it fails, or what it gives back can't be judged.
        """
        if isinstance(adversary, Linker):
            # They share what follows from the records.
            self._view_to_link = self._view_to_link or view_to_link(self._case, self._recovered)
            self.linkages.append(link(adversary, self._view_to_link, self._case))
        elif isinstance(adversary, Attacker):
            recovery, figures = self._recover(adversary)
            self.recoveries.append(figures)
            if adversary.is_given_to_linkers and adversary.knows is Knowledge.RECORDS:
                self._recovered = recovery.images

    def _recover(self, attacker: Attacker) -> tuple[Recovery, RecoveryFigures]:
        """Returns what an attacker makes, and its figures."""
        started = time.perf_counter()
        view = grant(attacker, self._case)
        recovery = attacker(view)
        return recovery, self._truth.figures(attacker, recovery, time.perf_counter() - started, _used(view))


def grant(attacker: Attacker, case: Case) -> View:
    """Returns the view with what the attacker is said to know, and no more."""
    view = case.view
    if attacker.knows is Knowledge.PAIRS:
        return view.knowing(pairs=case.pairs[: attacker.num_pairs])
    if attacker.knows is Knowledge.ORACLE:
        return view.knowing(oracle=_Oracle(case))
    if attacker.knows is Knowledge.KEY:
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
