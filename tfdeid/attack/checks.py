"""What attackers give back is checked before it is judged: a NaN would pass for a figure."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tfdeid.errors import DeidError


def check_array(name: str, value: object, shape: tuple[int, ...], kinds: str) -> None:
    """Raises DeidError if a value is no array of a shape, and of one of NumPy's kinds of numbers ("u", "i", "f")."""
    if not isinstance(value, np.ndarray):
        raise DeidError(f"{name} must be an array of shape {list(shape)}, they were {type(value).__name__}.")
    if value.shape != shape or value.dtype.kind not in kinds or (kinds == "u" and value.dtype != np.uint8):
        wanted = "uint8" if kinds == "u" else "whole numbers" if "f" not in kinds else "numbers"
        raise DeidError(f"{name} must be {wanted} of shape {list(shape)}, they were {value.dtype}{list(value.shape)}.")


def check_numbers(name: str, values: npt.NDArray[np.float64]) -> None:
    """Raises DeidError if one of float64[N] is NaN or infinite."""
    if bad := int((~np.isfinite(values)).sum()):
        raise DeidError(f"{name} must be a number for each record, {bad:,} of {len(values):,} are NaN or infinite.")
