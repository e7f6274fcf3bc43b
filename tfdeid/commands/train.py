"""`tfdeid train`, `python -m tfdeid.train`: trains a network on a prepared TFDS dataset."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from tfdeid.commandline import command
from tfdeid.data.batches import DataConfig
from tfdeid.errors import DeidError
from tfdeid.options import parse
from tfdeid.terminal import import_keras
from tfdeid.train.config import TrainConfig

_EXAMPLES = """\
examples:
  python -m tfdeid.train --dataset lfw_subset_deid --model small --epochs 5 --run_dir runs/faces
      a trial on what `python -m beam.deid` makes of the bundled faces
  python -m tfdeid.train --config configs/quick_deid.yaml --data_dir ~/tensorflow_datasets --run_dir runs/quick_deid
      an experiment in a file; options here win
The same command again goes on with a run that was interrupted.
"""


@dataclasses.dataclass(frozen=True)
class RunOptions:
    """Where results go"""

    run_dir: str | None = None
    """Folder of the run: checkpoints, logs, networks and run.json."""
    config: str | None = None
    """YAML file whose sections data and train give defaults for these options."""


def run(argv: Sequence[str] | None = None, program: str = "tfdeid train") -> int:
    """Trains; returns 0, or raises DeidError for what the user can mend."""
    sections = {"data": DataConfig, "train": TrainConfig}
    options, data, train_config = parse(
        argv, program, "Train a network on a prepared TFDS dataset.", _EXAMPLES, RunOptions, sections
    )
    if not options.run_dir:
        raise DeidError("say where results go with --run_dir, a folder for this run alone.")
    import_keras()
    from tfdeid.train.trainer import train  # Late: TensorFlow takes seconds.

    try:
        done = train(data, train_config, options.run_dir)
    except KeyboardInterrupt:
        raise DeidError(f"interrupted. The same command goes on from the last whole epoch in {options.run_dir}.") from None
    results = done.record.get("results")
    if results:
        print(
            f"\ntest accuracy {results['test_accuracy']:.4f} after epoch {results['epochs']}; "
            f"best {results['best_test_accuracy']:.4f} after epoch {results['best_epoch']} (chosen on the same test images)\n"
            f"run: {done.path} (run.json, log.csv, tensorboard/, last.keras, best.keras)\n"
            f"next: {command('python', '-m', 'tfdeid.evaluate', done.path)}"
        )
    return 0
