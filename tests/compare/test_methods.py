"""Methods as they are written on a command line."""

from __future__ import annotations

import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import ROOT
from tfdeid import DeidError
from tfdeid.compare.methods import ALIASES, DEFAULT, Method, format_methods, parse_methods, suiting, with_ceiling
from tfdeid.config import load_config
from tfdeid.schemes import SCHEMES
from tfdeid.schemes.base import defaults

UNASKED = ("scheme", "output_size")
# Made here: schemes take seconds to be imported.
USUAL = {
    scheme: {name: value for name, value in defaults(SCHEMES[scheme]).items() if name not in UNASKED} for scheme in SCHEMES
}
VALUES = {
    bool: st.booleans(),
    int: st.integers(-5, 5000),
    float: st.floats(allow_nan=False, allow_infinity=False),
    str: st.from_regex(r"[a-z]{1,8}(:[0-9]{1,3})?", fullmatch=True),
}


@st.composite
def a_method(draw):
    scheme = draw(st.sampled_from([*SCHEMES]))
    usual = USUAL[scheme]
    names = draw(st.lists(st.sampled_from([*usual]), unique=True, max_size=4))
    return Method(scheme, tuple((name, draw(VALUES[type(usual[name])])) for name in names))


# Time says nothing here: machines are busy.
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(a_method(), min_size=1, max_size=5, unique=True))
def test_what_is_written_is_read_again(methods):
    assert parse_methods(format_methods(methods)) == methods


def test_a_comma_begins_a_method_or_goes_on_with_one():
    methods = parse_methods("structural:input_size=50, strong,structural:colors=keyed,bend=true,key_scope=pool:64,plain")
    assert [dict(method.options) for method in methods] == [
        {"input_size": 50},
        {"input_size": 32, "coordinate_decimals": 0, "colors": "keyed", "bend": True},
        {"colors": "keyed", "bend": True, "key_scope": "pool:64"},
        {},
    ]
    assert parse_methods("plain,plain") == parse_methods("plain")
    assert str(parse_methods("strong:input_size=40")[0]).startswith("structural:input_size=40,coordinate_decimals=0")


def test_strong_is_the_mode_of_its_configuration():
    said = load_config(str(ROOT / "configs" / "cifar10_structural_strong.yaml"))["deid"]
    written = ",".join(f"{name}={value}" for name, value in said.items() if name not in UNASKED)
    assert parse_methods(f"{said['scheme']}:{written}") == [ALIASES["strong"]] == parse_methods("strong")


def test_the_usual_methods():
    methods = with_ceiling(parse_methods(DEFAULT))
    assert [str(method) for method in methods][:3] == ["plain", "structural:input_size=50", "structural:input_size=32"]
    assert with_ceiling(methods) == methods
    kept, said = suiting(methods, 18)
    assert [str(method) for method in methods if method not in kept] == ["pixelate:cells=20"] and "20" in said[0]


@pytest.mark.parametrize(("side", "size"), [(25, 25), (32, 32), (150, 150), (3000, 224)])
def test_what_changes_pixels_takes_images_as_large_as_they_came(side, size):
    assert Method("plain").config(side).input_size == size and Method("structural").config(side).input_size == 50
    assert Method("plain", (("input_size", 20),)).config(side).input_size == 20


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("structurl", "unknown method 'structurl'. Did you mean 'structural'"),
        ("", "unknown method ''"),
        ("plain,,strong", "unknown method ''"),
        ("bend=true", "methods must begin with a method, as in pixelate:cells=12; they began with 'bend=true'"),
        ("structural:colour=keyed", "unknown option of structural 'colour'. Did you mean 'colors'"),
        ("plain:bend=true", "bend 'true' is for the scheme structural alone, scheme was 'plain'. Leave it out."),
        ("structural:output_size=50", "unknown option of structural 'output_size'"),
        ("structural:bend", "an option is written name=value, of structural there was 'bend'"),
        ("structural:bend=", "an option is written name=value, of structural there was 'bend='"),
        ("structural:bend=maybe", "bend must be true or false, it was 'maybe'"),
        ("structural:input_size=5.5", "input_size must be a whole number, it was '5.5'"),
    ],
)
def test_mistakes(text, message):
    with pytest.raises(DeidError, match=re.escape(message)):
        parse_methods(text)


def test_a_value_that_is_out_of_bounds_names_the_method():
    with pytest.raises(DeidError, match="method structural:input_size=1: input_size must be"):
        parse_methods("structural:input_size=1")[0].config(32)
