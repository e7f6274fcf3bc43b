"""`tfdeid compare`: methods side by side on one's own dataset."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from tfdeid.commandline import absolute, absolute_key, command, writable_folder
from tfdeid.data.sources import SourceConfig, absolute_dataset, references
from tfdeid.errors import DeidError, unknown_name
from tfdeid.experiments.scale import SCALES
from tfdeid.key import Key
from tfdeid.parser import Parser
from tfdeid.terminal import import_tensorflow_for_attackers

_SCALES = [name for name, scale in SCALES.items() if not scale.is_whole]
_EXAMPLES = """\
examples:
  tfdeid compare --dataset folder:/data/scans
      the usual methods on class folders: how well a network still learns, and how much attackers get
  tfdeid compare --dataset folder:/data/people --identity folder --max_reidentified 5
      folders of people, one a person: who is it; and which method to take
  tfdeid compare --dataset cifar10 --methods structural:input_size=50,pixelate:cells=12,structural:colors=keyed,bend=true
      methods of your own choice: a comma begins a new one where what follows names one, else a further option

For each method the dataset is de-identified, a network is trained on it and tested, and the records of the test split are
attacked: what the best attacker makes of them (recovered), which original they belong to (linked), and if asked for who it is
(--identity), what is written there (--text), and what else a network tells of them (--sensitive). plain is always among the
methods: it is what there would be without any. Beside each stands the mosaic (pixelate) of equal accuracy, interpolated between
those that were run, and what attackers get of that.
A split is held out where there is but one. Where there are no labels, or they are who it is, no network is trained.
Exit code: 1 if a part failed, which its row says; others go on. What is finished is kept, and the same command goes on.
"""


class _Help(argparse.RawDescriptionHelpFormatter):
    pass


def run(argv: Sequence[str], program: str) -> int:
    arguments = _parser(program).parse(argv)
    if arguments.scale not in _SCALES:
        raise unknown_name("scale", arguments.scale, _SCALES)
    if arguments.seeds < 1:
        raise DeidError(f"seeds must be at least 1, seeds was {arguments.seeds}.")
    from tfdeid.compare.methods import DEFAULT, parse_methods  # Late: --help needs no schemes.
    from tfdeid.compare.recommend import Limits  # Late: as above.

    methods = parse_methods(arguments.methods or DEFAULT)
    limits = Limits(arguments.max_reidentified, arguments.max_linked, arguments.min_accuracy)
    key = arguments.key
    if key is None:
        _, path, made = Key.load_or_create_default()
        key = str(path)
        print(f"{'made' if made else 'using'} the key {key}")
    dataset = absolute_dataset(arguments.dataset, arguments.data_dir)
    import_tensorflow_for_attackers()
    from tfdeid.compare.perform import perform  # Late: loads scipy and TensorFlow Datasets.
    from tfdeid.compare.plan import Question  # Late: as above.
    from tfdeid.experiments.splits import held_out  # Late: as above.
    from tfdeid.experiments.workshop import Workshop  # Late: as above.

    config = SourceConfig(
        dataset, arguments.data_dir, image_feature=arguments.image_feature, label_feature=arguments.label_feature
    )
    chosen = held_out(config)
    folder = writable_folder(arguments.output_dir, "output_dir")
    workshop = Workshop(folder, arguments.data_dir, key, chosen)
    question = Question(
        dataset,
        SCALES[arguments.scale],
        arguments.identity,
        arguments.text,
        arguments.sensitive,
        arguments.seeds,
    )
    unasked = arguments.methods is None
    return perform(question, methods, limits, workshop, folder, arguments.kept, unasked, repeating(arguments, dataset, key))


def repeating(arguments: argparse.Namespace, dataset: str, key: str) -> str:
    """Returns what repeats a comparison, from every folder. A key has only its reference here."""
    values = {**vars(arguments), "dataset": dataset, "key": absolute_key(key), "output_dir": absolute(arguments.output_dir)}
    if arguments.data_dir:
        values["data_dir"] = absolute(arguments.data_dir)
    lines = ["tfdeid compare"]
    for name, value in values.items():
        if value is not None and value is not False:
            lines.append(command(f"--{name}", *([] if value is True else [value])))
    return " \\\n    ".join(lines)


def _parser(program: str) -> Parser:
    parser = Parser(
        program,
        "Compare methods on your own dataset: what a network still learns from what they make of it, and what attackers get.",
        epilog=_EXAMPLES,
        formatter_class=_Help,
    )
    parser.add_argument("--dataset", required=True, help=references())
    parser.add_argument("--data_dir", help="TFDS data directory that --dataset is read from (default: TFDS's own)")
    parser.add_argument("--image_feature", metavar="F", help="feature that holds the image (default: the one that is clear)")
    parser.add_argument("--label_feature", metavar="F", help="likewise the label to train for; none for no labels")
    parser.add_argument("--identity", metavar="F", help="feature that says who it is, as `folder`: people are re-identified")
    parser.add_argument("--text", metavar="F", help="feature that holds what is written in the image: it is read")
    parser.add_argument("--sensitive", metavar="F", help="feature that is to stay unknown: it is inferred")
    parser.add_argument(
        "--methods",
        metavar="M,M,...",
        help="methods with their options, as in pixelate:cells=12,strong (default: structural at 50 and 32, mosaics of 8, 12, "
        "16 and 20 cells, blur, strong)",
    )
    parser.add_argument(
        "--scale",
        default="quick",
        help=f"{' or '.join(_SCALES)}: how long networks are trained (default: %(default)s)",
    )
    parser.add_argument("--seeds", type=int, default=1, help="networks a method; the mean counts (default: %(default)s)")
    parser.add_argument("--key", metavar="REF", help="key reference (default: ~/.config/tfdeid/key, made at need)")
    parser.add_argument(
        "--output_dir",
        default="compared",
        help="folder for compare.html, compare.json, compare.png and what is kept (default: %(default)s)",
    )
    parser.add_argument(
        "--max_reidentified",
        type=float,
        metavar="P",
        help="recommend a method with at most so many percent re-identified",
    )
    parser.add_argument("--max_linked", type=float, metavar="P", help="likewise linked to the original")
    parser.add_argument("--min_accuracy", type=float, metavar="P", help="likewise with at least this accuracy, in percent")
    parser.add_argument("--kept", action="store_true", help="run nothing: show what is kept, and leave the rest blank")
    return parser
