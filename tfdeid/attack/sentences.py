"""What an attack came to, in words: one sentence to quote, what attackers were given, and what passes by design."""

from __future__ import annotations

import math

from tfdeid.attack.figures import JUDGE, Findings, LinkageFigures, RecoveryFigures
from tfdeid.attack.view import KEY, ORACLE, PAIRS, RECORDS
from tfdeid.measure.measures import RECOGNISED
from tfdeid.schemes import VECTOR_SCHEMES

# What rounds to nothing at the two decimals that sentences give.
_LEAST_GAIN = 0.005

BOUND = "These figures are what the attackers here got: a better one may do more, and one that fails is no proof of safety."
READING = (
    "SSIM says how alike two images are in structure, at the record's size: 1 for equal ones. The paper calls an image clearly "
    f"recognised at {RECOGNISED} and above; below it, look at the pictures. PSNR compares pixel by pixel, in dB.",
    "Gap closed: 0 % is the record as published, 100 % the ceiling: the vectorised image, which is what would be left if the "
    "warp were undone without a fault, or for schemes that do not trace, the original itself. The cleaned ceiling has been "
    "through the same removal of slivers as what attackers make, which can bring them more than 100 % of the way to the other.",
    "Table error: how far an attacker's estimate of the warp is from the true one, in pixels of the record.",
    "Accuracy: how often a network that was trained on plain images, and never saw a record, names the class of what was "
    "recovered.",
    "Linkage: how often the right original has the highest score among the candidates, or one of the five highest.",
    "+- is half a 95 % interval over images: it knows nothing of other keys, other data and other attackers.",
)


def quotable(found: Findings) -> str:
    """Returns one sentence that says what an attacker without the key gets, or what was tried instead."""
    best = _best_without_key(found)
    from_what = f"From {_number(found.images, 'record')} and {_number(found.public_images, 'public image')}"
    linkage = found.best_linkage()
    if best is not None:
        said = f"{from_what}, {_with(best)}{_recovered(best, found)}"
        return f"{said}; {_linked(linkage)}." if linkage else f"{said}."
    if linkage is not None:
        return f"{from_what}, without the key, {_linked(linkage)}."
    done = "carried out" if found.failed else "tried"
    if (known := found.best(KEY)) is not None:
        return f"With the key, {_brought(known, found)}; no attacker without the key was {done}."
    return f"{from_what}, no attacker was {done}, so that this says nothing about what one would get."


def threat_model(found: Findings) -> str:
    """Returns what the attackers of this run were given."""
    public = f"{_number(found.public_images, 'public image')} of the same kind, none of them an original of a record"
    parts = [f"All attackers have the {_number(found.images, 'record')}, the published configuration and {public}."]
    pairs = [one for one in found.recoveries if one.knows == PAIRS]
    if pairs:
        counts = _listed([f"{one.used} (`{one.attacker}`)" for one in pairs])
        parts.append(f"Some know originals together with their records, which are not among those attacked: {counts}.")
    for one in found.recoveries:
        if one.knows == ORACLE:
            parts.append(f"`{one.attacker}` gets images of its own choice de-identified by the owner.")
        elif one.knows == KEY:
            parts.append(f"`{one.attacker}` has the key, and shows what is lost for good.")
    if found.linkages:
        candidates = max(one.candidates for one in found.linkages)
        parts.append(f"Linkers have {candidates:,} originals, in an order that says nothing, and look for that of each record.")
    return " ".join(parts)


_OWN_COLORS = "The colours of the traced paths, unchanged, and roughly how much of the image each covers."
_KEYED_COLORS = "What is lighter and what is darker, in a few levels: the colours are the key's, their order is not secret."
_WARPED_LAYOUT = "The rough layout: the warp moves and stretches shapes, but what is left of or above another shape stays so."
_BENT_LAYOUT = "The rough layout: shapes are turned, mirrored, moved and bent, but what lies beside another shape stays so."


def leaks(found: Findings) -> list[str]:
    """Returns what records show whatever an attacker does."""
    deid = found.about.get("deid", {})
    passed = {
        "structural": [
            _KEYED_COLORS if deid.get("colors") == "keyed" else _OWN_COLORS,
            _BENT_LAYOUT if deid.get("bend") else _WARPED_LAYOUT,
            "The number of paths and the order in which they are painted, where they can be told apart.",
        ],
        "negative_positive": [
            "How far the three values of each pixel are from mid-grey, though not on which side and in which channel.",
            "The place of every pixel: flat areas and edges stay where they are.",
        ],
        "block_shuffle": [
            "Which blocks of 4 x 4 pixels are equal, and so flat areas and the rough layout.",
            "The half-bytes of each block, but for their order and for reversal.",
        ],
    }.get(deid.get("scheme", ""), [])
    if deid.get("key_scope", "dataset") == "dataset":
        warp = "warp, on both axes" if deid.get("axes", "shared") == "shared" else "warp of each axis"
        what = warp if deid.get("scheme") == "structural" else "mask"
        passed.append(f"All records have the same {what}: what is learned from some of them holds for the others.")
    if found.chance_accuracy is not None:
        passed.append("The label of each record, and the names of the classes.")
    passed.append("The configuration, the name and version of the source, the number of records, and the key's fingerprint.")
    return passed


