"""What attackers work out of records, once for all of them."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence

from tfdeid.attack.base import Image, View
from tfdeid.attack.cleaning import clean_all, recolor
from tfdeid.attack.edges import Profiles, expected, profiles
from tfdeid.attack.warp import Curve
from tfdeid.deidentifier import DeidConfig
from tfdeid.schemes.structural.options import StructuralOptions


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Features:
    """What follows from what all attackers have; each is worked out when it is first asked for.

    Attributes:
      records: as in `View`.
      config: as in `View`.
      public: as in `View`.
      seed: as in `View`.
    """

    records: Image
    config: DeidConfig
    public: Sequence[Image]
    seed: int

    @functools.cached_property
    def cleaned(self) -> Image:
        """The records without slivers, and with likely colours in place of keyed ones: see `tfdeid.attack.cleaning`."""
        cleaned, options = clean_all(self.records), self.config.options
        keyed = isinstance(options, StructuralOptions) and options.colors == "keyed"
        return recolor(cleaned, self.public) if keyed else cleaned

    @functools.cached_property
    def edges(self) -> Profiles:
        """Where the records' edges lie."""
        return profiles(self.records)

    @functools.cached_property
    def expected_edges(self) -> tuple[Curve, Curve]:
        """Where edges lie in images of this kind before any warp: see `tfdeid.attack.edges.expected`."""
        return expected(self.config, self.public, self.seed)


def features_of(view: View) -> Features:
    """Returns the features of a view, which all attackers of a run share. They hold no pairs, oracle or key."""
    if "features" not in view.worked_out:
        view.worked_out["features"] = Features(view.records, view.config, view.public, view.seed)
    return view.worked_out["features"]
