"""What a person sees of a run: lines on the chief alone, figures about once a second."""

from __future__ import annotations

import pytest

from tfdeid.train import progress
from tfdeid.train.progress import Progress


@pytest.mark.parametrize(("speaks", "said"), [(True, "a line\n"), (False, "")])
def test_the_chief_alone_speaks(speaks, said, capsys):
    Progress(speaks).say("a line")
    assert capsys.readouterr().out == said


def test_figures_are_shown_once_a_second(monkeypatch):
    now = 100.0
    monkeypatch.setattr(progress.time, "perf_counter", lambda: now)
    with Progress(speaks=False).bar("epoch 1/1", 9) as bar:
        due = []
        for seconds in (0.6, 0.6, 0.6, 0.6):
            now += seconds
            due.append(bar.advance())
            if due[-1]:
                bar.show(loss=0.5, accuracy=0.25)
    assert due == [False, True, False, True]
