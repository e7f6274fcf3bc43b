"""Plug-ins are found by entry points; a broken one is a warning, a name that is taken is an error."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import sys
import types
from importlib.metadata import EntryPoints
from typing import ClassVar

import pytest

from tfdeid import plugins
from tfdeid.errors import DeidError, DeidWarning
from tfdeid.plugins import Registry


class Base:
    name: str = ""
    about: ClassVar[str] = "nothing"


class Ours(Base):
    name = "ours"


class Distribution(importlib.metadata.Distribution):
    """One that is installed nowhere."""

    def __init__(self, name: str, entries: str):
        self._name, self._entries = name, entries

    def read_text(self, filename: str) -> str | None:
        texts = {"METADATA": f"Name: {self._name}\nVersion: 1.2\n", "entry_points.txt": self._entries}
        return texts.get(filename)

    def locate_file(self, path):
        raise FileNotFoundError(path)


@pytest.fixture
def install(monkeypatch):
    """Returns a function that makes distributions known, and a registry that finds them."""
    module = types.ModuleType("a_plugin_of_tests")
    module.Theirs = type("Theirs", (Base,), {"name": "theirs"})
    module.Other = type("Other", (Base,), {"name": "another name"})
    module.NoClass = 5
    module.NoOptions = type("NoOptions", (Base,), {"name": "broken", "Options": dict})
    bare = dataclasses.make_dataclass("Bare", [("size", int)])
    size = dataclasses.make_dataclass("Size", [("limit", int, 3)])
    module.Reserved = type("Reserved", (Base,), {"name": "broken", "Options": size})
    module.NoAbout = type("NoAbout", (Base,), {"name": "broken", "about": None})
    module.NoDefault = type("NoDefault", (Base,), {"name": "broken", "Options": bare})
    monkeypatch.setitem(sys.modules, module.__name__, module)

    def make(**entries: str) -> Registry:
        lines = {name: f"[tests.things]\n{text.replace('HERE', module.__name__)}\n" for name, text in entries.items()}
        found = [entry for name, text in lines.items() for entry in Distribution(name, text).entry_points]
        monkeypatch.setattr(plugins.importlib.metadata, "entry_points", EntryPoints(found).select)
        return Registry("thing", "tests.things", {"ours": f"{__name__}:Ours"}, Base, reserved=["limit"])

    return make


def test_ours_and_theirs_are_found_by_name(install):
    registry = install(theirs="theirs = HERE:Theirs")
    assert list(registry) == ["ours", "theirs"] and "theirs" in registry and "x" not in registry
    assert registry["ours"].__name__ == "Ours" and registry["theirs"].__name__ == "Theirs"
    assert registry.plugin("ours") is None
    assert str(registry.plugin("theirs")) == "'theirs' of theirs 1.2"


def test_an_unknown_name_is_told_what_there_is(install):
    with pytest.raises(DeidError, match=r"unknown thing 'our'. Did you mean 'ours'\? Known: ours, theirs."):
        install(theirs="theirs = HERE:Theirs")["our"]


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ("broken = no_module_of_this_name:X", "ModuleNotFoundError: No module named 'no_module_of_this_name'"),
        ("broken = HERE:Missing", "AttributeError"),
        ("broken = HERE:NoClass", "is no class that derives from"),
        ("broken = HERE:NoOptions", "the Options of a_plugin_of_tests:NoOptions are no dataclass"),
        ("broken = HERE:NoDefault", "options of a_plugin_of_tests:NoDefault have no default: size"),
        ("broken = HERE:Reserved", "options of a_plugin_of_tests:Reserved are called like those of all: limit"),
        ("broken = HERE:NoAbout", "a_plugin_of_tests:NoAbout lacks about, a line on what it does"),
        ("broken = HERE:Other", "has the name 'another name', and its entry point another"),
    ],
)
def test_a_broken_one_is_one_warning_and_no_more(install, entry, reason):
    registry = install(good="theirs = HERE:Theirs", bad=entry)
    with pytest.warns(DeidWarning, match=reason) as told:
        assert list(registry) == ["ours", "theirs"]
    assert len(told) == 1 and "the thing 'broken' of bad 1.2 can't be used and is left out" in str(told[0].message)
    with pytest.raises(DeidError, match="unknown thing 'broken'"):
        registry["broken"]


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ({"first": "ours = HERE:Theirs"}, "the thing 'ours' is claimed by both tfdeid and first. Uninstall first"),
        (
            {"first": "x = HERE:Theirs", "second": "x = HERE:Theirs"},
            "'x' is claimed by both first and second. Uninstall second",
        ),
    ],
)
def test_a_name_that_is_taken_is_an_error_that_names_both(install, entries, said):
    with pytest.raises(DeidError, match=said):
        install(**entries)["ours"]
