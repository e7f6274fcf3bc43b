"""What looks like the text of a key is kept out of all that is shown, however it got where it does not belong."""

from __future__ import annotations

import re

PLACEHOLDER = "[not shown: it looks like the text of a key]"

# Random base64 is told from names and sentences by two habits of people: letters of a kind follow each other, and some letters
# are rare. Bits by which it speaks for base64 that one kind of character follows another (lower case, upper case, digit, mark):
# log2 of the share of the kind among random characters over its share after the other in paths.
_FOLLOWS = ((-1.1, 4.3, 2.4, -1.7), (-0.3, 0.0, 2.0, -0.9), (2.3, 3.3, -2.2, -2.4), (-0.6, 1.4, -0.4, -0.7))
# Bits for a letter, from the most to the least frequent one in English.
_LETTERS = {letter: (rank - 9) / 6 for rank, letter in enumerate("etaoinshrdlcumwfgypbvkjxqz")}
_MARKS = frozenset("+/-_=")
# 43 random characters have 65 bits, and fewer than 15 in one of ten thousand cases; of 32 characters one in a thousand goes
# unnoticed, of 20 one in twenty. Of the paths of a Linux system one in a thousand has more, such as XtAppGetExitFlag.
_ENOUGH = 15.0
_FALL = 15.0
# Shorter stretches are those of temporary folders and of names that programs draw, where such are to be expected.
_LEAST = 16
_PATHS = ("/", ".", "~", "env:")
# Names in one case, such as hashes and those of temporary folders, are none.
_OF_EACH_CASE = 2
# Without the punctuation around it.
_WORD = re.compile(r"[^\s'\"(\[][^\s]*[^\s.,;:'\")\]]")
_IMAGE_FILE = re.compile(r"[^.=]\.(png|jpe?g|gif|bmp|tiff?|webp|avif|jp2|ppm|pgm|heic)$", re.IGNORECASE)
# What a piece of a key is that is too short to be known by itself: base64 with letters of both cases and digits.
_PIECE = re.compile(r"(?=.*[A-Z])(?=.*[a-z])(?=.*[0-9])[A-Za-z0-9+/_-]{4,}=*")
# What is longer than a hash of Git in hexadecimal digits, and what ends as base64 of 32 bytes does.
_CERTAIN = re.compile(r"[0-9A-Fa-f]{48,}|(?=\S*[A-Z])(?=\S*[a-z])[A-Za-z0-9+/_-]{42,}=")


def shown(reference: str) -> str:
    """Returns a key reference, or any one value, as messages may show it: as it is, or a placeholder if it may be a key."""
    return PLACEHOLDER if looks_like_key(reference) else reference


def looks_like_key(text: str) -> bool:
    """Tells whether a key's text, or a good part of it, may be in a text: quoted, spaced, or with other things around it."""
    words = "".join(text.split())
    return _is_random(words, _LEAST if words.startswith(_PATHS) else 0)


def without_keys(message: str) -> str:
    """Returns a message with a placeholder for each word that may be of a key's text, and for pieces of a key beside it."""
    words = list(_WORD.finditer(message))
    # A key has no dot in it, and names of images are often hashes.
    hidden = [not _IMAGE_FILE.search(word[0]) and _is_random(word[0]) for word in words]
    for k in [k for k, is_hidden in enumerate(hidden) if is_hidden]:
        for beside in (k - 1, k + 1):
            if 0 <= beside < len(words) and _PIECE.fullmatch(words[beside][0]):
                hidden[beside] = True
    for word, is_hidden in reversed(list(zip(words, hidden, strict=True))):
        if is_hidden:
            message = message[: word.start()] + PLACEHOLDER + message[word.end() :]
    return message


def _is_random(text: str, least: int = _LEAST) -> bool:
    """Tells whether a stretch of a text is long and random enough for that of a key."""
    if _CERTAIN.search(text):
        return True
    # The stretches of the largest sums, as long as these do not fall far. What is in no key, such as a quote, counts nothing.
    bits, most, start, stop, previous = 0.0, 0.0, 0, 0, 3
    for k, character in enumerate(text):
        if (kind := _kind(character)) is None:
            continue
        bits += _FOLLOWS[previous][kind] + _LETTERS.get(character.lower(), 0.0)
        previous = kind
        if bits > most:
            most, stop = bits, k + 1
            if most > _ENOUGH and stop - start >= least and _has_both_cases(text[start:stop]):
                return True
        elif bits <= max(0.0, most - _FALL):
            bits, most, start = 0.0, 0.0, k + 1
    return False


def _kind(character: str) -> int | None:
    if not character.isascii():
        return None
    if character.isalpha():
        return 1 if character.isupper() else 0
    if character.isdigit():
        return 2
    return 3 if character in _MARKS else None


def _has_both_cases(text: str) -> bool:
    return min(sum(map(str.isupper, text)), sum(map(str.islower, text))) > _OF_EACH_CASE
