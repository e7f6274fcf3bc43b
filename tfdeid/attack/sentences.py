"""What an attack came to, in words: one sentence to quote, what attackers were given, and what passes by design."""

from __future__ import annotations

import math

from tfdeid.attack.base import Knowledge
from tfdeid.attack.figures import JUDGE, Findings, LinkageFigures, RecoveryFigures, highest_ssim
from tfdeid.reference import IN_WORDS, INPUT
from tfdeid.ssim import RECOGNISED

# What rounds to nothing at the two decimals that sentences give.
_LEAST_GAIN = 0.005

BOUND = "These figures are what the attackers here got: a better one may do more, and one that fails is no proof of safety."
READING = (
    "SSIM says how alike two images are in structure, at the record's size: 1 for equal ones. The paper calls an image clearly "
    f"recognised at {RECOGNISED} and above; below it, look at the pictures. PSNR compares pixel by pixel, in dB.",
    "Gap closed: 0 % is the record as published, 100 % the ceiling: the vectorised image, which is what would be left if the "
    "warp were undone without a fault, or for schemes that do not trace, the original reduced to the input size. The cleaned "
    "ceiling has been through the same removal of slivers as what attackers make, which can bring them more than 100 % of the "
    "way to the other.",
    "Table error: how far an attacker's estimate of the warp is from the true one, in pixels of the record.",
    "Accuracy: how often a network that was trained on plain images, and never saw a record, names the class of what was "
    "recovered.",
    "Linkage: how often the right original has the highest score among the candidates, or one of the five highest.",
    "+- is half a 95 % interval over images: it knows nothing of other keys, other data and other attackers.",
)


def quotable(findings: Findings) -> str:
    """Returns one sentence that says what an attacker without the key gets, or what was tried instead."""
    best = _best_without_key(findings)
    from_what = f"From {_number(findings.images, 'record')} and {_number(findings.public_images, 'public image')}"
    linkage = findings.best_linkage()
    if best is not None:
        said = f"{from_what}, {_with(best)}{_recovered(best, findings)}"
        return f"{said}; {_linked(linkage)}." if linkage else f"{said}."
    if linkage is not None:
        return f"{from_what}, without the key, {_linked(linkage)}."
    done = "carried out" if findings.failed else "tried"
    if (known := findings.best(Knowledge.KEY)) is not None:
        return f"With the key, {_brought(known, findings)}; no attacker without the key was {done}."
    return f"{from_what}, no attacker was {done}, so that this says nothing about what one would get."


def threat_model(findings: Findings) -> str:
    """Returns what the attackers of this run were given."""
    public = f"{_number(findings.public_images, 'public image')} of the same kind, none of them an original of a record"
    parts = [f"All attackers have the {_number(findings.images, 'record')}, the published configuration and {public}."]
    pairs = [figures for figures in findings.recoveries if figures.knows is Knowledge.PAIRS]
    if pairs:
        counts = _listed([f"{figures.used} (`{figures.attacker}`)" for figures in pairs])
        parts.append(f"Some know originals together with their records, which are not among those attacked: {counts}.")
    for figures in findings.recoveries:
        if figures.knows is Knowledge.ORACLE:
            parts.append(f"`{figures.attacker}` gets images of its own choice de-identified by the owner.")
        elif figures.knows is Knowledge.KEY:
            parts.append(f"`{figures.attacker}` has the key, and shows what is lost for good.")
    if findings.linkages:
        candidates = max(figures.candidates for figures in findings.linkages)
        parts.append(f"Linkers have {candidates:,} originals, in an order that says nothing, and look for that of each record.")
    return " ".join(parts)


def leaks(findings: Findings) -> list[str]:
    """Returns what passes by design: of records, and beside them."""
    passed = list(findings.leaks)
    if findings.chance_accuracy is not None:
        passed.append("The label of each record, and the names of the classes.")
    passed.append("The configuration, the name and version of the source, the number of records, and the key's fingerprint.")
    return passed


def remarks(findings: Findings) -> list[str]:
    """Returns what a reader would work out from the tables."""
    lines = []
    for knowing in ((Knowledge.PAIRS, Knowledge.ORACLE), (Knowledge.KEY,)):
        best = findings.best(*knowing)
        if best is not None and best is not _best_without_key(findings):
            with_what = "with the key, " if best.knows is Knowledge.KEY else _with(best)
            said = f"{with_what[0].upper()}{with_what[1:]}{_brought(best, findings)}"
            if said not in quotable(findings):
                lines.append(f"{said}.")
    if (judged := _best_judged(findings)) is not None:
        lines.append(judged)
    if failed := [f"`{name}`" for name in findings.failed if name != JUDGE]:
        lines.append(f"{_listed(failed)} failed and {'has' if len(failed) == 1 else 'have'} no figures, which proves nothing.")
    return [*lines, BOUND]


