"""What tests of tables share."""

from __future__ import annotations

import pytest

from tfdeid.attack.adversaries import ADVERSARIES
from tfdeid.schemes import SCHEMES


@pytest.fixture(autouse=True)
def no_plugins(monkeypatch):
    """Tables have rows of schemes of others, and parts depend on attackers of others: what is installed here does not count."""
    for registry in (ADVERSARIES, SCHEMES):
        monkeypatch.setitem(registry.__dict__, "_others", {})
