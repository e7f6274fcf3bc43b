"""Parameters of CKKS, and how images, keys and answers travel as bytes."""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Callable
from typing import Any

from isal import igzip_lib, isal_zlib

from tfdeid.errors import DeidError

# A multiplication at a depth takes one of the middle primes: convolution, square, dense, square, dense; one is left over.
DEGREE = 8192
BITS = (31, 26, 26, 26, 26, 26, 26, 31)
SCALE = 2.0**26
# Of a ciphertext or a key, in bytes: no part of a message may claim more.
LARGEST = 1 << 28
_LENGTH = struct.Struct("<Q")


def seal() -> Any:
    """Imports SEAL.

    Raises:
      DeidError: it is not installed.
    """
    try:
        import seal as library  # Late: belongs to an extra.
    except ModuleNotFoundError:
        raise DeidError("for encrypted inference, SEAL must be installed: pip install 'tfdeid[fhe]'.") from None
    return library


@dataclasses.dataclass(frozen=True)
class Parameters:
    """What client and server agree on.

    Attributes:
      degree: of polynomials; half as many numbers share a ciphertext.
      bits: sizes of the primes, of which the last serves keys alone.

    Raises:
      DeidError: they give less than 128 bits of security, by the homomorphic encryption standard (Albrecht et al. 2018).
    """

    degree: int = DEGREE
    bits: tuple[int, ...] = BITS

    def __post_init__(self) -> None:
        library = seal()
        most = library.CoeffModulus.MaxBitCount(self.degree, library.sec_level_type.tc128)
        if not 0 < sum(self.bits) <= most:
            raise DeidError(
                f"primes of {sum(self.bits)} bits at a degree of {self.degree} are not secure: for 128 bits of security they "
                f"may have {most} bits in all."
            )
        _ = self.context

    @property
    def slots(self) -> int:
        """Numbers in a ciphertext."""
        return self.degree // 2

    @property
    def context(self) -> Any:
        """SEAL's context, made anew: it can't be shared by processes."""
        library = seal()
        chosen = library.EncryptionParameters(library.scheme_type.ckks)
        try:
            chosen.set_poly_modulus_degree(self.degree)
            chosen.set_coeff_modulus(library.CoeffModulus.Create(self.degree, list(self.bits)))
            context = library.SEALContext(chosen, True, library.sec_level_type.tc128)
        except (ValueError, RuntimeError) as error:
            raise DeidError(f"CKKS takes no degree of {self.degree} with primes of {self.bits} bits: {error}.") from error
        if not context.parameters_set():
            raise DeidError(f"CKKS takes no degree of {self.degree} with such primes: {context.parameter_error_message()}.")
        return context


def pack(parts: list[bytes]) -> bytes:
    """Returns parts as one message. Half of a ciphertext's bytes are zeros, which compression takes out."""
    compressed = [isal_zlib.compress(part, 1) for part in parts]
    return b"".join(_LENGTH.pack(len(part)) + part for part in compressed)


def unpack(message: bytes, largest: int = LARGEST) -> list[bytes]:
    """Returns the parts of a message.

    Args:
      message: as `pack` makes it.
      largest: bytes that a part may have at most.

    Raises:
      DeidError: it is damaged.
    """
    parts, position = [], 0
    try:
        while position < len(message):
            (length,) = _LENGTH.unpack_from(message, position)
            position += _LENGTH.size
            if length > len(message) - position:
                raise ValueError("it breaks off")
            parts.append(_inflated(message[position : position + length], largest))
            position += length
    except (struct.error, igzip_lib.IsalError, ValueError) as error:  # type: ignore[misc]  # Its stubs lack the error.
        raise DeidError(f"a message is damaged: {error}.") from error
    return parts


def _inflated(data: bytes, largest: int) -> bytes:
    inflater = isal_zlib.decompressobj()
    part = inflater.decompress(data, largest)
    if not inflater.eof:
        raise ValueError(f"a part has more than {largest} bytes, or breaks off")
    return part


def loaded(read: Callable[[bytes], Any], data: bytes, what: str) -> Any:
    """Returns an object of SEAL from its bytes, by a method of the context that they must fit.

    Raises:
      DeidError: they are damaged, or were made under other parameters.
    """
    try:
        return read(data)
    except (ValueError, RuntimeError) as error:
        raise DeidError(f"{what} is damaged, or was made under other parameters ({error}).") from error
