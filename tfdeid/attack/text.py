"""What an attack shows on a terminal, and the tables that its page shows too."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tfdeid.attack import sentences
from tfdeid.attack.adversaries import linkers
from tfdeid.attack.figures import JUDGE, Estimate, Findings, LinkageFigures, RecoveryFigures
from tfdeid.attack.section import Section
from tfdeid.attack.sentences import percent
from tfdeid.tables import aligned

Table = tuple[list[str], list[list[str]]]
"""The titles of columns, and rows of as many cells."""


def text(findings: Findings) -> str:
    """Returns all that a terminal shows: tables, what was left out, and what it comes to."""
    recoveries, linkages = recovery_table(findings), linkage_table(findings)
    parts = ["\n".join(aligned([recoveries[0], *recoveries[1]]))] if recoveries[1] else []
    parts += ["\n".join(ceilings(findings))]
    parts += ["\n".join(aligned([linkages[0], *linkages[1]]))] if linkages[1] else []
    for title, reasons in (("failed", findings.failed), ("not run", findings.skipped)):
        parts += ["\n".join(f"{title}: {name} ({reason})" for name, reason in reasons.items())] if reasons else []
    parts += [sentences.threat_model(findings)]
    parts += ["\n".join(["what leaks by design:", *(f"- {leak}" for leak in sentences.leaks(findings))])]
    parts += ["\n".join([*sentences.remarks(findings), sentences.quotable(findings)])]
    return "\n\n".join([*parts, *map(section_text, findings.sections)])


def section_text(section: Section) -> str:
    """Returns a section as a terminal shows it, without what is for its owner's page alone."""
    table = aligned([section.head, *section.rows]) if section.head else []
    return "\n".join([section.title, *table, *section.sentences])


def recovery_table(findings: Findings) -> Table:
    """Returns a row for each attacker that recovers images, without figures where it failed."""
    head = ["attacker", "knows", "SSIM", "PSNR, dB"]
    # Both gaps are the same where nothing is traced, and there is no warp either.
    head += ["gap to vectorised", "gap to cleaned", "table error, px"] if findings.traced else ["gap to ceiling"]
    head += ["accuracy", "used", "seconds"]
    rows = [_recovery(figures, findings.traced) for figures in findings.recoveries]
    failed = [name for name in findings.failed if name not in linkers() and name != JUDGE]
    return head, rows + [_without_figures(name, head) for name in failed]


def linkage_table(findings: Findings) -> Table:
    """Returns a row for each linker, without figures where it failed."""
    head = ["linker", "top-1", "chance", "top-5", "chance", "seconds"]
    failed = [name for name in findings.failed if name in linkers()]
    return head, [_linkage(figures) for figures in findings.linkages] + [_without_figures(name, head) for name in failed]


def ceilings(findings: Findings) -> list[str]:
    """Returns what the figures of attackers are to be compared with."""
    ceiling = (
        f"SSIM to {sentences.original_name(findings)}: of the record as published {findings.published}; of the "
        f"{sentences.ceiling_name(findings)} {findings.ceiling}"
    )
    lines = [f"{ceiling}, cleaned {findings.ceiling_cleaned}" if findings.traced else ceiling]
    if findings.plain_accuracy is not None:
        chance = "" if findings.chance_accuracy is None else f"; the most frequent class is {percent(findings.chance_accuracy)}"
        lines.append(f"accuracy on the originals {findings.plain_accuracy.in_percent()}{chance}")
    if findings.unlabelled or findings.unlabelled_public:
        lines.append(
            f"of {findings.images:,} records {findings.unlabelled:,} have no known class, and of {findings.public_images:,} "
            f"public images {findings.unlabelled_public:,}: accuracies leave them out"
        )
    notes = [f"{figures.attacker}: {figures.note}" for figures in findings.recoveries if figures.note]
    return [*lines, "+- is half a 95 % interval over images", *notes]


def _recovery(figures: RecoveryFigures, traced: bool) -> list[str]:
    gaps = [_gap(figures.gap_closed)]
    if traced:
        gaps += [_gap(figures.gap_closed_cleaned), "-" if figures.table_error is None else f"{figures.table_error:.2f}"]
    return [
        figures.attacker,
        figures.knows.value,
        str(figures.ssim),
        _decibels(figures.psnr),
        *gaps,
        "-" if figures.accuracy is None else figures.accuracy.in_percent(),
        f"{figures.used:,}" if figures.used else "-",
        f"{figures.seconds:.1f}",
    ]


def _without_figures(name: str, head: Sequence[str]) -> list[str]:
    return [name, "failed", *["-"] * (len(head) - 2)]


def _linkage(figures: LinkageFigures) -> list[str]:
    top1, top5 = figures.top1.in_percent(), figures.top5.in_percent()
    return [figures.linker, top1, percent(figures.chance(1)), top5, percent(figures.chance(5)), f"{figures.seconds:.1f}"]


def _decibels(estimate: Estimate) -> str:
    return f"{estimate.mean:.1f}" + (f" +- {estimate.half_width:.1f}" if estimate.half_width is not None else "")


def _gap(share: float) -> str:
    return "-" if math.isnan(share) else f"{100 * share:.1f} %"
