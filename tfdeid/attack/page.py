"""What an attack shows a person: one HTML file with pictures, tables and words, which needs nothing from elsewhere."""

from __future__ import annotations

import base64
import html
import pathlib
import re
from collections.abc import Iterable

from etils import epath

from tfdeid.attack import report, sentences
from tfdeid.attack.figures import Estimate, Findings, RecoveryFigures
from tfdeid.attack.view import KEY, RECORDS, Image
from tfdeid.files import write_text
from tfdeid.image import encode_png

PRIVATE = (
    "This page shows original images. It is for their owner alone, and nobody else can read its file (0600): do not pass it "
    "on, and do not put it beside the dataset. attack.json holds the figures without pictures."
)
# The browser is told too that nothing comes from elsewhere and nothing goes there.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #fff; --faint: #5c6670; --line: #d5dae0; --bar: #2f6fb5;
  --warn: #fff3d6; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ec; --paper: #14171a; --faint: #9aa5b0; --line: #363d45;
  --bar: #6aa5e6; --warn: #46370f; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 70rem; padding: 1rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: break-word; }
h1 { font-size: 1.5rem; line-height: 1.25; } h2 { font-size: 1.2rem; margin-top: 2.2rem; } h3 { font-size: 1rem; }
blockquote { margin: 1rem 0; padding: .2rem 1rem; border-left: .3rem solid var(--bar); font-size: 1.15rem; }
.private { padding: .7rem 1rem; background: var(--warn); border-radius: .4rem; }
.row { display: flex; flex-wrap: wrap; gap: .6rem; padding: .8rem 0; border-bottom: 1px solid var(--line); }
.row figure { margin: 0; width: clamp(6.4rem, 12vw, 9rem); } .row img { width: 100%; height: auto; display: block; }
figcaption, caption, .faint { color: var(--faint); font-size: .8rem; text-align: left; }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums; }
caption { padding-bottom: .3rem; } th, td { padding: .25rem .5rem; border-bottom: 1px solid var(--line); white-space: nowrap;
  text-align: right; } th:first-child { text-align: left; }
.bars { margin: 0; } .bar { display: grid; grid-template-columns: 11rem 1fr; gap: .5rem; align-items: center; margin: .3rem 0; }
.track { position: relative; height: 1.1rem; background: var(--line); } .track * { position: absolute; top: 0; bottom: 0; }
.value { left: 0; background: var(--bar); } .interval { top: 45% !important; bottom: 45% !important; background: var(--ink); }
.mark { width: 2px; background: var(--ink); opacity: .7; } .dashed { width: 0; border-left: 2px dashed var(--ink); }
@media (max-width: 34rem) { .bar { grid-template-columns: 1fr; gap: 0; } }
pre { white-space: pre-wrap; padding: .7rem; border: 1px solid var(--line); } code { font-size: .95em; }
"""


def make_page(found: Findings, command: str) -> str:
    """Returns the page, in ASCII.

    Args:
      found: what the attack came to.
      command: what repeats it.
    """
    about = found.about
    title = f"What an attacker recovers of {about.get('dataset', 'de-identified images')}"
    made = ", ".join(f"{name} {about[name]}" for name in ("originals", "split", "key_fingerprint", "seed") if name in about)
    deid = ", ".join(f"{name} {value}" for name, value in about.get("deid", {}).items())
    body = [
        f"<h1>{_marked(title)}</h1>",
        f'<p class="private" role="note"><strong>Private.</strong> {_marked(PRIVATE)}</p>',
        f"<blockquote><p>{_marked(sentences.quotable(found))}</p></blockquote>",
        *(f"<p>{_marked(line)}</p>" for line in sentences.remarks(found)),
        _section("What attackers were given", f"<p>{_marked(sentences.threat_model(found))}</p>" + _abouts(found)),
        _section("Pictures", _pictures(found)),
        _section("Figures", _tables(found)),
        _section("SSIM to the original", _bars(found)) if found.recoveries else "",
        _section("What leaks by design", _list(sentences.leaks(found))),
        _section("How to read this", _list(sentences.READING)),
        _section("Repeat it", f"<pre><code>{html.escape(command)}</code></pre>"),
        f'<p class="faint">{_marked(f"{made}; {deid}")}</p>',
    ]
    return _document(title, "\n".join(filter(None, body)))


def write(found: Findings, folder: pathlib.Path, command: str) -> pathlib.Path:
    """Writes attack.html to a folder, which is made if it is not there, for its owner alone; returns its path."""
    path = folder / "attack.html"
    write_text(epath.Path(path), make_page(found, command), private=True)
    return path


def _document(title: str, body: str) -> str:
    head = (
        '<meta charset="utf-8">\n<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="robots" content="noindex">\n'
        f"<title>{html.escape(title)}</title>\n<style>{_STYLE}</style>"
    )
    page = f'<!DOCTYPE html>\n<html lang="en">\n<head>\n{head}\n</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n'
    return page.encode("ascii", "xmlcharrefreplace").decode()


def _section(title: str, content: str) -> str:
    return f"<section>\n<h2>{html.escape(title)}</h2>\n{content}\n</section>"


def _list(lines: Iterable[str]) -> str:
    return "<ul>" + "".join(f"<li>{_marked(line)}</li>" for line in lines) + "</ul>"


def _marked(text: str) -> str:
    """Returns a text as HTML, with names set off."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text)).replace("+-", "&plusmn;")


