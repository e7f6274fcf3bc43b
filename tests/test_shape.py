"""The shape of the code: imports at the top but for heavy libraries, and nothing too long to be read at once."""

from __future__ import annotations

import ast
import pathlib
from collections.abc import Iterator

from tests.conftest import ROOT

MODULES = sorted(path for package in ("tfdeid", "beam", "dataflow") for path in (ROOT / package).rglob("*.py"))
LONGEST_MODULE, LONGEST_FUNCTION = 399, 59
# What is longer, and why.
TOO_LONG: dict[str, str] = {}


def named(path: pathlib.Path) -> str:
    return str(path.relative_to(ROOT))


def functions(path: pathlib.Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_imports_inside_functions_say_why():
    """They are late where a heavy library would be loaded for nothing. Circles are no reason."""
    unsaid = []
    for path in MODULES:
        lines = path.read_text().splitlines()
        for function in functions(path):
            for node in ast.walk(function):
                if not isinstance(node, ast.Import | ast.ImportFrom):
                    continue
                if not any("# Late:" in line for line in lines[node.lineno - 1 : node.end_lineno]):
                    unsaid.append(f"{named(path)}:{node.lineno}: {lines[node.lineno - 1].strip()}")
    assert not unsaid, "\n".join(unsaid)


def test_modules_and_functions_can_be_read_at_once():
    lengths = {named(path): len(path.read_text().splitlines()) for path in MODULES}
    long = {name for name, length in lengths.items() if length > LONGEST_MODULE}
    for path in MODULES:
        for function in functions(path):
            if function.end_lineno - function.lineno + 1 > LONGEST_FUNCTION:
                long.add(f"{named(path)}:{function.name}")
    assert long == set(TOO_LONG), f"too long: {long - set(TOO_LONG)}; not any more: {set(TOO_LONG) - long}"
