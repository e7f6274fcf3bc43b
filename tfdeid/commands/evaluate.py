"""`tfdeid evaluate RUN`, `python -m tfdeid.evaluate RUN`: tests the network of a training run."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence

import simple_parsing
from etils import epath

from tfdeid.commandline import absolute, writing
from tfdeid.errors import unknown_name
from tfdeid.files import write_text
from tfdeid.options import parse
from tfdeid.terminal import import_keras
from tfdeid.train.engines import backend_of

_EXAMPLES = """\
examples:
  python -m tfdeid.evaluate runs/quick_deid
  python -m tfdeid.evaluate runs/quick_deid --checkpoint best --dataset cifar10_deid/structural_50_64 --data_dir /data/tfds
"""


@dataclasses.dataclass(frozen=True)
class EvaluateOptions:
    """What to test, and on what"""

    run: str = simple_parsing.field(positional=True, metavar="RUN")
    """Folder of the training run."""
    dataset: str | None = None
    """TFDS dataset to test on, of the same scheme and key (default: what the run was tested on)."""
    data_dir: str | None = None
    """TFDS data directory that it is read from (default: the run's)."""
    split: str | None = None
    """Split to test on (default: the run's test split)."""
    checkpoint: str = "last"
    """last, or best: the one that was chosen by its accuracy on the test split."""
    output_dir: str | None = None
    """Folder for evaluation.json and confusion.png (default: the run's folder)."""

    def __post_init__(self) -> None:
        if self.checkpoint not in ("last", "best"):
            raise unknown_name("checkpoint", self.checkpoint, ("last", "best"))


def run(argv: Sequence[str] | None = None, program: str = "tfdeid evaluate") -> int:
    """Evaluates; returns 0, or raises DeidError for what the user can mend."""
    (options,) = parse(argv, program, "Test the network of a training run.", _EXAMPLES, EvaluateOptions, {})
    import_keras(backend_of(options.run))
    from tfdeid.train.confusion import draw_confusion, table  # Late: as above.
    from tfdeid.train.evaluation import evaluate  # Late: TensorFlow takes seconds.
    from tfdeid.train.run_dir import RunDir  # Late: as above.

    evaluation = evaluate(RunDir.open(options.run), options.dataset, options.data_dir, options.split, options.checkpoint)
    folder = epath.Path(absolute(options.output_dir or options.run))
    with writing(folder, "output_dir"):
        write_text(folder / "evaluation.json", json.dumps(evaluation.to_dict(), indent=1) + "\n")
        write_text(folder / "confusion.png", draw_confusion(evaluation))
    print(table(evaluation))
    print(f"\nwrote {folder / 'evaluation.json'} and {folder / 'confusion.png'}")
    return 0
