from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import pytest

from tests.conftest import ROOT
from tfdeid.errors import DeidWarning
from tfdeid.schemes import jit

CALLER = "from tfdeid.schemes.jit import jit\nfrom tfdeid.schemes.callee import g\n\n@jit\ndef f(x):\n    return g(x) + 1\n"
CALLEE = "from tfdeid.schemes.jit import jit\n\n@jit\ndef g(x):\n    return {} * x\n"
PROGRAM = "from tfdeid.schemes.caller import f; print(f(5), sum(f.stats.cache_hits.values()))"


@pytest.fixture
def run(tmp_path):
    """Returns a function that calls, in a process of its own, a kernel of a copy of the package, given its callee's factor."""
    shutil.copytree(ROOT / "tfdeid", tmp_path / "tfdeid", ignore=shutil.ignore_patterns("__pycache__"))
    schemes = tmp_path / "tfdeid" / "schemes"
    (schemes / "caller.py").write_text(CALLER)

    def call(factor: int, **environment: str) -> tuple[list[int], str]:
        (schemes / "callee.py").write_text(CALLEE.format(factor))
        environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache"), "PYTHONPATH": str(tmp_path), **environment}
        environment.pop("NUMBA_CACHE_DIR", None)
        command = [sys.executable, "-c", PROGRAM]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
        return [int(word) for word in done.stdout.split()], done.stderr

    return call


def test_a_second_process_finds_compiled_kernels_and_a_changed_callee_is_compiled_anew(run):
    assert run(2)[0] == [11, 0]
    assert run(2)[0] == [11, 1]
    assert run(3)[0] == [16, 0]


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
def test_where_no_cache_can_be_the_temporary_folder_has_it(run, tmp_path):
    (tmp_path / "file").write_text("")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    assert run(2, XDG_CACHE_HOME=str(tmp_path / "file"), TMPDIR=str(temporary))[0] == [11, 0]
    assert [path.name for path in temporary.iterdir()] == [f"tfdeid-{os.getuid()}"]


@pytest.fixture
def places(tmp_path, monkeypatch):
    """Returns a home and a temporary folder of which `_cache_directory` chooses anew at each call."""
    # The levels above are not the tests' to answer for.
    everything = pathlib.PurePath.parents.fget
    monkeypatch.setattr(
        pathlib.Path, "parents", property(lambda path: [p for p in everything(path) if tmp_path in everything(p)])
    )
    for name in ("home", "temporary"):
        (tmp_path / name).mkdir(mode=0o755)
    (tmp_path / "temporary").chmod(0o1777)
    for name in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    return tmp_path


def choose() -> str | None:
    return jit._cache_directory.__wrapped__()


OURS = f"tfdeid-{os.getuid()}" if hasattr(os, "getuid") else "tfdeid-0"


def test_the_cache_is_made_for_its_user_alone(places):
    before = os.umask(0)
    try:
        found = pathlib.Path(choose())
    finally:
        os.umask(before)
    assert found.parent == places / "home" / ".cache" / "tfdeid"
    assert {path.stat().st_mode & 0o777 for path in (found, found.parent, found.parent.parent)} == {0o700}
    assert choose() == str(found)


@pytest.mark.parametrize("level", [".", ".cache", ".cache/tfdeid", ".cache/tfdeid/numba"])
@pytest.mark.parametrize("mode", [0o770, 0o707])
def test_a_level_that_others_can_write_to_is_not_used(places, level, mode):
    found = pathlib.Path(choose())
    (found if level.endswith("numba") else places / "home" / level).chmod(mode)
    assert pathlib.Path(choose()).parent == places / "temporary" / OURS


def of_another(monkeypatch, *others: pathlib.Path) -> None:
    """Makes some folders look as if they were another user's."""
    real = pathlib.Path.lstat

    def lstat(self):
        values = list(real(self))
        values[4] = 54321 if self in others else values[4]
        return os.stat_result(values)

    monkeypatch.setattr(pathlib.Path, "lstat", lstat)


def test_a_level_of_another_user_is_not_used(places, monkeypatch):
    at_home = pathlib.Path(choose())
    of_another(monkeypatch, at_home.parent)
    in_temporary = pathlib.Path(choose())
    assert in_temporary.parent == places / "temporary" / OURS
    of_another(monkeypatch, at_home.parent, in_temporary.parent)
    with pytest.warns(DeidWarning, match="Set NUMBA_CACHE_DIR"):
        assert choose() is None
    # Above the temporary folder's own, others' folders count too, but for the sticky one itself, which is root's.
    of_another(monkeypatch, at_home.parent, places / "temporary")
    with pytest.warns(DeidWarning):
        assert choose() is None


def test_a_temporary_folder_where_others_can_rename_is_not_used(places, monkeypatch):
    monkeypatch.setenv("HOME", "/nonexistent")
    assert pathlib.Path(choose()).parent == places / "temporary" / OURS
    (places / "temporary").chmod(0o777)
    with pytest.warns(DeidWarning):
        assert choose() is None


def test_a_link_to_a_folder_of_another_user_is_not_followed(places, monkeypatch):
    monkeypatch.setenv("HOME", "/nonexistent")
    (places / "theirs").mkdir()
    (places / "temporary" / OURS).symlink_to(places / "theirs")
    of_another(monkeypatch, places / "theirs")
    with pytest.warns(DeidWarning):
        assert choose() is None


def test_of_the_folder_that_the_user_names_only_our_level_counts(places, monkeypatch):
    (places / "named").mkdir()
    (places / "named").chmod(0o777)
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(places / "named"))
    of_another(monkeypatch, places / "named")
    found = pathlib.Path(choose())
    assert found.parent == places / "named"
    of_another(monkeypatch, places / "named", found)
    assert pathlib.Path(choose()).parent == places / "home" / ".cache" / "tfdeid"
    of_another(monkeypatch)
    found.chmod(0o777)
    assert pathlib.Path(choose()).parent == places / "home" / ".cache" / "tfdeid"


@pytest.mark.parametrize("home", [None, "/nonexistent", "relative"])
def test_without_a_home_the_temporary_folder_has_it_and_nothing_else_is_made(places, monkeypatch, home):
    (places / "here").mkdir()
    monkeypatch.chdir(places / "here")
    if home is None:
        monkeypatch.delenv("HOME")
        monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # As for a user who has no name.
    else:
        monkeypatch.setenv("HOME", home)
    assert pathlib.Path(choose()).parent == places / "temporary" / OURS
    assert not list((places / "here").iterdir()) and not os.path.exists("/nonexistent")


def test_where_not_even_a_temporary_folder_is_kernels_are_compiled_anew(places, monkeypatch):
    def none():
        raise FileNotFoundError("No usable temporary directory found")

    monkeypatch.setenv("HOME", "/nonexistent")
    monkeypatch.setattr(tempfile, "gettempdir", none)
    with pytest.warns(DeidWarning, match="compiles them anew"):
        assert choose() is None
