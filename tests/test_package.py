"""The package as it is installed: what importing it loads, and what it carries."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import pytest

import tfdeid

ROOT = pathlib.Path(__file__).parents[1]


@pytest.mark.parametrize(
    "statement",
    [
        "import tfdeid",
        "import tfdeid.cli",
        "import tfdeid.schemes.structural",
        "from tfdeid import DeidConfig, Deidentifier, DeidError, Key; Deidentifier(DeidConfig(scheme='plain'))",
    ],
)
def test_importing_loads_neither_tensorflow_nor_beam(statement):
    heavy = "{'tensorflow', 'apache_beam', 'tensorflow_datasets'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", f"import sys; {statement}; sys.exit(str({heavy}) if {heavy} else 0)"], check=True)


def test_all_public_names_resolve():
    assert all(getattr(tfdeid, name) is not None for name in tfdeid.__all__)
    assert set(tfdeid.__all__) <= set(dir(tfdeid))
    with pytest.raises(AttributeError, match="has no attribute 'lod'"):
        _ = tfdeid.lod


def test_what_is_installed_holds_configs_and_no_tests(tmp_path):
    build = ["egg_info", "--egg-base", tmp_path, "build", "--build-base", tmp_path / "build"]
    subprocess.run([sys.executable, "setup.py", "-q", *build], cwd=ROOT, check=True, capture_output=True)
    names = {str(path.relative_to(tmp_path / "build" / "lib")) for path in (tmp_path / "build" / "lib").rglob("*.*")}
    assert {f"tfdeid/configs/{path.name}" for path in (ROOT / "configs").glob("*.yaml")} <= names
    templates = (
        "attack/templates/attack.html.jinja",
        "pages/templates/base.html.jinja",
        "compare/templates/compare.html.jinja",
    )
    assert {"beam/deid.py", "tfdeid/key.py", *(f"tfdeid/{template}" for template in templates)} <= names
    assert not [name for name in names if name.startswith(("tests", "node_modules"))]