def _abouts(found: Findings) -> str:
    lines = [f"`{one.attacker}` {one.about}." for one in found.recoveries]
    return _list(lines + [f"`{one.linker}` {one.about}." for one in found.linkages])


def _pictures(found: Findings) -> str:
    parts = []
    if shown := [number for number in found.sample if number in found.originals]:
        parts.append("<p>Records drawn by the seed, and what each attacker made of them; below each, its SSIM.</p>")
        parts += [_row(found, number, [one for one in found.recoveries if one.attacker != "published"]) for number in shown]
    changed = [one for one in found.recoveries if one.knows == RECORDS and one.attacker != "published"]
    best = max(changed, key=lambda one: one.ssim.mean, default=None)
    if best is not None:
        for title, numbers in (("best", best.best), ("worst", best.worst)):
            parts.append(
                f"<h3>{_marked(f'The {title} cases of `{best.attacker}`, which has no key and no known originals')}</h3>"
            )
            parts += [_row(found, number, [best]) for number in numbers]
    return "\n".join(parts) or "<p>There are none: no attacker that recovers images was run.</p>"


def _row(found: Findings, number: int, recoveries: list[RecoveryFigures]) -> str:
    """Returns pictures of one record: original, de-identified, and what attackers made of it."""
    published = next((one for one in found.recoveries if one.attacker == "published"), None)
    below = f"SSIM {published.ssim_of_each[number]:.2f}" if published else ""
    figures = [
        _figure(found.originals[number], f"original of record {number}", "original", ""),
        _figure(found.records[number], f"record {number} as published", "de-identified", below),
    ]
    for one in recoveries:
        if number in one.examples:
            with_key = " (with the key)" if one.knows == KEY else ""
            alt = f"record {number} as recovered by {one.attacker}{with_key}"
            figures.append(_figure(one.examples[number], alt, one.attacker, f"SSIM {one.ssim_of_each[number]:.2f}"))
    return f'<div class="row" role="group" aria-label="record {number}">{"".join(figures)}</div>'


def _figure(image: Image, alt: str, title: str, below: str) -> str:
    data = base64.b64encode(encode_png(image)).decode()
    height, width = image.shape[:2]
    caption = html.escape(title) + (f"<br>{html.escape(below)}" if below else "")
    return (
        f'<figure><img src="data:image/png;base64,{data}" alt="{html.escape(alt)}" width="{width}" height="{height}">'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _tables(found: Findings) -> str:
    parts = []
    recoveries, linkages = report.recovery_table(found), report.linkage_table(found)
    if recoveries[1]:
        parts.append(_table("What was recovered, mean over records", recoveries))
    parts += [f'<p class="faint">{_marked(line)}</p>' for line in report.ceilings(found)]
    if linkages[1]:
        count = max((one.candidates for one in found.linkages), default=None)
        which = "original" if count is None else f"one of {count:,} originals"
        parts.append(_table(f"How often the right {which} was found", linkages))
    for title, names in (("Failed", found.failed), ("Not run", found.skipped)):
        if names:
            parts.append(f"<p>{title}:</p>" + _list(f"`{name}`: {reason}" for name, reason in names.items()))
    return "\n".join(parts)


def _table(caption: str, table: report.Table) -> str:
    head, rows = table
    titles = "".join(f'<th scope="col">{_marked(cell)}</th>' for cell in head)
    lines = []
    for first, *cells in rows:
        lines.append(f'<tr><th scope="row">{_marked(first)}</th>{"".join(f"<td>{_marked(cell)}</td>" for cell in cells)}</tr>')
    return (
        # A table that is wider than a phone scrolls by itself, with the keyboard too.
        f'<div class="wide" role="region" aria-label="{html.escape(caption)}" tabindex="0"><table>'
        f"<caption>{html.escape(caption)}</caption><thead><tr>{titles}</tr></thead><tbody>{''.join(lines)}</tbody></table></div>"
    )


def _bars(found: Findings) -> str:
    ceiling = sentences.ceiling_name(found) + (", cleaned" if sentences.ceiling_name(found) == "vectorised image" else "")
    legend = (
        f"From 0 to 1, with 95 % intervals. Line: the record as published ({found.published}). Dashes: {ceiling} "
        f"({found.ceiling_cleaned})."
    )
    marks = f'<span class="mark" style="left:{_place(found.published.mean)}"></span>'
    marks += f'<span class="dashed" style="left:{_place(found.ceiling_cleaned.mean)}"></span>'
    bars = "".join(_bar(one.attacker, one.ssim, marks) for one in found.recoveries)
    return f'<figure class="bars"><figcaption>{_marked(legend)}</figcaption>{bars}</figure>'


def _bar(name: str, ssim: Estimate, marks: str) -> str:
    near = ssim.half_width or 0.0
    low, high = _share(ssim.mean - near), _share(ssim.mean + near)
    interval = f'<span class="interval" style="left:{100 * low:.2f}%;width:{100 * (high - low):.2f}%"></span>'
    return (
        f'<div class="bar" role="img" aria-label="{_marked(f"{name}: SSIM {ssim}")}"><span>{_marked(name)} '
        f'<span class="faint">{ssim.mean:.2f}</span></span><span class="track">'
        f'<span class="value" style="width:{_place(ssim.mean)}"></span>{marks}{interval}</span></div>'
    )


def _share(value: float) -> float:
    return min(1.0, max(0.0, value))


def _place(value: float) -> str:
    return f"{100 * _share(value):.2f}%"
