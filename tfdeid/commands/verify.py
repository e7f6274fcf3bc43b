"""`tfdeid verify`: checks that a de-identified dataset is whole, and is what a key makes of its source."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence

from etils import epath
from tqdm import tqdm

from tfdeid.commandline import writing
from tfdeid.data.sources import references
from tfdeid.errors import DeidError
from tfdeid.files import write_text
from tfdeid.key import Key
from tfdeid.parser import Parser
from tfdeid.paths import local_path
from tfdeid.verify import Owner, verify


def run(argv: Sequence[str], program: str) -> int:
    arguments = _parser(program).parse(argv)
    if arguments.source is None and arguments.key is not None:
        raise DeidError("a key alone can't check anything: give --source too, or neither.")
    if arguments.num_images < 1:
        raise DeidError(f"num_images must be at least 1, num_images was {arguments.num_images}.")
    owner = _owner(arguments)
    with tqdm(unit="shard", desc="verifying", leave=False, disable=None) as bar:
        verification = verify(arguments.dataset, arguments.data_dir, owner, bar.update)
    print(verification)
    if arguments.output:
        content = json.dumps(verification.to_dict(), indent=1) + "\n"
        with writing(arguments.output, "output"):
            write_text(epath.Path(local_path(arguments.output, "output")), content)
        print(f"wrote {arguments.output}")
    return 1 if verification.problems else 0


def _owner(arguments: argparse.Namespace) -> Owner | None:
    if arguments.source is None:
        return None
    num_images = None if arguments.all else arguments.num_images
    return Owner(Key.load(arguments.key), arguments.source, arguments.source_data_dir, num_images, arguments.seed)


def _parser(program: str) -> Parser:
    parser = Parser(
        program,
        "Check every shard of a de-identified dataset: CRC, counts, records, images, labels, ids and metadata. With "
        "--source and --key, its owner also learns whether the records are what the key makes of the source. The exit code "
        "is 1 if something is wrong.",
    )
    parser.add_argument(
        "dataset", metavar="DATASET", help="as for tfdeid.load: cifar10_deid, cifar10_deid/structural_50_224, or its folder"
    )
    parser.add_argument("--data_dir", help="TFDS data directory that holds it (default: TFDS's own)")
    parser.add_argument("--source", help=f"what it was made of: {references()}")
    parser.add_argument("--source_data_dir", help="TFDS data directory that --source is read from (default: TFDS's own)")
    parser.add_argument("--key", help="key reference (default, with --source: ~/.config/tfdeid/key)")
    parser.add_argument(
        "--num_images", type=int, default=200, help="images of each split to make again and compare (default: %(default)s)"
    )
    parser.add_argument("--all", action="store_true", help="make all images again and compare")
    parser.add_argument("--seed", type=int, default=0, help="seed of the draw of images (default: %(default)s)")
    parser.add_argument("--output", help="write the report to this JSON file too")
    return parser
