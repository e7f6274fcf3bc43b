"""What commands print that experiments run, and what is shown of it."""

from __future__ import annotations

import pytest

from tfdeid.errors import DeidError
from tfdeid.experiments import workshop as module
from tfdeid.experiments.workshop import Workshop
from tfdeid.key import Key

PRINTS = """
import sys
for number in range(3):
    print("line", number)
print("why", file=sys.stderr)
sys.exit(int(sys.argv[1]))
"""


@pytest.fixture
def workshop(tmp_path, monkeypatch):
    Key.generate().save(tmp_path / "key")
    (tmp_path / "prints.py").write_text(PRINTS)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return Workshop(tmp_path, None, str(tmp_path / "key"))


def test_what_a_command_prints_goes_to_the_log(workshop, capfd):
    workshop.call("prints", "0")
    out, err = capfd.readouterr()
    assert out == "python -m prints 0\n"
    assert err == "why\n"
    assert (workshop.folder / "log.txt").read_text() == "python -m prints 0\nline 0\nline 1\nline 2\n"


def test_a_line_is_shown_now_and_then(workshop, capfd, monkeypatch):
    monkeypatch.setattr(module, "_SECONDS_BETWEEN_LINES", -1)
    workshop.call("prints", "0")
    assert capfd.readouterr().out == "python -m prints 0\n  line 0\n  line 1\n  line 2\n"


def test_a_command_that_fails_is_told_with_its_code_and_its_reason(workshop, capfd):
    with pytest.raises(DeidError, match=r"exit code 3, for the reason above: python -m prints 3\. What is finished is kept"):
        workshop.call("prints", "3")
    assert capfd.readouterr().err == "why\n"
    with pytest.raises(DeidError):
        workshop.call_once("prints", "3")
    assert (workshop.folder / "log.txt").read_text().count("line 2") == 2
