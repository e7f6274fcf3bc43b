"""Keys that an attacker draws, to try out what the public scheme does; they have nothing to do with the owner's."""

from __future__ import annotations

import base64
import hashlib
import warnings

from tfdeid.deidentifier import DeidConfig, Deidentifier
from tfdeid.key import Key


def shadow_key(seed: int, number: int) -> Key:
    """Returns a key that the attacker draws, to try out what the public scheme does; it has nothing to do with the owner's."""
    return Key(base64.b64encode(hashlib.sha256(f"attacker's key {number} of seed {seed}".encode()).digest()).decode())


def shadow_deidentifier(config: DeidConfig, key: Key) -> Deidentifier:
    """Returns what de-identifies under a key of the attacker's own, without advice that is for owners."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Deidentifier(config, key)
