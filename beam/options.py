"""The command line of `python -m beam.deid`: our options from dataclasses, the rest must be Beam's own."""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Sequence
from typing import Any

from beam.job import FILE_FORMATS
from tfdeid.data.sources import SourceConfig, plugin_references
from tfdeid.deidentifier import DeidConfig
from tfdeid.errors import DeidError, unknown_name
from tfdeid.options import add_section, read_sections, section_of, unknown_argument
from tfdeid.parser import DataclassHelp, Parser

LOCAL_RUNNERS = ("DirectRunner", "FnApiRunner", "BundleBasedDirectRunner", "PrismRunner", "InteractiveRunner")
_SECTIONS: dict[str, type] = {"source": SourceConfig, "deid": DeidConfig}
MODES = ("fail", "resume", "overwrite")
# Options that are fields of `SourceConfig`, so that a file may give them too.
_OF_SOURCE = ("dataset", "data_dir", "image_feature", "label_feature", "limit")

_EXAMPLES = """\
examples:
  python -m beam.deid --runner=DirectRunner
      the bundled faces, into TFDS's data directory
  python -m beam.deid --dataset cifar10 --direct_running_mode=multi_processing --direct_num_workers=0
      a TFDS dataset, on all cores of this machine
  python -m beam.deid --dataset folder:/data/scans --input_size 100 --key ~/keys/scans --limit 100
      a trial on 100 images of a folder with one subfolder a class
  python -m beam.deid --dataset 'wds:/data/train-{000000..000009}.tar'
      WebDataset archives; the pattern needs quotes

Every option of Apache Beam is understood too (--runner, --direct_num_workers, --project, --temp_location, ...).
"""


@dataclasses.dataclass(frozen=True)
class RunOptions:
    """What to read and where to write"""

    dataset: str = "lfw_subset"
    """TFDS name[/config][:version], folder:PATH with a subfolder a class, wds:PATTERN (WebDataset archives), parquet:PATTERN
    (files of Hugging Face's datasets), or lfw_subset: 200 small images that are bundled."""
    data_dir: str | None = None
    """TFDS data directory that --dataset is read from (default: TFDS's own)."""
    splits: str | None = None
    """Comma-separated splits to read (default: all)."""
    image_feature: str | None = None
    """The feature that holds the image, by name or path a/b; of wds: an ending (default: the one that is clear)."""
    label_feature: str | None = None
    """Likewise the label: a ClassLabel, a text, an integer, a boolean, of wds: also json/FIELD; none writes without labels."""
    limit: int | None = None
    """Read only this many images of each split, drawn by class_seed, as many of each class as can be: a trial."""
    output_dir: str | None = None
    """TFDS data directory that the result is written to (default: TFDS's own, so that tfdeid.load finds it)."""
    name: str | None = None
    """Name of the result (default: the source's name and _deid)."""
    key: str | None = None
    """A file, env:NAME, gcp-secret:projects/P/secrets/S/versions/V or paper (default: ~/.config/tfdeid/key, made at need)."""
    key_on_workers: bool = False
    """With a remote runner: the key's file or environment variable exists on every worker."""
    config: str | None = None
    """YAML file whose sections source and deid give defaults for these options."""
    file_format: str = "tfrecord"
    """tfrecord, or array_record for random access by tfdeid.data_source."""
    num_shards: int | None = None
    """Shards a split (default: one for every 512 images)."""
    mode: str = "fail"
    """What to do if the output exists: fail, resume (make the missing shards) or overwrite."""
    max_failed_ratio: float = 0.0
    """Share of images that may fail before the result is withheld and the exit code is 1."""

    def __post_init__(self) -> None:
        for name, value, known in (("mode", self.mode, MODES), ("file_format", self.file_format, FILE_FORMATS)):
            if value not in known:
                raise unknown_name(name, value, known)
        for name in ("limit", "num_shards"):
            value = getattr(self, name)
            if value is not None and (type(value) is not int or value < 1):
                raise DeidError(f"{name} must be a whole number of at least 1, {name} was {value!r}.")
        if not 0 <= self.max_failed_ratio <= 1:
            raise DeidError(f"max_failed_ratio must be in [0, 1], max_failed_ratio was {self.max_failed_ratio}.")


