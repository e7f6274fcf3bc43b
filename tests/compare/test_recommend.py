"""Which method is recommended."""

from __future__ import annotations

import re
import types

import pytest

from tests.compare.made import method
from tfdeid import DeidError
from tfdeid.compare.recommend import Limits, recommend


def row(name, accuracy, *risks):
    deid = types.SimpleNamespace(scheme=name, scheme_class=types.SimpleNamespace(hides=name != "plain"))
    return method(name, accuracy, *risks, deid=deid)


# Accuracy +- 0.9; re-identified +- 3, linked +- 1.
ROWS = [row("plain", 81.6, 0.0, 0.0), row("a", 73.0, 12.0, 100.0), row("b", 70.0, 6.0, 30.0), row("c", 49.0, 2.0, 5.0)]


@pytest.mark.parametrize(
    ("limits", "name"),
    [
        ({"max_reidentified": 15}, "a"),
        ({"max_reidentified": 14.9}, "b"),  # The upper end counts.
        ({"max_reidentified": 9}, "b"),
        ({"max_reidentified": 5}, "c"),
        ({"max_reidentified": 4.9}, None),
        ({"max_linked": 100}, "a"),
        ({"max_linked": 31}, "b"),
        ({"max_linked": 30}, "c"),
        ({"min_accuracy": 72.1}, "a"),
        ({"min_accuracy": 72.2}, None),  # The lower end; plain hides nothing.
        ({"max_reidentified": 9, "min_accuracy": 69}, "b"),
        ({"max_reidentified": 9, "max_linked": 10}, "c"),
        ({"max_reidentified": 9, "max_linked": 10, "min_accuracy": 60}, None),
    ],
)
def test_who_keeps_to_the_limits(limits, name):
    sentence, recommended = recommend(ROWS, Limits(**limits))
    assert recommended == name
    assert sentence.startswith(f"take {name}: it keeps to all limits" if name else "none of the 3 methods keeps to all limits.")


def test_who_comes_nearest():
    sentence, _ = recommend(ROWS, Limits(max_reidentified=4, min_accuracy=48))
    nearest = (
        "Nearest comes c (accuracy 49.0 %, at least 48.1 %, at least 48 asked; re-identified 2.0 %, at most 5.0 %, 4 allowed)"
    )
    assert sentence == f"none of the 3 methods keeps to all limits. {nearest}."
    assert "Nearest comes a (accuracy 73.0 %" in recommend(ROWS, Limits(min_accuracy=80))[0]
    assert recommend(ROWS[:2], Limits(min_accuracy=80))[0].startswith("the one method does not keep to all limits")


def test_without_accuracies_the_least_risk_wins():
    rows = [row("a", None, 12.0, 40.0), row("b", None, 6.0, 50.0)]
    assert recommend(rows, Limits(max_reidentified=20))[1] == "b"
    assert recommend(rows, Limits(max_reidentified=50, max_linked=60))[1] == "a"


def test_a_method_whose_figures_are_missing_is_not_recommended():
    assert recommend([row("a", 80.0), *ROWS], Limits(max_linked=10))[1] == "c"
    assert recommend([row("a", 80.0)], Limits(max_linked=10)) == (
        "no method can be recommended: none has all the figures that the limits are on.",
        None,
    )


@pytest.mark.parametrize("value", [-1, 100.5])
def test_limits_are_percent(value):
    with pytest.raises(DeidError, match=re.escape(f"max_linked must be in [0, 100] percent, max_linked was {value}.")):
        Limits(max_linked=value)


def test_limits_on_what_is_not_measured():
    with pytest.raises(DeidError, match="max_reidentified needs --identity"):
        Limits(max_reidentified=1).check(has_accuracy=True, has_identity=False)
    with pytest.raises(DeidError, match="min_accuracy needs labels"):
        Limits(min_accuracy=1).check(has_accuracy=False, has_identity=True)
    assert not Limits() and Limits(max_linked=0)
