"""One way to compile a kernel with numba, with a cache that works on read-only installs and never goes stale."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import pathlib
import stat
import tempfile
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import numba
from numba.extending import register_jitable

from tfdeid.errors import warn

F = TypeVar("F", bound=Callable[..., Any])


@functools.cache
def _cache_directory() -> str | None:
    """Returns a folder for compiled kernels that is this user's alone, or None (with one warning) where there can be none.

    Its name holds a hash of every kernel source file: numba itself looks only at the file of the function it compiles, so a
    change in a callee that lives in another module would otherwise leave stale code behind.
    """
    sources = sorted(pathlib.Path(__file__).parent.rglob("*.py"))
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:16]
    for base, alone in _bases():
        path = os.path.join(base, f"numba-{digest}")
        try:
            _make(path)
            path = os.path.realpath(path)
            if _is_safe(path, alone):
                tempfile.TemporaryFile(dir=path).close()
                return path
        except OSError:
            continue
    warn("no folder for compiled kernels is this user's alone: every process compiles them anew (10 s). Set NUMBA_CACHE_DIR.")
    return None


def _bases() -> Iterator[tuple[str, bool]]:
    """Yields folders in which the cache could lie, the best first, and whether those that they lie in are not our concern."""
    if chosen := os.environ.get("NUMBA_CACHE_DIR"):
        yield os.path.abspath(chosen), True  # Whoever names it answers for it, but for what is made there.
    home = os.path.expanduser("~")  # Stays as it is where no home is known.
    cache = os.environ.get("XDG_CACHE_HOME") or (os.path.join(home, ".cache") if os.path.isdir(home) else "")
    if os.path.isabs(cache):
        yield os.path.join(cache, "tfdeid"), False
    with contextlib.suppress(OSError):  # There may be no temporary folder either.
        yield os.path.join(tempfile.gettempdir(), f"tfdeid-{os.getuid() if hasattr(os, 'getuid') else 0}"), False


def _make(path: str) -> None:
    """Makes a folder, and those that it lies in, for this user alone, whatever the umask."""
    if not os.path.isdir(path):
        _make(os.path.dirname(path))
        with contextlib.suppress(FileExistsError):
            os.mkdir(path, 0o700)


def _is_safe(path: str, alone: bool) -> bool:
    """Tells whether nobody but this user and root could put something in a folder, or another one in its place.

    numba runs what lies there.

    Args:
      path: the folder, without symbolic links.
      alone: do not look at the folders that it lies in.
    """
    if not hasattr(os, "getuid"):
        return True
    levels = [pathlib.Path(path), *pathlib.Path(path).parents]
    for level in levels[:1] if alone else levels:
        status = level.lstat()
        # In the temporary folder, others can't touch what is ours.
        shared = status.st_mode & 0o022 and not (status.st_mode & stat.S_ISVTX and level != levels[0])
        if not stat.S_ISDIR(status.st_mode) or status.st_uid not in (os.getuid(), 0) or shared:
            return False
    return levels[0].lstat().st_uid == os.getuid()


def is_compiled(*kernels: Any) -> bool:
    """Tells whether the cache holds some kernels, each for some types at least; there is none where there is no cache."""
    directory = _cache_directory()
    return directory is not None and all(any(pathlib.Path(directory).rglob(f"*.{kernel.__name__}-*.nbi")) for kernel in kernels)


# For every kernel: IEEE arithmetic, division by zero as in numpy and JavaScript, and no entry for C, which nobody calls.
_OPTIONS: dict[str, Any] = {"error_model": "numpy", "no_cfunc_wrapper": True}


def jit(function: F) -> F:
    """Compiles a kernel that Python calls, and that is kept in the cache with all its callees: no Python objects, no GIL."""
    directory = _cache_directory()
    if directory is None:
        return numba.njit(nogil=True, **_OPTIONS)(function)
    # numba reads this setting once, at decoration; it is put back so that other people's kernels keep their own cache.
    settings: Any = numba.config
    previous, settings.CACHE_DIR = settings.CACHE_DIR, directory
    try:
        return numba.njit(cache=True, nogil=True, **_OPTIONS)(function)
    finally:
        settings.CACHE_DIR = previous


def jit_callee(function: F) -> F:
    """Compiles a kernel that other kernels call, for types and never for single values; called from Python it is plain Python.

    It has no entry for Python and no place of its own in the cache, both of which take time to compile.
    """
    return register_jitable(**_OPTIONS)(function)


def jit_inline(function: F) -> F:
    """Compiles a kernel into its callers: for small ones that take arrays, whose references numba counts at each call.

    LLVM copies the compiled body. numba's own inlining would copy its source, and infer the types of each copy anew.
    """
    return register_jitable(forceinline=True, **_OPTIONS)(function)