def parse(
    argv: Sequence[str] | None, program: str = "python -m beam.deid"
) -> tuple[RunOptions, SourceConfig, DeidConfig, list[str]]:
    """Reads the command line; values of `--config` are defaults, options on the command line win.

    Returns:
      What to do, what to read, what to do to each image, and the arguments that are Beam's.

    Raises:
      DeidError: an option or a key of the file is unknown (the message names the nearest), or a value is out of bounds.
    """
    argv = list(argv) if argv is not None else None
    sections = read_sections(argv, _SECTIONS)
    source_values = sections["source"]
    shared = {name: source_values.pop(name) for name in _OF_SOURCE if name in source_values}

    parser = Parser(program, "De-identify an image dataset and write it as a TFDS dataset.", _EXAMPLES, DataclassHelp)
    parser.add_arguments(RunOptions, dest="run", default=RunOptions(**shared))
    parser.lists.append(_sources_of_others)
    add_section(parser, "deid", DeidConfig, sections["deid"])
    parsed, rest = parser.parse_known_args(argv)
    run: RunOptions = parsed.run
    _check_beam_options(rest, parser, sections)
    source_values |= {name: getattr(run, name) for name in _OF_SOURCE}
    if run.splits is not None:
        source_values["splits"] = tuple(run.splits.split(","))
    return run, SourceConfig(**source_values), section_of(parsed, "deid", DeidConfig), rest


def _sources_of_others() -> str:
    """Returns lines on what `--dataset` takes beside what its help says."""
    lines = [f"  {reference}  (plug-in {plugin})" for reference, plugin in plugin_references().items()]
    return "\n".join(["further sources, for --dataset:", *lines]) if lines else ""


def runner_name(beam_argv: Sequence[str]) -> str:
    """Returns the name of the runner's class, as Beam spells it if it is one of Beam's own.

    Raises:
      DeidError: there is no such runner.
    """
    if (plain := _plain_runner(beam_argv)) is not None:
        return plain
    from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions  # Late: Beam takes a second.

    name = PipelineOptions(beam_argv).view_as(StandardOptions).runner or LOCAL_RUNNERS[0]
    short = name.rsplit(".", 1)[-1]
    known = {runner.lower(): runner for runner in (*LOCAL_RUNNERS, *StandardOptions.KNOWN_RUNNER_NAMES)}
    runner = known.get(short.lower(), known.get(short.lower() + "runner"))
    if runner is None and "." not in name:  # With a point it is a class that Beam imports.
        raise unknown_name("runner", name, known.values())
    return runner or short


def _plain_runner(beam_argv: Sequence[str]) -> str | None:
    """Returns the local runner that is asked for by its full name or by none; None if Beam has to look at the options."""
    parser = Parser("", add_help=False)
    parser.add_argument("--runner", choices=LOCAL_RUNNERS, default=LOCAL_RUNNERS[0])
    try:
        parsed, others = parser.parse_known_args(beam_argv)
    except DeidError:
        return None
    return None if others else parsed.runner


def _check_beam_options(rest: list[str], ours: Parser, sections: dict[str, dict[str, Any]]) -> None:
    """Raises DeidError for an option that Beam does not know either; Beam by itself only logs it."""
    if _plain_runner(rest) is not None:
        return
    from apache_beam.options.pipeline_options import (
        PipelineOptions,
        _BeamArgumentParser,
    )  # Late: Beam takes a second, and the parser may be gone in another version.

    _import_runner(rest)
    beams = _BeamArgumentParser(allow_abbrev=False, add_help=False)
    for options in {str(options): options for options in PipelineOptions.__subclasses__()}.values():
        options._add_argparse_args(beams)
    _, unknown = beams.parse_known_args(rest)
    for argument in unknown:
        raise unknown_argument(argument, ours, _SECTIONS, sections, beams._option_string_actions)


def _import_runner(rest: list[str]) -> None:
    """Imports the module of a runner that is named by its class, as Dask's is: its options are known only then.

    Raises:
      DeidError: there is no such module.
    """
    from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions  # Late: Beam takes a second.

    name = PipelineOptions(rest).view_as(StandardOptions).runner or ""
    if "." in name:
        try:
            importlib.import_module(name.rpartition(".")[0])
        except ImportError as error:
            raise DeidError(f"the runner {name!r} can't be imported: {error}.") from error
