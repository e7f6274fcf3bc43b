"""What `tfdeid attack` does: opens a dataset, runs what was asked for, and tells whether too much was recovered."""

from __future__ import annotations

import dataclasses
import math
import sys
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from tfdeid.attack.adversaries import ADVERSARIES, OPTIONS
from tfdeid.attack.base import Attacker, Knowledge
from tfdeid.attack.case import Case, Target, open_case
from tfdeid.attack.engine import attack, choose
from tfdeid.attack.figures import JUDGE, Findings
from tfdeid.attack.judge import train_judge
from tfdeid.attack.questions import Question
from tfdeid.attack.sentences import over_threshold, percent
from tfdeid.attack.truth import Judge
from tfdeid.deidentifier import DeidConfig
from tfdeid.errors import DeidError, warn
from tfdeid.key import Key

# Minutes a record on two cores at 224 x 224: for the ceilings, and for each attacker with the figures of what it recovers.
_BASE, _EACH = 0.2e-3, 0.15e-3


def sayer() -> Callable[[str], None]:
    """Returns what says on the error stream what comes next, with the seconds since it was made."""
    started = time.perf_counter()

    def say(what: str) -> None:
        print(f"{time.perf_counter() - started:6.0f} s  {what}", file=sys.stderr, flush=True)

    return say


def perform(
    target: Target, key: Key, asked: Sequence[str] | None, also: Collection[str], must_be_able_to_fail: bool
) -> Findings:
    """Attacks a dataset, and says on the error stream how far it is.

    Args:
      target: what is attacked.
      key: the owner's key.
      asked: names of attackers and linkers; None for all that suit and are run unasked.
      also: names of those that are not run unasked, but are asked for beside the others.
      must_be_able_to_fail: whether there must be an attacker whose figures can go over a threshold.

    Raises:
      DeidError: the dataset, its originals or its key are not what they must be, or nothing could be carried out.
    """
    say = sayer()
    say("reading records, originals and public images")
    case = open_case(target, key)
    names, skipped = _names(asked, also, case.view.config)
    if must_be_able_to_fail:
        _check_can_fail(names)
    judged = any(label >= 0 for label in case.labels) and any(issubclass(ADVERSARIES[name], Attacker) for name in names)
    say(_expectation(case, names, judged))
    judge, failed = None, {}
    if judged:
        say("training the network that judges")
        try:
            judge = _trained_judge(case)
        except DeidError as error:
            failed[JUDGE] = str(error)
    findings = attack(case, names, judge, say)
    say("done")
    return dataclasses.replace(findings, skipped={**findings.skipped, **skipped}, failed={**findings.failed, **failed})


def answering(findings: Findings, questions: Mapping[str, Question]) -> Findings:
    """Returns findings with a section for each further attack, which it carries out; one that fails has a reason instead."""
    say, sections, failed = sayer(), list(findings.sections), dict(findings.failed)
    for name, question in questions.items():
        try:
            sections.append(question(say))
        except DeidError as error:
            failed[name] = str(error)
            warn(f"the attack {name} failed: {error}")
    return dataclasses.replace(findings, sections=sections, failed=failed)


def passes(findings: Findings, threshold: float) -> int:
    """Says whether an attacker closed at least a share of the gap; returns the exit code."""
    over = over_threshold(findings, threshold)
    limit = f"the limit is {percent(threshold)}"
    failed = [name for name in findings.failed if name in ADVERSARIES and _is_keyless_attacker(name)]
    if failed and not over:
        print(f"FAILED: could not be carried out, which proves nothing: {', '.join(failed)} ({limit})")
        return 1
    if not over:
        print(f"passed: no attacker without the key closed so much of the gap to the cleaned ceiling ({limit})")
        return 0
    if math.isnan(over[0].gap_closed_cleaned):
        print(f"FAILED: records are as near to their originals as the cleaned ceiling, so there is no gap to close ({limit})")
        return 1
    named = ", ".join(f"{figures.attacker} {percent(figures.gap_closed_cleaned)}" for figures in over)
    print(f"FAILED: attackers without the key closed too much of the gap to the cleaned ceiling: {named} ({limit})")
    return 1


def _names(asked: Sequence[str] | None, also: Collection[str], config: DeidConfig) -> tuple[list[str], dict[str, str]]:
    """Returns the attackers and linkers to run, and those left out with the reason."""
    names, skipped = choose(asked, config)
    if asked is not None:
        return names, skipped
    for name in names:
        if not ADVERSARIES[name].is_run_unasked and name not in also:
            option = f"--{name}" if name in OPTIONS else f"--attackers {name}"
            skipped[name] = f"takes minutes, and is asked for by {option}"
    return [name for name in names if name not in skipped], skipped


def _is_keyless_attacker(name: str) -> bool:
    adversary = ADVERSARIES[name]
    return issubclass(adversary, Attacker) and adversary.knows is not Knowledge.KEY


def _check_can_fail(names: Iterable[str]) -> None:
    """Raises DeidError if no attacker could close any of the gap: a check that can't fail would pass for one that did not."""
    for name in names:
        adversary = ADVERSARIES[name]
        if issubclass(adversary, Attacker) and adversary.changes_records and adversary.knows is not Knowledge.KEY:
            return
    raise DeidError("fail_if_gap_closed needs an attacker that recovers images without the key, --attackers names none.")


def _expectation(case: Case, names: list[str], judged: bool) -> str:
    networks = judged + sum(ADVERSARIES[name].trains for name in names)
    attackers = sum(issubclass(ADVERSARIES[name], Attacker) for name in names)
    minutes = len(case.view.records) * (_BASE + _EACH * attackers)
    what = f"{len(case.view.records):,} records, {len(case.view.public):,} public images, {len(names)} attackers and linkers"
    how_long = f"roughly {max(1, round(minutes))} min on two cores"
    if networks:
        how_long += f", and some minutes more for {networks} network{'s' if networks > 1 else ''} to train"
    return f"{what}: {how_long}"


def _trained_judge(case: Case) -> Judge:
    view = case.view
    known = [number for number, label in enumerate(view.public_labels) if label >= 0]
    if not known:
        raise DeidError("no public image has a known class, so nothing says what classes look like.")
    return train_judge(
        [view.public_sources[number] for number in known], [view.public_labels[number] for number in known], seed=view.seed
    )
