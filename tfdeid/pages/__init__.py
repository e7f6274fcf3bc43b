"""Pages of reports: one look for all, everything escaped that is not ours, in ASCII, and with nothing from elsewhere."""

from __future__ import annotations

import base64
import re
from typing import Any

import jinja2
import markupsafe

from tfdeid.image import Pixels, encode_png


def render(package: str, template: str, **values: Any) -> str:
    """Returns a page, in ASCII.

    Args:
      package: whose folder `templates` holds the page's template. `base.html.jinja` and `parts.html.jinja`, of which it is
        made, are those of this package.
      template: its name in that folder.
      values: what the template names; one that is missing is an error.
    """
    page = _environment(package).get_template(template).render(**values)
    return page.encode("ascii", "xmlcharrefreplace").decode()


def data_url(image: Pixels | bytes, kind: str = "image/png") -> str:
    """Returns uint8[H, W, C], or the bytes of a file of a kind, as an address that holds all of it."""
    data = image if isinstance(image, bytes) else encode_png(image)
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def _environment(package: str) -> jinja2.Environment:
    loaders = [jinja2.PackageLoader(package), jinja2.PackageLoader("tfdeid.pages")]
    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader(loaders),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"marked": _marked, "breakable": _breakable, "place": _place, "data_url": data_url}
    return environment


def _marked(line: str) -> markupsafe.Markup:
    """Returns a text as HTML, with names set off."""
    escaped = str(markupsafe.escape(line))
    return markupsafe.Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", escaped).replace("+-", "&plusmn;"))


def _breakable(name: str) -> markupsafe.Markup:
    """Returns a long name as HTML that may be broken after a comma, a colon and a stroke."""
    return markupsafe.Markup("<wbr>").join(re.findall(r"[^,:/]+[,:/]*|[,:/]+", name))


def _place(share: float) -> str:
    """Returns a share of a bar's width for a style; what lies beyond its ends is put there."""
    return f"{100 * min(1.0, max(0.0, share)):.2f}%"
