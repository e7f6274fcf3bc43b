"""What a trained network makes of images: predictions, accuracy, and the figures of a classifier."""

from __future__ import annotations

import dataclasses
import itertools
import time
from collections.abc import Callable
from typing import Any, TypeVar

import keras
import numpy as np
from tqdm import tqdm

from tfdeid.data.batches import DataConfig, ImageData, check_testable
from tfdeid.data.same_content import check_same_content
from tfdeid.errors import DeidError
from tfdeid.models import make_model
from tfdeid.train import engines
from tfdeid.train.run_dir import LAST, RunDir

T = TypeVar("T")
Predictor = Callable[..., np.ndarray]
"""A network as a function from images, and the batch size that they are filled up to, to logits."""
_BATCH_SIZE = 64
_TIMED_CALLS = {1: 30, _BATCH_SIZE: 5}  # batch size -> calls, of which the median counts


def accuracy_and_loss(predictor: Predictor, data: ImageData, batch_size: int) -> tuple[float, float]:
    """Returns the share of right answers and the mean cross-entropy of the examples that have labels."""
    cross_entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="sum")
    right = loss = 0.0
    for images, labels in data.read(data.test_batches(batch_size)):
        labels = np.asarray(labels)
        known = labels >= 0
        labels, logits = labels[known], predictor(images, batch_size)[known]
        right += float((logits.argmax(-1) == labels).sum())
        loss += float(cross_entropy(labels, logits))
    labelled = data.size - data.unlabelled
    return right / labelled, loss / labelled


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """What a network makes of a split.

    Attributes:
      dataset: what it was tested on.
      split: the split.
      epoch: the epoch of the checkpoint.
      label_names: classes.
      confusion: int[C, C]; row: the true class, column: the predicted one.
      milliseconds: batch size -> milliseconds an image.
      unlabelled: examples of the split that are left out, since they have no label.
    """

    dataset: str
    split: str
    epoch: int
    label_names: list[str]
    confusion: np.ndarray
    milliseconds: dict[int, float]
    unlabelled: int = 0

    @property
    def accuracy(self) -> float:
        return float(np.trace(self.confusion) / self.confusion.sum())

    @property
    def precision(self) -> np.ndarray:
        """float[C]; 0 for a class that was never predicted."""
        return _share(np.diag(self.confusion), self.confusion.sum(0))

    @property
    def recall(self) -> np.ndarray:
        """float[C]; 0 for a class without examples."""
        return _share(np.diag(self.confusion), self.confusion.sum(1))

    @property
    def f1(self) -> np.ndarray:
        """float[C]: the harmonic mean of precision and recall, 0 where both are."""
        return _share(2 * np.diag(self.confusion), self.confusion.sum(0) + self.confusion.sum(1))

    def to_dict(self) -> dict[str, Any]:
        per_class = zip(self.label_names, self.precision, self.recall, self.f1, self.confusion.sum(1))
        return {
            "dataset": self.dataset,
            "split": self.split,
            "epoch": self.epoch,
            "examples": int(self.confusion.sum()),
            "unlabelled": self.unlabelled,
            "accuracy": self.accuracy,
            "macro_precision": float(self.precision.mean()),
            "macro_recall": float(self.recall.mean()),
            "macro_f1": float(self.f1.mean()),
            "milliseconds_per_image": {str(size): value for size, value in self.milliseconds.items()},
            "classes": [
                {"name": name, "precision": float(p), "recall": float(r), "f1": float(f), "examples": int(n)}
                for name, p, r, f, n in per_class
            ],
            "confusion": self.confusion.tolist(),
        }


def load_network(run: RunDir, which: str = LAST) -> keras.Model:
    """Returns the network of a run with the weights of its last or best checkpoint."""
    network, labels = run.record["network"], run.record["dataset"]["label_names"]
    model = make_model(network["model"], network["image_size"], network["channels"], len(labels), network["precision"])
    run.restore({"network": model.variables}, which)
    return model


def open_test_data(run: RunDir, dataset: str | None = None, data_dir: str | None = None, split: str | None = None) -> ImageData:
    """Opens what a run's network is tested on; arguments and errors as of `evaluate`."""
    recorded = recorded_config(DataConfig, run.record["data"], run)
    config = dataclasses.replace(recorded, data_dir=data_dir or recorded.data_dir)
    data: ImageData = engines.module().Data(config, split or config.test_split, dataset or config.test_dataset)
    network, trained = run.record["network"], run.record["dataset"]
    check_same_content(trained["facts"], (network["image_size"], network["channels"]), trained["label_names"], data)
    check_testable(data, "--split")
    return data


def evaluate(
    run: RunDir, dataset: str | None = None, data_dir: str | None = None, split: str | None = None, which: str = LAST
) -> Evaluation:
    """Tests a run's network.

    Args:
      run: the run.
      dataset: what to test on; None for what the run was tested on. It must be of the same scheme and key.
      data_dir: where that is; None for where the run found it.
      split: None for the run's test split.
      which: "last" or "best" checkpoint.

    Raises:
      DeidError: the dataset is not there, not of the run's kind, damaged or without labels.
    """
    data = open_test_data(run, dataset, data_dir, split)
    predictor = engines.module().Predictor(load_network(run, which))
    confusion = np.zeros((len(data.label_names),) * 2, np.int64)
    with tqdm(total=data.size, unit="image", desc="evaluating", leave=False, disable=None) as bar:
        for images, labels in data.read(data.test_batches(_BATCH_SIZE)):
            labels = np.asarray(labels)
            predicted, known = predictor(images, _BATCH_SIZE).argmax(-1), labels >= 0
            np.add.at(confusion, (labels[known], predicted[known]), 1)
            bar.update(len(predicted))
    return Evaluation(
        dataset=data.name,
        split=data.split,
        epoch=run.record["checkpoints"][which],
        label_names=data.label_names,
        confusion=confusion,
        milliseconds={size: _milliseconds(predictor, data, size, calls) for size, calls in _TIMED_CALLS.items()},
        unlabelled=data.unlabelled,
    )


def recorded_config(dataclass: type[T], values: dict[str, Any], run: RunDir) -> T:
    """Returns a config that a run's folder keeps.

    Raises:
      DeidError: it is of a later version, with values that this one does not know.
    """
    unknown = values.keys() - {field.name for field in dataclasses.fields(dataclass)}  # type: ignore[arg-type]
    if unknown:
        raise DeidError(
            f"{run.path} is the run of another version of the program: this one does not know {', '.join(sorted(unknown))}. "
            "Use the version that trained it."
        )
    return dataclass(**values)


def _milliseconds(predictor: Predictor, data: ImageData, batch_size: int, calls: int) -> float:
    """Returns the median time of an image in batches of a size, from pixels in memory to logits in memory."""
    batches = [np.asarray(images) for images, _ in itertools.islice(data.read(data.test_batches(batch_size)), calls)]
    predictor(batches[0], batch_size)  # Compiles.
    seconds = []
    for images in batches:
        started = time.perf_counter()
        predictor(images, batch_size)
        seconds.append((time.perf_counter() - started) / batch_size)
    return 1000 * float(np.median(seconds))


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.zeros(len(part)), where=whole > 0)
