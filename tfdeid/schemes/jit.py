"""One way to compile a kernel with numba, with a cache that works on read-only installs and never goes stale."""

from __future__ import annotations

import functools
import hashlib
import os
import pathlib
import tempfile
from collections.abc import Callable
from typing import Any, TypeVar

import numba

from tfdeid.errors import warn

F = TypeVar("F", bound=Callable[..., Any])


@functools.cache
def _cache_directory() -> str | None:
    """Returns a writable directory for compiled kernels, or None (with one warning) where there is none.

    Its name holds a hash of every kernel source file: numba itself looks only at the file of the function it compiles, so a
    change in a callee that lives in another module would otherwise leave stale code behind.
    """
    sources = sorted(pathlib.Path(__file__).parent.rglob("*.py"))
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:16]
    user_cache = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    # The user's number keeps the shared temporary folder free of other people's compiled code.
    fallback = os.path.join(tempfile.gettempdir(), f"tfdeid-{os.getuid() if hasattr(os, 'getuid') else 0}")
    for base in filter(None, (os.environ.get("NUMBA_CACHE_DIR"), os.path.join(user_cache, "tfdeid"), fallback)):
        path = os.path.join(base, f"numba-{digest}")
        try:
            os.makedirs(path, mode=0o700, exist_ok=True)
            if hasattr(os, "getuid") and os.stat(path).st_uid != os.getuid():
                continue  # numba loads what lies there: only code of our own may run.
            tempfile.TemporaryFile(dir=path).close()
        except OSError:
            continue
        return path
    warn("no writable folder for compiled kernels: every process compiles them anew (about 15 s). Set NUMBA_CACHE_DIR.")
    return None


def jit(function: F) -> F:
    """Compiles a kernel: no Python objects, the GIL released, IEEE arithmetic, division by zero as in numpy and JavaScript."""
    return _compile(function, inline="never")


def jit_inline(function: F) -> F:
    """Compiles a kernel into its callers: for small ones that take arrays, whose references numba counts at each call."""
    return _compile(function, inline="always")


def _compile(function: F, inline: str) -> F:
    options: dict[str, Any] = {"nogil": True, "error_model": "numpy", "inline": inline}
    directory = _cache_directory()
    if directory is None:
        return numba.njit(**options)(function)
    # numba reads this setting once, at decoration; it is put back so that other people's kernels keep their own cache.
    settings: Any = numba.config
    previous, settings.CACHE_DIR = settings.CACHE_DIR, directory
    try:
        return numba.njit(cache=True, **options)(function)
    finally:
        settings.CACHE_DIR = previous
