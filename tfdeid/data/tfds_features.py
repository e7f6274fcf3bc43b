"""Which features of a TFDS dataset are the image and the label, and which have no place in the output."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from tfdeid.data.label_choice import BOOLEAN, CLASS, INTEGER, TEXT, asked_label, choices, clear_label, label_notes, some
from tfdeid.errors import DeidError, unknown_name

ID_FEATURES = ("id", "file_name")
"""What names an example, the first that is there."""


@dataclasses.dataclass(frozen=True)
class Roles:
    """What features are used for. Those in a FeaturesDict have a path, a/b, as names.

    Attributes:
      image: the image.
      label: the label; None for none.
      label_kind: what it is stored as; None without one.
      source_id: what names an example; None for its position.
      notes: what has no place in the output, in sentences.
    """

    image: str
    label: str | None
    label_kind: str | None
    source_id: str | None
    notes: tuple[str, ...]


def choose(info: Any, image_feature: str | None = None, label_feature: str | None = None) -> Roles:
    """Returns which features of a dataset are used for what.

    The image and the label are those that are asked for; else the first that `supervised_keys` names; else the only Image and
    the only ClassLabel at the top level, or the text or integer there that is named `label`.

    Args:
      info: the `tfds.core.DatasetInfo`.
      image_feature: the image, by name or path.
      label_feature: the label; "none" for none.

    Raises:
      DeidError: there is no image or several, or no label is clear among features that may be one; the message names them.
    """
    leaves = dict(sorted(_leaves(info.features)))  # TFDS reads them in an order that is drawn anew each time.
    keyed = [key for key in _flat(info.supervised_keys) if key in leaves]
    where = f"{info.full_name}"
    image = _image(leaves, keyed, image_feature, where)
    label = _label(leaves, keyed, label_feature, where)
    source_id = next((key for key in ID_FEATURES if key in leaves and _shape(leaves[key]) == ()), None)
    kind = kind_of(leaves[label]) if label else None
    left_out = [key for key in leaves if key not in (image, label, source_id)]
    return Roles(image, label, kind, source_id, tuple(_notes(where, left_out, leaves, label, kind, label_feature)))


def scalars(info: Any) -> list[str]:
    """Returns the names or paths of all features that hold one text, number or class each, sorted."""
    floats = [key for key, leaf in _leaves(info.features) if _shape(leaf) == () and np.dtype(leaf.np_dtype).kind == "f"]
    return sorted([*floats, *(key for key, leaf in _leaves(info.features) if kind_of(leaf))])


def _leaves(features: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    import tensorflow_datasets as tfds  # Late: takes seconds.

    for name, feature in features.items():
        if isinstance(feature, tfds.features.FeaturesDict):
            yield from _leaves(feature, f"{path}{name}/")
        else:
            yield f"{path}{name}", feature


def _flat(keys: Any) -> list[str]:
    """Returns the names in supervised_keys, which may be nested."""
    if isinstance(keys, str):
        return [keys]
    values = keys.values() if isinstance(keys, Mapping) else keys or ()
    return [name for value in values for name in _flat(value)]


def _image(leaves: Mapping[str, Any], keyed: list[str], asked: str | None, where: str) -> str:
    images = [key for key, feature in leaves.items() if _is_image(feature)]
    if asked is not None:
        if asked not in images:
            raise unknown_name("image_feature", asked, images)
        return asked
    candidates = [key for key in keyed if key in images][:1] or sorted(images)
    if not candidates:
        raise DeidError(f"{where} has no Image among its features: {', '.join(sorted(leaves))}")
    if len(candidates) > 1:
        raise DeidError(
            f"{where} has several features of kind Image, and its supervised_keys do not name one. Choose by --image_feature: "
            f"{', '.join(candidates)}"
        )
    return candidates[0]


def _label(leaves: Mapping[str, Any], keyed: list[str], asked: str | None, where: str) -> str | None:
    can_be = {key: kind for key, feature in leaves.items() if (kind := kind_of(feature))}
    if asked is not None:
        others = {key: _said(feature) for key, feature in leaves.items() if key not in can_be}
        return asked_label(asked, can_be, others, where)
    meant = [key for key in keyed if not _is_image(leaves[key])]
    if meant:
        if labels := [key for key in meant if key in can_be]:
            return labels[0]
        what = ", ".join(f"{key!r}, {_said(leaves[key])}" for key in meant)
        raise DeidError(f"{where} names as its label what is no single class: {what}. {choices(can_be)}")
    unclear = [key for key, feature in leaves.items() if can_be.get(key) in (CLASS, BOOLEAN) or _has_classes(key, feature)]
    return clear_label(can_be, unclear, where)


def _notes(
    where: str, left_out: list[str], leaves: Mapping[str, Any], label: str | None, kind: str | None, asked: str | None
) -> Iterator[str]:
    if left_out:
        yield f"left out of {where}: {some(left_out)}"
    yield from label_notes(where, [key for key in left_out if kind_of(leaves[key])], label, kind, asked)


def _is_image(feature: Any) -> bool:
    import tensorflow_datasets as tfds  # Late: takes seconds.

    return isinstance(feature, tfds.features.Image) and not isinstance(feature, tfds.features.LabeledImage)


def kind_of(feature: Any) -> str | None:
    """Returns what kind of label one of TFDS's features can be; None if it can't be one."""
    import tensorflow_datasets as tfds  # Late: takes seconds.

    if isinstance(feature, tfds.features.ClassLabel):
        return CLASS
    if isinstance(feature, tfds.features.Text):
        return TEXT
    if _shape(feature) != ():
        return None
    dtype = np.dtype(feature.np_dtype)
    if dtype.kind == "b":
        return BOOLEAN
    return INTEGER if dtype.kind in "iu" else TEXT if dtype.kind in "OSU" else None


def _has_classes(key: str, feature: Any) -> bool:
    """Tells whether a feature holds several classes, as that of an image with several labels or boxes does."""
    import tensorflow_datasets as tfds  # Late: takes seconds.

    inner = getattr(feature, "feature", None)  # of a Sequence or a Dataset
    if inner is None:
        return False
    leaves = [leaf for _, leaf in _leaves({"": inner})]
    whole_numbers = any(_shape(leaf) == () and np.dtype(leaf.np_dtype).kind in "iub" for leaf in leaves)
    return any(isinstance(leaf, tfds.features.ClassLabel) for leaf in leaves) or ("label" in key and whole_numbers)


def _shape(feature: Any) -> tuple[int | None, ...] | None:
    import tensorflow_datasets as tfds  # Late: takes seconds.

    # A sequence has the shape of its elements, too.
    return getattr(feature, "shape", None) if isinstance(feature, tfds.features.Tensor) else None


def _said(feature: Any) -> str:
    inner = getattr(feature, "feature", None)
    if inner is not None:
        return f"a sequence of {_said(inner)}"
    kind = kind_of(feature)
    return f"a {kind}" if kind else f"of kind {type(feature).__name__}"
