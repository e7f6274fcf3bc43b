"""Knows the records alone, and looks at them: what all others are compared with."""

from __future__ import annotations

from tfdeid.attack.base import Attacker, Recovery, View
from tfdeid.attack.warp import Warp


class Published(Attacker):
    """The records as they are."""

    name = "published"
    about = "looks at the records as they are"
    changes_records = False
    is_given_to_linkers = True

    def __call__(self, view: View) -> Recovery:
        return Recovery(view.records, [Warp.identity()] * len(view.records))
