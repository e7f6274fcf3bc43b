"""What we use of Beam that has no public name is there, and works as we use it.

If this fails after an upgrade of apache-beam, see `_check_beam_options` in beam/options.py, which asks Beam's own parser which
options there are; then raise the bound in setup.py.
"""

from __future__ import annotations

import apache_beam
import pytest
from apache_beam.options import pipeline_options

from beam import options
from tests.conftest import ROOT
from tfdeid.errors import DeidError


def test_beams_parser_is_where_it_was():
    upgrade = f"apache-beam {apache_beam.__version__} has moved it: see beam/options.py, and raise the bound in setup.py after"
    assert hasattr(pipeline_options, "_BeamArgumentParser"), upgrade
    assert all(hasattr(known, "_add_argparse_args") for known in pipeline_options.PipelineOptions.__subclasses__()), upgrade


def test_the_version_is_bounded_by_what_was_tried():
    (bound,) = [line for line in (ROOT / "setup.py").read_text().splitlines() if line.strip().startswith('"apache-beam>=')]
    assert ",<" in bound


@pytest.mark.parametrize("argument", ["--direct_num_workers=2", "--project=p", "--save_main_session"])
def test_beams_options_are_left_to_beam(argument):
    *_, rest = options.parse(["--runner=DirectRunner", argument])
    assert argument in rest


def test_what_neither_knows_is_named():
    with pytest.raises(DeidError, match="unknown option '--direct_num_worker'. Did you mean '--direct_num_workers'"):
        options.parse(["--direct_num_worker=2"])


def test_options_are_judged_together_when_all_are_read():
    """The default input size is none of block_shuffle's, and some sizes are none with the default decimals."""
    given = [["--scheme=block_shuffle", "--input_size=24"], ["--input_size=2000", "--coordinate_decimals=0"]]
    assert [options.parse(argv)[2].input_size for argv in given] == [24, 2000]
    with pytest.raises(DeidError, match="input_size must be a multiple of 4 for the scheme 'block_shuffle'"):
        options.parse(["--scheme=block_shuffle"])


def test_what_a_file_says_for_another_scheme_is_refused(tmp_path):
    (tmp_path / "c.yaml").write_text("deid: {scheme: structural, axes: independent}\n")
    with pytest.raises(DeidError, match="in the file of --config: axes 'independent' is for the scheme structural alone"):
        options.parse([f"--config={tmp_path / 'c.yaml'}", "--scheme=plain"])
