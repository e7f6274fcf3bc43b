"""How much of a text was read: case, and whatever is no letter or digit, does not count."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable


def normalised(text: str) -> str:
    """Returns the letters and digits of a text, in capitals: "ab-12 c" is AB12C."""
    return "".join(sign for sign in unicodedata.normalize("NFKC", text).upper() if sign.isalnum())


def edit_distance(a: str, b: str) -> int:
    """Returns how many signs must be put in, taken out or changed to make one text of another (Levenshtein 1966)."""
    before = list(range(len(b) + 1))
    for row, sign in enumerate(a, 1):
        after = [row]
        for column, other in enumerate(b, 1):
            after.append(min(before[column] + 1, after[-1] + 1, before[column - 1] + (sign != other)))
        before = after
    return before[-1]


def characters_right(read: str, text: str) -> float:
    """Returns 1 - distance / length of the text, at least 0; both normalised, and the text not empty."""
    return max(0.0, 1 - edit_distance(read, text) / len(text))


def nearest(lines: Iterable[str], text: str) -> str:
    """Returns the one of some lines that is most like a text, normalised; "" of none."""
    return max(("", *map(normalised, lines)), key=lambda line: (characters_right(line, text), line == text))
