"""Files that appear under their names only when whole."""

from __future__ import annotations

import contextlib
import secrets

from etils import epath


def write_text(path: epath.Path, text: str) -> None:
    """Writes a text file, making its folder at need; a reader sees the old content or all of the new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f".{path.name}.incomplete-{secrets.token_hex(4)}"
    with contextlib.ExitStack() as leftovers:
        leftovers.callback(temporary.unlink, missing_ok=True)
        temporary.write_text(text)
        temporary.replace(path)
