"""attack.html: one page with pictures, tables and words, which needs nothing from elsewhere, and is for the owner alone."""

from __future__ import annotations

import pathlib
from collections.abc import Iterable
from typing import Any

from etils import epath

from tfdeid import pages
from tfdeid.attack import sentences, text
from tfdeid.attack.base import Image, Knowledge
from tfdeid.attack.figures import Estimate, Findings, RecoveryFigures, highest_ssim
from tfdeid.files import write_text

PRIVATE = (
    "This page shows original images. It is for their owner alone, and nobody else can read its file (0600): do not pass it "
    "on, and do not put it beside the dataset. attack.json holds the figures without pictures."
)


def make_page(findings: Findings, command: str) -> str:
    """Returns the page, in ASCII.

    Args:
      findings: what the attack came to.
      command: what repeats it.
    """
    about = findings.about
    made = ", ".join(f"{name} {about[name]}" for name in ("originals", "split", "key_fingerprint", "seed") if name in about)
    made += f", reference {findings.reference}"
    deid = ", ".join(f"{name} {value}" for name, value in about.get("deid", {}).items())
    return pages.render(
        "tfdeid.attack",
        "attack.html.jinja",
        title=f"What an attacker recovers of {about.get('dataset', 'de-identified images')}",
        private=PRIVATE,
        quotable=sentences.quotable(findings),
        remarks=sentences.remarks(findings),
        threat_model=sentences.threat_model(findings),
        abouts=_abouts(findings),
        leaks=sentences.leaks(findings),
        reading=sentences.READING,
        original=sentences.original_name(findings),
        command=command,
        details=f"{made}; {deid}",
        sections=findings.sections,
        **_pictures(findings),
        **_tables(findings),
        **_bars(findings),
    )


def write(findings: Findings, folder: pathlib.Path, command: str) -> pathlib.Path:
    """Writes attack.html to a folder, which is made if it is not there, for its owner alone; returns its path."""
    path = folder / "attack.html"
    write_text(epath.Path(path), make_page(findings, command), private=True)
    return path


def _abouts(findings: Findings) -> list[str]:
    lines = [f"`{figures.attacker}` {figures.about}." for figures in findings.recoveries]
    return lines + [f"`{figures.linker}` {figures.about}." for figures in findings.linkages]


def _pictures(findings: Findings) -> dict[str, Any]:
    """Returns rows of drawn records, and of the best and the worst cases of an attacker."""
    drawn = [number for number in findings.sample if number in findings.originals]
    best = highest_ssim(figures for figures in findings.attempts if figures.knows is Knowledge.RECORDS)
    extremes = []
    if best is not None:
        for which, numbers in (("best", best.best), ("worst", best.worst)):
            title = f"The {which} cases of `{best.attacker}`, which has no key and no known originals"
            extremes.append((title, [_row(findings, number, [best]) for number in numbers]))
    return {"sample": [_row(findings, number, findings.attempts) for number in drawn], "extremes": extremes}


def _row(findings: Findings, number: int, recoveries: Iterable[RecoveryFigures]) -> dict[str, Any]:
    """Returns pictures of one record: original, de-identified, and what attackers made of it."""
    published = findings.published_figures
    below = _ssim_of(published, number) if published else ""
    pictures = [
        _picture(findings.originals[number], f"original of record {number}", "original", ""),
        _picture(findings.records[number], f"record {number} as published", "de-identified", below),
    ]
    for figures in recoveries:
        if number in figures.examples:
            with_key = " (with the key)" if figures.knows is Knowledge.KEY else ""
            alt = f"record {number} as recovered by {figures.attacker}{with_key}"
            pictures.append(_picture(figures.examples[number], alt, figures.attacker, _ssim_of(figures, number)))
    return {"number": number, "pictures": pictures}


def _picture(image: Image, alt: str, title: str, below: str) -> dict[str, Any]:
    return {"image": image, "alt": alt, "title": title, "below": below}


def _ssim_of(figures: RecoveryFigures, number: int) -> str:
    return f"SSIM {figures.ssim_of_each[number]:.2f}"


def _tables(findings: Findings) -> dict[str, Any]:
    count = max((figures.candidates for figures in findings.linkages), default=None)
    which = "original" if count is None else f"one of {count:,} originals"
    return {
        "recoveries": _table("What was recovered, mean over records", text.recovery_table(findings)),
        "ceilings": text.ceilings(findings),
        "linkages": _table(f"How often the right {which} was found", text.linkage_table(findings)),
        "left_out": [
            (title, [f"`{name}`: {reason}" for name, reason in reasons.items()])
            for title, reasons in (("Failed", findings.failed), ("Not run", findings.skipped))
        ],
    }


def _table(caption: str, table: text.Table) -> dict[str, Any]:
    head, rows = table
    return {"caption": caption, "head": head, "rows": rows}


def _bars(findings: Findings) -> dict[str, Any]:
    ceiling = sentences.ceiling_name(findings) + (", cleaned" if findings.traced else "")
    return {
        "legend": f"From 0 to 1, with 95 % intervals. Line: the record as published ({findings.published}). Dashes: {ceiling} "
        f"({findings.ceiling_cleaned}).",
        "published": findings.published.mean,
        "ceiling": findings.ceiling_cleaned.mean,
        "bars": [_bar(figures.attacker, figures.ssim) for figures in findings.recoveries],
    }


def _bar(name: str, ssim: Estimate) -> dict[str, Any]:
    half_width = ssim.half_width or 0.0
    low, high = (min(1.0, max(0.0, end)) for end in (ssim.mean - half_width, ssim.mean + half_width))
    return {"name": name, "ssim": ssim, "low": low, "high": high}
