"""`tfdeid attack`: what an adversary would recover of a dataset, for its owner."""

from __future__ import annotations

import argparse
import dataclasses
import math
import sys
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from tfdeid.attack.attackers import ATTACKERS, LINKERS, TRAINED
from tfdeid.attack.figures import JUDGE
from tfdeid.attack.view import KEY
from tfdeid.commandline import absolute, absolute_key, command, writable_folder
from tfdeid.data.sources import absolute_dataset
from tfdeid.errors import DeidError, unknown_name
from tfdeid.key import Key
from tfdeid.terminal import import_tensorflow

if TYPE_CHECKING:
    from tfdeid.attack.evaluate import Case, Judge
    from tfdeid.attack.figures import Findings

# It trains the largest network.
_ASKED_FOR = "learned_inversion"
# Minutes a record on two cores at 224 x 224: for the ceilings, and for each attacker with the figures of what it recovers.
_BASE, _EACH = 0.2e-3, 0.15e-3
_EPILOG = """\
Every attacker has the records, the published configuration and public images of the same kind. Those named known_plaintext_N
also know N originals with their records, chosen_plaintext has images of its choice de-identified, and key_known has the key,
which shows what is lost for good. An attacker that gets little proves nothing: a better one may do more. One that can't be
carried out, or makes what is no image and no number, is shown as failed, and the others go on.

The exit code is 0 if the attack was carried out, whatever came of it, and 2 after a mistake. With --fail_if_gap_closed X it is
1 if an attacker without the key closes at least the share X of the gap between the record's SSIM to the original and that of
the ceiling: the vectorised image after the cleaning that attackers use ("gap to cleaned" in the table, gap_closed_cleaned in
attack.json), or for schemes that do not trace, the original. Attackers that know pairs, or have images of their choice
de-identified, count too, since they have no key. So do all attackers where there is no gap, since records are as near to the
originals as the ceiling is. One of them that could not be carried out makes it 1 too. Linkage does not count.

Attackers: {attackers}.

Linkers: {linkers}.
"""


class _Paragraphs(argparse.HelpFormatter):
    """Wraps each paragraph of a longer text by itself."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        fill = super()._fill_text
        return "\n\n".join(fill(part, width, indent) for part in text.strip().split("\n\n"))


def add_attack(subparsers: argparse._SubParsersAction) -> None:
    attack = subparsers.add_parser(
        "attack",
        help="try what an adversary would recover of a de-identified dataset",
        description="Attack a de-identified dataset of yours, and say in figures, pictures and one sentence what is recovered. "
        "The key only tells which original a record was made of, to judge what attackers make; they do not get it.",
        epilog=_EPILOG.format(attackers=", ".join(ATTACKERS), linkers=", ".join(LINKERS)),
        formatter_class=_Paragraphs,
    )
    attack.add_argument("--dataset", required=True, help="as for tfdeid.load: cifar10_deid, or cifar10_deid/structural_50_224")
    attack.add_argument("--originals", required=True, help="what it was made of: a TFDS name, folder:PATH or lfw_subset")
    attack.add_argument("--data_dir", help="TFDS data directory that holds --dataset (default: TFDS's own)")
    attack.add_argument("--originals_data_dir", help="TFDS data directory that --originals is read from (default: TFDS's own)")
    attack.add_argument("--split", help="split that is attacked (default: test, or the first where there is none)")
    attack.add_argument("--key", help="reference of the dataset's key (default: ~/.config/tfdeid/key)")
    attack.add_argument("--num_images", type=int, default=2000, help="records to attack, at most all (default: %(default)s)")
    attack.add_argument(
        "--num_public",
        type=int,
        default=10_000,
        help="public images for attackers, at most so many: from other splits of --originals, or else what is left of this one "
        "(default: %(default)s)",
    )
    attack.add_argument("--seed", type=int, default=0, help="seed of all draws (default: %(default)s)")
    attack.add_argument(
        "--output_dir", default="attacked", help="folder for attack.html and attack.json (default: %(default)s)"
    )
    attack.add_argument(
        "--attackers",
        metavar="A,B,...",
        help=f"comma-separated attackers and linkers (default: all that suit the scheme, but for {_ASKED_FOR})",
    )
    attack.add_argument(
        f"--{_ASKED_FOR}", action="store_true", help="also train a network to invert records, which takes minutes"
    )
    attack.add_argument(
        "--fail_if_gap_closed",
        type=float,
        metavar="X",
        help="exit with 1 if an attacker without the key closes at least this share of the gap, in (0, 1]; see below",
    )
    attack.set_defaults(function=_attack)


def _attack(arguments: argparse.Namespace) -> int:
    asked = _asked_for(arguments)
    threshold = arguments.fail_if_gap_closed
    if threshold is not None and not 0 < threshold <= 1:
        raise DeidError(f"fail_if_gap_closed must be in (0, 1], fail_if_gap_closed was {threshold}.")
    folder = writable_folder(arguments.output_dir, "output_dir")
    try:
        import_tensorflow()
        found = _run(arguments, asked)
    except KeyboardInterrupt:
        raise DeidError("interrupted. Nothing was written.") from None
    from tfdeid.attack import page, report

    print(f"{found.about['dataset']}, split {found.about['split']}, key fingerprint {found.about['key_fingerprint']}")
    print(report.text(found))
    try:
        paths = page.write(found, folder, _command(arguments)), report.write(found, folder)
    except OSError as error:
        reason = error.strerror or error
        raise DeidError(f"{arguments.output_dir} can't be written: {reason}. Choose another --output_dir.") from None
    print(f"\nwrote {paths[0]}, which shows original images and is for you alone (0600), and {paths[1]}, without pictures")
    return _passes(found, threshold)


def _asked_for(arguments: argparse.Namespace) -> list[str] | None:
    """Returns the names given; None for the default."""
    if arguments.attackers is None:
        return None
    known = [*ATTACKERS, *LINKERS]
    names = [*arguments.attackers.split(","), *([_ASKED_FOR] if vars(arguments)[_ASKED_FOR] else [])]
    for name in names:
        if name not in known:
            raise unknown_name("attacker", name, known)
    return names


def _run(arguments: argparse.Namespace, asked: list[str] | None) -> Findings:
    from tfdeid.attack.case import Target, open_case
    from tfdeid.attack.evaluate import attack, choose

    started = time.perf_counter()

    def say(what: str) -> None:
        print(f"{time.perf_counter() - started:6.0f} s  {what}", file=sys.stderr, flush=True)

    target = Target(
        arguments.dataset,
        arguments.originals,
        arguments.data_dir,
        arguments.originals_data_dir,
        arguments.split,
        arguments.num_images,
        arguments.num_public,
        arguments.seed,
    )
    key = Key.load(arguments.key)
    say("reading records, originals and public images")
    case = open_case(target, key)
    names, skipped = choose(asked, case.view.config)
    if asked is None and _ASKED_FOR in names and not vars(arguments)[_ASKED_FOR]:
        names.remove(_ASKED_FOR)
        skipped[_ASKED_FOR] = f"takes minutes, and is asked for by --{_ASKED_FOR}"
    if arguments.fail_if_gap_closed is not None:
        _check_can_fail(names)
    judged = any(label >= 0 for label in case.labels) and any(name in ATTACKERS for name in names)
    say(_expectation(case, names, judged))
    judge, failed = None, {}
    if judged:
        say("training the network that judges")
        try:
            judge = _trained_judge(case)
        except DeidError as error:
            failed[JUDGE] = str(error)
    found = attack(case, names, judge, say)
    say("done")
    return dataclasses.replace(found, skipped={**found.skipped, **skipped}, failed={**found.failed, **failed})


def _check_can_fail(names: Iterable[str]) -> None:
    """Raises DeidError if no attacker could close any of the gap: a check that can't fail would pass for one that did not."""
    if not any(name in ATTACKERS and name != "published" and ATTACKERS[name]().knows != KEY for name in names):
        raise DeidError("fail_if_gap_closed needs an attacker that recovers images without the key, --attackers names none.")


