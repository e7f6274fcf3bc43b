"""Whether a network that is trained on some data can be tested on other data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tfdeid.deidentifier import DeidConfig, usual_options
from tfdeid.errors import DeidError
from tfdeid.schemes import SCHEMES

if TYPE_CHECKING:
    from tfdeid.data.batches import ImageData


def check_same_content(facts: Mapping[str, Any], shape: tuple[int, int], label_names: Sequence[str], tested: ImageData) -> None:
    """Raises DeidError if a network can't be tested on other data than it is trained on.

    Args:
      facts: of what it is trained on; key, scheme and its parameters must be the same.
      shape: image size and channels.
      label_names: classes.
      tested: the other data.
    """
    if (tested.image_size, tested.channels) != shape:
        raise DeidError(
            f"images must have the size and channels that the network is trained on, {shape[0]} x {shape[0]} x {shape[1]}; "
            f"those of {tested.name} have {tested.image_size} x {tested.image_size} x {tested.channels}."
        )
    if list(tested.label_names) != list(label_names):
        raise DeidError(
            f"the classes must be the {len(label_names)} that the network is trained on, in their order; {tested.name} has "
            f"{len(tested.label_names)}: {', '.join(tested.label_names[:5])}, ..."
        )
    for name, said in (("scheme", "scheme"), ("key_fingerprint", "key (its fingerprint)")):
        if name == "key_fingerprint" and not _encrypts(facts):
            continue
        if facts.get(name) != tested.facts.get(name):
            raise DeidError(
                f"{tested.name} must be de-identified with the same {said} as what the network is trained on: it has "
                f"{tested.facts.get(name, 'none')}, not {facts.get(name, 'none')}."
            )
    _check_parameters(facts, tested)


def _check_parameters(facts: Mapping[str, Any], tested: ImageData) -> None:
    """Raises DeidError if parameters differ. A version that had no such parameter yet did what is now its default."""
    trained, other = (_parameters(said) for said in (facts, tested.facts))
    for name in {**trained, **other}:
        if name not in trained or name not in other:
            raise DeidError(
                f"only one of {tested.name} and what the network is trained on has the parameter {name!r}, which this version "
                "of the program does not know. Use the version that made them."
            )
        if trained[name] != other[name]:
            raise DeidError(
                f"{tested.name} must be de-identified with the same parameters as what the network is trained on: its {name} "
                f"is {other[name]!r}, not {trained[name]!r}."
            )
    if _version_of_draws(facts) != _version_of_draws(tested.facts):
        raise DeidError(
            f"{tested.name} must be of the same algorithm version as what the network is trained on, since masks differ: it is "
            f"of {tested.facts.get('algorithm_version', 1)}, not {facts.get('algorithm_version', 1)}."
        )


def _parameters(facts: Mapping[str, Any]) -> dict[str, Any]:
    if "deid" not in facts:
        return {}
    return {**(usual_options(facts["scheme"]) if facts.get("scheme") in SCHEMES else {}), **facts["deid"]}


def _version_of_draws(facts: Mapping[str, Any]) -> int | None:
    """Returns the algorithm's version; None where what is done to an image has been the same in all versions."""
    if "deid" not in facts or not _encrypts(facts):
        return None
    config = DeidConfig.of_facts(facts)
    return config.algorithm_version if config.scheme_class.changes_with_version(config) else None


def _encrypts(facts: Mapping[str, Any]) -> bool:
    return facts.get("scheme") not in SCHEMES or SCHEMES[facts["scheme"]].needs_key
