"""What the tests of schemes share."""

from __future__ import annotations

import base64

import pytest

from tfdeid import Key


@pytest.fixture(scope="session")
def fixed_key() -> Key:
    """Returns a key that is the same on every run."""
    return Key(base64.b64encode(bytes(range(32))))
