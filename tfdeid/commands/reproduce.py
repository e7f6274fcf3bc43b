"""`tfdeid reproduce`: runs the paper's experiments, and prints its tables beside ours."""

from __future__ import annotations

import argparse
import pathlib
from collections.abc import Sequence

from tfdeid.commandline import absolute, absolute_key, command, writing
from tfdeid.data.sources import absolute_dataset, references
from tfdeid.errors import DeidError, unknown_name
from tfdeid.experiments.scale import SCALES, Scale
from tfdeid.experiments.workshop import Workshop
from tfdeid.parser import Parser
from tfdeid.paths import local_path
from tfdeid.reproduce import table_output
from tfdeid.reproduce.frontier import FRONTIER, frontier
from tfdeid.reproduce.run import reproduce
from tfdeid.reproduce.tables import DATASET, TABLES, make_table
from tfdeid.terminal import import_tensorflow


def run(argv: Sequence[str], program: str) -> int:
    arguments = _parser(program).parse(argv)
    if arguments.scale not in SCALES:
        raise unknown_name("scale", arguments.scale, SCALES)
    scale = SCALES[arguments.scale]
    dataset = absolute_dataset(arguments.dataset, arguments.data_dir)
    if arguments.table not in (*TABLES, FRONTIER):
        raise unknown_name("table", arguments.table, [*TABLES, FRONTIER])
    folder = local_path(arguments.output_dir, "output_dir") / scale.name
    import_tensorflow()
    if arguments.table == FRONTIER:
        return _compare(arguments, dataset, scale, folder)
    table = make_table(arguments.table, scale, dataset)
    workshop = Workshop(folder, arguments.data_dir, arguments.key)
    if arguments.kept:
        table = table.kept(workshop)
        if not table.parts:
            raise DeidError(f"{folder} has none of the parts of {table.name} that this key and --data_dir make.")
    figures = reproduce(table, scale, workshop)
    with writing(arguments.output_dir, "output_dir"):
        paths = table_output.write(figures, table, scale, workshop.folder, {"key_fingerprint": workshop.key.fingerprint})
    print(f"\n{table_output.text(figures, table)}\nwrote {', '.join(map(str, paths))}")
    return 0


def _compare(arguments: argparse.Namespace, dataset: str, scale: Scale, folder: pathlib.Path) -> int:
    """Compares methods as `tfdeid compare` does, with its files in the folder of the scale."""
    lines = ["tfdeid reproduce frontier", command("--dataset", dataset), command("--scale", scale.name)]
    lines += [command("--data_dir", absolute(arguments.data_dir))] if arguments.data_dir else []
    lines += [command("--key", absolute_key(arguments.key)), command("--output_dir", absolute(arguments.output_dir))]
    return frontier(dataset, arguments.data_dir, scale, arguments.key, folder, arguments.kept, " \\\n    ".join(lines))


def _parser(program: str) -> Parser:
    parser = Parser(
        program,
        "Run what a table of the paper needs, and print the paper's figures and ours side by side. What is finished is "
        "kept: the same command goes on after an interruption, and tables share what they have in common. frontier is no "
        "table of the paper: it is `tfdeid compare` on CIFAR-10, with all modes of the scheme and all baselines.",
    )
    parser.add_argument("table", metavar="TABLE", help=", ".join([*TABLES, FRONTIER]))
    parser.add_argument(
        "--scale",
        default="quick",
        help=f"{', '.join(SCALES)}. quick: minutes a network on two cores, which is a small one. standard: half an hour a "
        "network. paper: the whole experiment. What it costs is printed first (default: %(default)s)",
    )
    parser.add_argument(
        "--dataset",
        default=DATASET,
        help=f"what stands for CIFAR-10, with splits train and test: {references()} (default: %(default)s)",
    )
    parser.add_argument("--data_dir", help="TFDS data directory with cifar10 or imagenet2012 (default: TFDS's own)")
    parser.add_argument("--key", default="paper", help="key reference (default: %(default)s, the published key)")
    parser.add_argument("--output_dir", default="reproduced", help="folder for results and parts (default: %(default)s)")
    parser.add_argument("--kept", action="store_true", help="run nothing: show what is kept, and leave the rest blank")
    return parser
