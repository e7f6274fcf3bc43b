"""What an evaluation shows a person: a table, and a picture of the confusion matrix."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from tfdeid.tables import aligned
from tfdeid.train.evaluation import Evaluation

_MOST_ROWS = 20
_WIDTHS = (8, 9, 6, 6, 6)  # Of the columns, at least: tables of most datasets look alike.
_PLAIN_TEXT: dict[str, Any] = {"parse_math": False}  # Names may hold $.
_MOST_NAMED = 40  # Classes whose names fit beside the picture.


def table(evaluation: Evaluation) -> str:
    """Returns the figures as lines; of many classes the ones with the lowest F1."""
    names, f1 = evaluation.label_names, evaluation.f1
    precision, recall, examples = evaluation.precision, evaluation.recall, evaluation.confusion.sum(1)
    shown = np.argsort(f1, kind="stable")[:_MOST_ROWS] if len(names) > _MOST_ROWS else range(len(names))
    cells = [["class", "precision", "recall", "F1", "images"]]
    cells += [[names[k], f"{precision[k]:.3f}", f"{recall[k]:.3f}", f"{f1[k]:.3f}", f"{examples[k]:,}"] for k in shown]
    left_out = f" ({evaluation.unlabelled:,} without a label left out)" if evaluation.unlabelled else ""
    lines = [
        f"{evaluation.dataset}, split {evaluation.split}: {examples.sum():,} images, after epoch {evaluation.epoch}{left_out}",
        f"accuracy {evaluation.accuracy:.4f}, macro precision {precision.mean():.4f}, macro recall {recall.mean():.4f}, "
        f"macro F1 {f1.mean():.4f}",
        ", ".join(f"{value:.3f} ms an image at batch {size}" for size, value in evaluation.milliseconds.items()),
        "",
        *aligned(cells, widths=_WIDTHS),
    ]
    if len(names) > _MOST_ROWS:
        lines.append(f"(the {_MOST_ROWS} lowest of {len(names)}; evaluation.json has all)")
    return "\n".join(lines)


def draw_confusion(evaluation: Evaluation) -> bytes:
    """Returns a PNG of the confusion matrix, as shares of each true class."""
    from matplotlib.figure import Figure  # Late: takes a second, and a table needs none.

    count = len(evaluation.label_names)
    shares = evaluation.confusion / np.maximum(evaluation.confusion.sum(1, keepdims=True), 1)
    named = count <= _MOST_NAMED
    side = 4 + (0.4 * count if named else 7)
    figure = Figure(figsize=(side + 1, side), layout="constrained")
    axes = figure.subplots()
    picture = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    figure.colorbar(picture, label="share of the true class")
    axes.set(xlabel="predicted", ylabel="true")
    title = f"{evaluation.dataset}\nsplit {evaluation.split}: accuracy {evaluation.accuracy:.3f}"
    axes.set_title(title, fontsize="medium", **_PLAIN_TEXT)
    if named:
        axes.set_xticks(range(count), evaluation.label_names, rotation=45, ha="right", **_PLAIN_TEXT)
        axes.set_yticks(range(count), evaluation.label_names, **_PLAIN_TEXT)
    if count <= _MOST_ROWS:
        for (row, column), share in np.ndenumerate(shares):
            axes.text(
                column, row, f"{share:.2f}", ha="center", va="center", color="white" if share > 0.5 else "black", fontsize=7
            )
    picture_file = io.BytesIO()
    figure.savefig(picture_file, format="png", dpi=120)
    return picture_file.getvalue()