def _expectation(case: Case, names: list[str], judged: bool) -> str:
    networks = judged + sum(name in TRAINED for name in names)
    minutes = len(case.view.records) * (_BASE + _EACH * sum(name in ATTACKERS for name in names))
    what = f"{len(case.view.records):,} records, {len(case.view.public):,} public images, {len(names)} attackers and linkers"
    how_long = f"roughly {max(1, round(minutes))} min on two cores"
    if networks:
        how_long += f", and some minutes more for {networks} network{'s' if networks > 1 else ''} to train"
    return f"{what}: {how_long}"


def _trained_judge(case: Case) -> Judge:
    from tfdeid.attack.judge import train_judge

    view = case.view
    known = [number for number, label in enumerate(view.public_labels) if label >= 0]
    if not known:
        raise DeidError("no public image has a known class, so nothing says what classes look like.")
    return train_judge(
        [view.public[number] for number in known], [view.public_labels[number] for number in known], seed=view.seed
    )


_PATHS: dict[str, Callable[[str], str]] = {
    "dataset": absolute_dataset,
    "originals": absolute_dataset,
    "data_dir": absolute,
    "originals_data_dir": absolute,
    "output_dir": absolute,
    "key": absolute_key,
}


def _command(arguments: argparse.Namespace) -> str:
    """Returns what repeats an attack, from every folder. A key has only its reference here."""
    lines = ["tfdeid attack"]
    for name, value in vars(arguments).items():
        if name in ("command", "function") or value is None or value is False:
            continue
        words = [] if value is True else [_PATHS.get(name, str)(value)]
        lines.append(command(f"--{name}", *words))
    return " \\\n    ".join(lines)


def _passes(found: Findings, threshold: float | None) -> int:
    """Says whether an attacker went over the threshold; returns the exit code."""
    from tfdeid.attack.sentences import over_threshold, percent

    if threshold is None:
        return 0
    over = over_threshold(found, threshold)
    limit = f"the limit is {percent(threshold)}"
    failed = [name for name in found.failed if name in ATTACKERS and ATTACKERS[name]().knows != KEY]
    if failed and not over:
        print(f"FAILED: could not be carried out, which proves nothing: {', '.join(failed)} ({limit})")
        return 1
    if not over:
        print(f"passed: no attacker without the key closed so much of the gap to the cleaned ceiling ({limit})")
        return 0
    if math.isnan(over[0].gap_closed_cleaned):
        print(f"FAILED: records are as near to their originals as the cleaned ceiling, so there is no gap to close ({limit})")
        return 1
    named = ", ".join(f"{one.attacker} {percent(one.gap_closed_cleaned)}" for one in over)
    print(f"FAILED: attackers without the key closed too much of the gap to the cleaned ceiling: {named} ({limit})")
    return 1
