"""`tfdeid classify`: de-identifies private images and lets a trained network classify them."""

from __future__ import annotations

from collections.abc import Sequence

from tfdeid.data.draw import read_images
from tfdeid.key import Key
from tfdeid.parser import Parser
from tfdeid.terminal import import_keras
from tfdeid.train.engines import backend_of


def run(argv: Sequence[str], program: str) -> int:
    arguments = _parser(program).parse(argv)
    import_keras(backend_of(arguments.run))
    from tfdeid.train.classify import classify, needs_key  # Late: TensorFlow takes seconds.
    from tfdeid.train.run_dir import RunDir  # Late: as above.

    training_run = RunDir.open(arguments.run)
    key = Key.load(arguments.key) if needs_key(training_run) else None
    images = read_images(arguments.images)
    names = training_run.record["dataset"]["label_names"]
    predicted = classify(images, training_run, key, arguments.checkpoint)
    for path, probabilities in zip(arguments.images, predicted, strict=True):
        best = probabilities.argsort()[::-1][: max(1, arguments.top)]
        print(f"{path}: " + ", ".join(f"{names[k]} {probabilities[k]:.3f}" for k in best))
    return 0


def _parser(program: str) -> Parser:
    parser = Parser(program, "De-identify private images with your key, here, and print what a trained network takes them for.")
    parser.add_argument("images", nargs="+", metavar="IMAGE", help="image file")
    parser.add_argument("--run", required=True, help="folder of the training run (python -m tfdeid.train)")
    parser.add_argument("--key", help="key reference (default: ~/.config/tfdeid/key)")
    parser.add_argument("--checkpoint", choices=("last", "best"), default="last", help="default: %(default)s")
    parser.add_argument("--top", type=int, default=5, help="classes to show (default: %(default)s)")
    return parser
