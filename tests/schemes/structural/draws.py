"""The numbers that a key fixes, drawn without the program's own stream."""

from __future__ import annotations

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms

from tfdeid import Key


def draws(key: Key, label: str, count: int, skip: int = 0) -> list[float]:
    """Returns multiples of 2^-32 in [0, 1), each from four bytes of ChaCha20, the lowest first, after some that are skipped."""
    stream = Cipher(algorithms.ChaCha20(key.subkey(label), bytes(16)), mode=None).encryptor().update(bytes(4 * (skip + count)))
    return [int.from_bytes(stream[4 * k : 4 * k + 4], "little") / 2**32 for k in range(skip, skip + count)]
