"""Re-identification: whether records show who is in them, to attackers who have other pictures of the same people.

`reidentify` is all that others need. A recognizer is one file in `recognizers/`; `base` has what it derives from. What is named
here is imported when it is first used: commands that only list options load no networks.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tfdeid.attack.identity.engine import reidentify
    from tfdeid.attack.identity.findings import IdentityFindings
    from tfdeid.attack.identity.options import IdentityOptions

__all__ = ["IdentityFindings", "IdentityOptions", "reidentify"]

_HOMES = {"reidentify": "engine", "IdentityFindings": "findings", "IdentityOptions": "options"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
