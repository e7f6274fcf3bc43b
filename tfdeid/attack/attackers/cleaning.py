"""Knows the records alone, and leaves the warp as it is: what can be had by removing slivers."""

from __future__ import annotations

from tfdeid.attack.base import Attacker, Recovery, View
from tfdeid.attack.features import features_of
from tfdeid.attack.warp import Warp
from tfdeid.deidentifier import DeidConfig


class Cleaning(Attacker):
    """Grey opening and a median filter."""

    name = "cleaning"
    about = "removes slivers by grey opening and a median filter, and leaves the warp as it is"
    is_given_to_linkers = True
    column = "cleaned"

    def suits(self, config: DeidConfig) -> bool:
        return config.scheme_class.traces

    def __call__(self, view: View) -> Recovery:
        return Recovery(features_of(view).cleaned, [Warp.identity()] * len(view.records))
