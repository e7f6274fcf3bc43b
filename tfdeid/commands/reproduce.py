"""`tfdeid reproduce`: runs the paper's experiments, and prints its tables beside ours."""

from __future__ import annotations

from collections.abc import Sequence

from tfdeid.commandline import writing
from tfdeid.errors import DeidError, unknown_name
from tfdeid.experiments.workshop import Workshop
from tfdeid.parser import Parser
from tfdeid.paths import local_path
from tfdeid.reproduce import table_output
from tfdeid.reproduce.run import reproduce
from tfdeid.reproduce.tables import SCALES, TABLES, make_table
from tfdeid.terminal import import_tensorflow


def run(argv: Sequence[str], program: str) -> int:
    arguments = _parser(program).parse(argv)
    if arguments.scale not in SCALES:
        raise unknown_name("scale", arguments.scale, SCALES)
    scale = SCALES[arguments.scale]
    table = make_table(arguments.table, scale)
    import_tensorflow()
    folder = local_path(arguments.output_dir, "output_dir") / scale.name
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


def _parser(program: str) -> Parser:
    parser = Parser(
        program,
        "Run what a table of the paper needs, and print the paper's figures and ours side by side. What is finished is "
        "kept: the same command goes on after an interruption, and tables share what they have in common.",
    )
    parser.add_argument("table", metavar="TABLE", help=", ".join(TABLES))
    parser.add_argument(
        "--scale",
        default="quick",
        help=f"{' or '.join(SCALES)}. quick: under 40 minutes on two cores (frontier: over two hours), with fewer images, "
        "epochs and seeds, and a small network. paper: the whole experiment; its cost is printed first (default: %(default)s)",
    )
    parser.add_argument("--data_dir", help="TFDS data directory with cifar10 or imagenet2012 (default: TFDS's own)")
    parser.add_argument("--key", default="paper", help="key reference (default: %(default)s, the published key)")
    parser.add_argument("--output_dir", default="reproduced", help="folder for results and parts (default: %(default)s)")
    parser.add_argument("--kept", action="store_true", help="run nothing: show what is kept, and leave the rest blank")
    return parser