def over_threshold(findings: Findings, threshold: float) -> list[RecoveryFigures]:
    """Returns the attackers without the key that close at least a share of the gap to the cleaned ceiling, the best first.

    Where there is no gap, since records are as near their originals as the ceiling is, all of them count: nothing is protected.
    """
    over = [
        figures
        for figures in findings.recoveries
        if figures.knows is not Knowledge.KEY
        and (math.isnan(figures.gap_closed_cleaned) or figures.gap_closed_cleaned >= threshold)
    ]
    return sorted(over, key=lambda figures: -figures.ssim.mean)


def original_name(findings: Findings) -> str:
    """Returns what records, and what attackers made of them, are compared with."""
    return IN_WORDS[findings.reference]


def ceiling_name(findings: Findings) -> str:
    if findings.traced:
        return "vectorised image"
    return "original itself" if findings.reference == INPUT else "original reduced to the input size"


def percent(share: float) -> str:
    """Returns a share with as many decimals as it takes to tell it from none and from all."""
    decimals = 1 if 0 < share < 0.1 or 0.99 < share < 1 else 0
    shown = f"{100 * share:.{decimals}f}"
    if 0.99 < share < 1 and shown == "100.0":
        return "over 99.9 %"
    return "under 0.1 %" if share > 0 and shown == "0.0" else f"{shown} %"


def _best_without_key(findings: Findings) -> RecoveryFigures | None:
    """Returns the best of those that know least, among those that change the records at all."""
    for knowing in (Knowledge.RECORDS, Knowledge.PAIRS, Knowledge.ORACLE):
        best = highest_ssim(figures for figures in findings.attempts if figures.knows is knowing)
        if best is not None:
            return best
    return None


def _best_judged(findings: Findings) -> str | None:
    """Returns what a network that was trained on plain images makes of what was recovered without the key; None without one."""
    judged = [
        (figures.accuracy, figures)
        for figures in findings.attempts
        if figures.accuracy is not None and figures.knows is not Knowledge.KEY
    ]
    if not judged or findings.plain_accuracy is None:
        return None
    accuracy, best = max(judged, key=lambda pair: pair[0].mean)
    published = findings.published_figures
    of_records = f", of {percent(published.accuracy.mean)} of the records" if published and published.accuracy else ""
    chance = findings.chance_accuracy
    return (
        f"A network trained on plain images names the class of {percent(accuracy.mean)} of what `{best.attacker}` recovers"
        f"{of_records}, of {percent(findings.plain_accuracy.mean)} of the originals"
        + (f"; the most frequent class is {percent(chance)}." if chance is not None else ".")
    )


def _with(figures: RecoveryFigures) -> str:
    """Returns what an attacker without the key has beside records and public images, as the start of a clause."""
    return {
        Knowledge.PAIRS: f"without the key but with {_number(figures.used, 'known original')}, ",
        Knowledge.ORACLE: "without the key but with images of the attacker's choice de-identified by the owner, ",
    }.get(figures.knows, "without the key, ")


def _recovered(figures: RecoveryFigures, findings: Findings) -> str:
    if math.isnan(figures.gap_closed_cleaned) or figures.ssim.mean - findings.published.mean >= _LEAST_GAIN:
        return _brought(figures, findings)
    alone = " with these alone" if figures.knows is Knowledge.RECORDS else ""
    return (
        f"no attacker that was tried{alone} brings SSIM to {original_name(findings)} above the records' own "
        f"{findings.published.mean:.2f} (the best, `{figures.attacker}`: {figures.ssim.mean:.2f}; {_ceiling(findings)}), which "
        "does not say that none can"
    )


def _brought(figures: RecoveryFigures, findings: Findings) -> str:
    verb = "brings" if figures.ssim.mean >= findings.published.mean else "takes"
    said = f"`{figures.attacker}` {verb} SSIM to {original_name(findings)} from {findings.published.mean:.2f} "
    said += f"to {figures.ssim.mean:.2f} ({_ceiling(findings)})"
    if math.isnan(figures.gap_closed_cleaned):
        return f"{said}, and there was no gap to close: records are as near to the originals as that"
    if figures.gap_closed_cleaned < 0:
        return f"{said}, away from the original"
    return f"{said}: it closes {percent(figures.gap_closed_cleaned)} of the gap"


def _ceiling(findings: Findings) -> str:
    cleaned = ", cleaned" if findings.traced else ""
    return f"{ceiling_name(findings)}{cleaned}: {findings.ceiling_cleaned.mean:.2f}"


def _linked(figures: LinkageFigures) -> str:
    chance = 1 / figures.candidates
    if figures.top1.mean - (figures.top1.half_width or 0.0) <= chance:
        return (
            f"the best linker, `{figures.linker}`, finds the right one of {figures.candidates:,} originals for "
            f"{percent(figures.top1.mean)} of records, not clearly more than chance ({percent(chance)}), which does not say "
            "that none can"
        )
    return (
        f"the right one of {figures.candidates:,} originals is found for {percent(figures.top1.mean)} of records "
        f"(chance {percent(chance)})"
    )


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
