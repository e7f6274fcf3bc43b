"""Which feature of a source is its label, and which values of one are classes: the same rules for every kind of source."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from tfdeid.errors import DeidError, unknown_name

NONE = "none"
"""As `label_feature`: without labels."""
CLASS, TEXT, INTEGER, BOOLEAN = "ClassLabel", "text", "integer", "boolean"
"""What a label is stored as. The values of a text or an integer become classes, those of a boolean false and true."""
BOOLEANS = ("false", "true")
# More different values than these are no classes, but captions or numbers of something.
_MOST = {TEXT: 10_000, INTEGER: 1_000}
_NAMED = 8


def asked_label(asked: str, can_be: Mapping[str, str], others: Mapping[str, str], where: str) -> str | None:
    """Returns the label that is asked for; None for none.

    Args:
      asked: the feature's name, or `NONE`.
      can_be: the features that can be a label, and what they are stored as.
      others: those that can't, and what they are, as in "a sequence of a text".
      where: the source.

    Raises:
      DeidError: there is no such feature, or it can't be a label.
    """
    if asked == NONE:
        return None
    if asked in others:
        raise DeidError(
            f"label_feature must be a ClassLabel, a text, an integer or a boolean, and {asked!r} of {where} is "
            f"{others[asked]}. {choices(can_be)}"
        )
    if asked not in can_be:
        raise unknown_name("label_feature", asked, [*can_be, NONE])
    return asked


def clear_label(can_be: Mapping[str, str], unclear: Sequence[str], where: str) -> str | None:
    """Returns the only ClassLabel at the top level, or the text or integer there that is named `label`; None for none.

    Args:
      can_be: the features that can be a label, and what they are stored as.
      unclear: features that tell classes of some kind, of which none is meant for sure.
      where: the source.

    Raises:
      DeidError: there are several, or none but unclear ones.
    """
    classes = sorted(key for key, kind in can_be.items() if kind == CLASS and "/" not in key)
    if len(classes) > 1:
        raise DeidError(
            f"{where} has several features of kind ClassLabel, and does not say which is the label: {', '.join(classes)}. "
            f"{choices(can_be)}"
        )
    if classes or can_be.get("label") in (TEXT, INTEGER):
        return classes[0] if classes else "label"
    if unclear:
        raise DeidError(f"{where} has no single label, but {some(unclear)}. {choices(can_be)}")
    return None


def choices(can_be: Mapping[str, str]) -> str:
    """Returns a sentence on what `--label_feature` can be."""
    ways = [f"--label_feature {key} ({kind})" for key, kind in can_be.items()][:_NAMED]
    more = f", ... ({len(can_be)} in all)" if len(can_be) > _NAMED else ""
    return f"Choose: {', '.join([*ways, f'--label_feature {NONE} (written without labels)'])}{more}."


def label_notes(where: str, can_be: Sequence[str], label: str | None, kind: str | None, asked: str | None) -> Iterator[str]:
    """Yields what a user should know of the choice.

    Args:
      where: the source.
      can_be: what the label could have been, of what is left out.
      label: the label; None for none.
      kind: what it is stored as.
      asked: what was asked for.
    """
    if label is None and asked != NONE:
        hint = f"; --label_feature takes one of {some(can_be)}" if can_be else ""
        yield f"{where} is written without labels, since it has none{hint}"
    if kind == TEXT:
        yield f"the label {label!r} is text: what it says becomes the names of classes, which stand in the clear in the result"


def values_note(label: str | None, kind: str | None, names: Sequence[str] | None) -> list[str]:
    """Returns a sentence on what values of a label became, where they are no classes already."""
    if kind == BOOLEAN:
        return [f"the label {label!r} (boolean) becomes the classes {' and '.join(BOOLEANS)}"]
    if kind not in (TEXT, INTEGER) or names is None:
        return []
    listed = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
    return [f"the {len(names):,} values of the label {label!r} ({kind}) become classes: {listed}"]


def check_few(different: Collection[Any], label: str, kind: str, where: str) -> None:
    """Raises DeidError where a label has more different values than classes can be."""
    if len(different) > _MOST[kind]:
        raise DeidError(
            f"the label {label!r} of {where} has more than {_MOST[kind]:,} different values, too many for "
            "classes. Choose another by --label_feature, or none: --label_feature none."
        )


def some(names: Sequence[str]) -> str:
    """Returns some names; of a folder of features, as in a/b, only the folder."""
    folders: dict[str, list[str]] = {}
    for name in names:
        folders.setdefault(name.partition("/")[0], []).append(name)
    said = [f"{folder}/... ({len(inside)})" if len(inside) > 1 else inside[0] for folder, inside in folders.items()]
    return ", ".join(said[:_NAMED]) + (f" and {len(said) - _NAMED} more" if len(said) > _NAMED else "")
