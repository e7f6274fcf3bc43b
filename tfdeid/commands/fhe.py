"""`tfdeid fhe RUN`: lets a trained network classify encrypted images, and says what that costs."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence

import numpy as np
from etils import epath
from tqdm import tqdm

from tfdeid.commandline import writing
from tfdeid.errors import DeidError
from tfdeid.files import write_text
from tfdeid.parser import Parser
from tfdeid.paths import local_path
from tfdeid.terminal import import_keras
from tfdeid.train import engines

_EPILOG = """\
examples:
  python -m tfdeid.train --dataset cifar10 --model cryptonet --schedule "10 x 1e-3" --run_dir runs/cryptonet
  tfdeid fhe runs/cryptonet --num_images 32

A client encrypts test images by CKKS (Microsoft SEAL, 128 bits of security), a server that has the network in the clear
answers, and the client decrypts: the server learns nothing of images or answers. The network was trained on images in the
clear.
"""


def run(argv: Sequence[str], program: str) -> int:
    arguments = _parser(program).parse(argv)
    if arguments.num_images < 1:
        raise DeidError(f"num_images must be at least 1, num_images was {arguments.num_images}.")
    import_keras(engines.backend_of(arguments.run))
    from tfdeid.fhe.perform import perform  # Late: Keras takes seconds.
    from tfdeid.train.evaluation import load_network, open_test_data  # Late: as above.
    from tfdeid.train.run_dir import RunDir  # Late: as above.

    training_run = RunDir.open(arguments.run)
    data = open_test_data(training_run, arguments.dataset, arguments.data_dir, arguments.split)
    # Without a label there is no right answer.
    labelled = ((images, labels) for images, labels in data.read(data.test_batches(1)) if labels[0] >= 0)
    images, labels = zip(*itertools.islice(labelled, arguments.num_images), strict=True)
    with tqdm(unit="step", desc="encrypted", leave=False, disable=None) as bar:

        def progress(steps: int) -> None:
            if steps:
                bar.reset(steps)
            else:
                bar.update()

        network = load_network(training_run)
        predict = engines.module().Predictor(network)
        outcome = perform(network, predict, np.concatenate(images), np.concatenate(labels), progress)
    print(outcome)
    if arguments.output:
        with writing(arguments.output, "output"):
            write_text(epath.Path(local_path(arguments.output, "output")), json.dumps(outcome.to_dict(), indent=1) + "\n")
        print(f"wrote {arguments.output}")
    return 0


def _parser(program: str) -> Parser:
    parser = Parser(program, "Classify encrypted images with a trained network (pip install 'tfdeid[fhe]').", epilog=_EPILOG)
    parser.add_argument("run", metavar="RUN", help="folder of a training run of --model cryptonet")
    parser.add_argument("--dataset", help="TFDS dataset of the same kind (default: what the run was tested on)")
    parser.add_argument("--data_dir", help="TFDS data directory that it is read from (default: the run's)")
    parser.add_argument("--split", help="split of it (default: the run's test split)")
    parser.add_argument("--num_images", type=int, default=32, help="its first images with labels (default: %(default)s)")
    parser.add_argument("--output", metavar="FILE", help="JSON file for the figures")
    return parser