def remarks(found: Findings) -> list[str]:
    """Returns what a reader would work out from the tables."""
    lines = []
    for knowing in ((PAIRS, ORACLE), (KEY,)):
        best = found.best(*knowing)
        if best is not None and best is not _best_without_key(found):
            with_what = "with the key, " if best.knows == KEY else _with(best)
            said = f"{with_what[0].upper()}{with_what[1:]}{_brought(best, found)}"
            if said not in quotable(found):
                lines.append(f"{said}.")
    judged = [one for one in found.recoveries if one.accuracy is not None and one.attacker != "published" and one.knows != KEY]
    if judged and found.plain_accuracy is not None:
        best = max(judged, key=lambda one: one.accuracy.mean if one.accuracy else 0.0)
        assert best.accuracy is not None
        lines.append(
            f"A network trained on plain images names the class of {percent(best.accuracy.mean)} of what `{best.attacker}` "
            f"recovers{_of_records(found)}, of {percent(found.plain_accuracy.mean)} of the originals"
            + (f"; the most frequent class is {percent(found.chance_accuracy)}." if found.chance_accuracy is not None else ".")
        )
    if failed := [f"`{name}`" for name in found.failed if name != JUDGE]:
        lines.append(f"{_listed(failed)} failed and {'has' if len(failed) == 1 else 'have'} no figures, which proves nothing.")
    return [*lines, BOUND]


def over_threshold(found: Findings, threshold: float) -> list[RecoveryFigures]:
    """Returns the attackers without the key that close at least a share of the gap to the cleaned ceiling, the best first.

    Where there is no gap, since records are as near their originals as the ceiling is, all of them count: nothing is protected.
    """
    tried = [one for one in found.recoveries if one.knows != KEY]
    over = [one for one in tried if math.isnan(one.gap_closed_cleaned) or one.gap_closed_cleaned >= threshold]
    return sorted(over, key=lambda one: -one.ssim.mean)


def ceiling_name(found: Findings) -> str:
    return "vectorised image" if found.about.get("deid", {}).get("scheme") in VECTOR_SCHEMES else "original itself"


def percent(share: float) -> str:
    """Returns a share with as many decimals as it takes to tell it from none and from all."""
    decimals = 1 if 0 < share < 0.1 or 0.99 < share < 1 else 0
    shown = f"{100 * share:.{decimals}f}"
    if 0.99 < share < 1 and shown == "100.0":
        return "over 99.9 %"
    return "under 0.1 %" if share > 0 and shown == "0.0" else f"{shown} %"


def _best_without_key(found: Findings) -> RecoveryFigures | None:
    """Returns the best of those that know least, among those that change the records at all."""
    for knowing in (RECORDS, PAIRS, ORACLE):
        tried = [one for one in found.recoveries if one.knows == knowing and one.attacker != "published"]
        if tried:
            return max(tried, key=lambda one: one.ssim.mean)
    return None


def _with(one: RecoveryFigures) -> str:
    """Returns what an attacker without the key has beside records and public images, as the start of a clause."""
    return {
        PAIRS: f"without the key but with {_number(one.used, 'known original')}, ",
        ORACLE: "without the key but with images of the attacker's choice de-identified by the owner, ",
    }.get(one.knows, "without the key, ")


def _recovered(one: RecoveryFigures, found: Findings) -> str:
    if math.isnan(one.gap_closed_cleaned) or one.ssim.mean - found.published.mean >= _LEAST_GAIN:
        return _brought(one, found)
    alone = " with these alone" if one.knows == RECORDS else ""
    return (
        f"no attacker that was tried{alone} brings SSIM to the original above the records' own {found.published.mean:.2f} "
        f"(the best, `{one.attacker}`: {one.ssim.mean:.2f}; {_ceiling(found)}), which does not say that none can"
    )


def _brought(one: RecoveryFigures, found: Findings) -> str:
    verb = "brings" if one.ssim.mean >= found.published.mean else "takes"
    said = f"`{one.attacker}` {verb} SSIM to the original from {found.published.mean:.2f} to {one.ssim.mean:.2f} "
    said += f"({_ceiling(found)})"
    if math.isnan(one.gap_closed_cleaned):
        return f"{said}, and there was no gap to close: records are as near to the originals as that"
    if one.gap_closed_cleaned < 0:
        return f"{said}, away from the original"
    return f"{said}: it closes {percent(one.gap_closed_cleaned)} of the gap"


def _ceiling(found: Findings) -> str:
    cleaned = ", cleaned" if ceiling_name(found) == "vectorised image" else ""
    return f"{ceiling_name(found)}{cleaned}: {found.ceiling_cleaned.mean:.2f}"


def _linked(one: LinkageFigures) -> str:
    chance = 1 / one.candidates
    if one.top1.mean - (one.top1.half_width or 0.0) <= chance:
        return (
            f"the best linker, `{one.linker}`, finds the right one of {one.candidates:,} originals for "
            f"{percent(one.top1.mean)} of records, not clearly more than chance ({percent(chance)}), which does not say that "
            "none can"
        )
    return (
        f"the right one of {one.candidates:,} originals is found for {percent(one.top1.mean)} of records "
        f"(chance {percent(chance)})"
    )


def _of_records(found: Findings) -> str:
    published = next((one for one in found.recoveries if one.attacker == "published"), None)
    return f", of {percent(published.accuracy.mean)} of the records" if published and published.accuracy else ""


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
