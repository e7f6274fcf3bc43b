"""The paper's Tables 1 to 6 and its ImageNet experiment (Ko et al. 2020), as parts to be run."""

from __future__ import annotations

import dataclasses
import importlib.util
from collections.abc import Callable, Mapping
from typing import Any

from tfdeid.deidentifier import DeidConfig
from tfdeid.errors import unknown_name
from tfdeid.experiments.parts import Attacking, Encrypted, Measuring, Part, Training
from tfdeid.experiments.scale import ATTACKED_SIZE, NO_AUGMENTATION, POLYNOMIAL, QUICK, Scale
from tfdeid.experiments.workshop import Workshop
from tfdeid.measure import measures
from tfdeid.reference import SOURCE
from tfdeid.reproduce import paper
from tfdeid.schemes import SCHEMES

DATASET = "cifar10"
"""What the tables are of, but for ImageNet's."""
# Of the columns.
TITLES = {
    **measures.TITLES,
    "accuracy": "accuracy, %",
    "f1": "macro F1",
    "milliseconds": "ms an image",
    "training": "training, x plain",
    "bytes": "bytes an image",
    "best": "SSIM recovered",
    "linked_best": "linked, %",
}
_DECIMALS = {"accuracy": 2, "milliseconds": 2, "training": 1, "bytes": 0, "linked_best": 1}
_EXTRAS = {"dp": "jax_privacy", "fhe": "seal"}
"""Of the package, what is imported of each."""


@dataclasses.dataclass(frozen=True)
class Row:
    """One line of a table.

    Attributes:
      label: what it is of.
      parts: what it is the mean of.
      paper: the paper's figures by column.
      minus: parts whose mean is taken off.
      over: parts whose training time is one.
      source: who else printed what is in `paper`; "" for the paper.
      protects: what is protected from whom.
      extra: what of the package's extras it needs.
    """

    label: str
    parts: tuple[Part, ...]
    paper: Mapping[str, float]
    minus: tuple[Part, ...] = ()
    over: tuple[Part, ...] = ()
    source: str = ""
    protects: str = ""
    extra: str | None = None

    @property
    def is_possible(self) -> bool:
        """Whether the extra that it needs is installed."""
        return self.extra is None or importlib.util.find_spec(_EXTRAS[self.extra]) is not None


@dataclasses.dataclass(frozen=True)
class Table:
    """A table of the paper, or like those.

    Attributes:
      name: as on the command line.
      title: what it shows.
      columns: names of figures, in order.
      rows: its lines.
      reduced: what is less than in the paper.
      missing: parts that were left out.
      left_out: labels of rows whose extra is not installed, by extra.
    """

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    reduced: str
    missing: int = 0
    left_out: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)

    @property
    def parts(self) -> list[Part]:
        """All parts, each once."""
        return list(dict.fromkeys(part for row in self.rows for part in (*row.parts, *row.minus, *row.over)))

    def without_extras(self) -> Table:
        """Returns the table without the rows whose extra is not installed."""
        possible = tuple(row for row in self.rows if row.is_possible)
        left_out: dict[str, tuple[str, ...]] = {}
        for row in self.rows:
            if row.extra and row not in possible:
                left_out[row.extra] = (*left_out.get(row.extra, ()), row.label)
        return dataclasses.replace(self, rows=possible, left_out=left_out)

    def kept(self, workshop: Workshop) -> Table:
        """Returns the table without the parts that are not kept; a difference needs all of its own."""
        kept = {part for part in self.parts if part.is_kept(workshop)}
        rows = []
        for row in self.rows:
            parts = tuple(part for part in row.parts if part in kept)
            whole = not row.minus or kept.issuperset((*row.parts, *row.minus))
            over = row.over if kept.issuperset(row.over) else ()
            rows.append(dataclasses.replace(row, parts=parts if whole else (), minus=row.minus if whole else (), over=over))
        return dataclasses.replace(self, rows=tuple(rows), missing=len(self.parts) - len(kept))


def in_decimals(column: str, value: float) -> str:
    """Returns a figure of a column with as many decimals as it has there."""
    return f"{value:.{_DECIMALS.get(column, 4)}f}"


def make_table(name: str, scale: Scale, dataset: str = DATASET) -> Table:
    """Returns the table of a name of `TABLES`.

    Args:
      name: of the table.
      scale: how much of it is run.
      dataset: what stands for CIFAR-10, such as a folder with its images.

    Raises:
      DeidError: there is none of that name.
    """
    if name not in TABLES:
        raise unknown_name("table", name, TABLES)
    table = TABLES[name](scale).without_extras()

    def of(parts: tuple[Part, ...]) -> tuple[Part, ...]:
        return tuple(dataclasses.replace(part, dataset=dataset) if part.dataset == DATASET else part for part in parts)

    rows = tuple(dataclasses.replace(row, parts=of(row.parts), minus=of(row.minus), over=of(row.over)) for row in table.rows)
    return dataclasses.replace(table, rows=rows)


_VIEWER = "images, from who sees what is trained on"
_PROTECTS = {
    "plain": "nothing",
    "structural": _VIEWER,
    "vectorized": f"{_VIEWER}; without a key",
    "pixelate": f"{_VIEWER}; without a key",
    "negative_positive": _VIEWER,
    "block_shuffle": _VIEWER,
}
_PRIVATE = "that an image was trained on, from who has the network; who trains sees all"
_ENCRYPTED = "the image that is asked about, from the server; what is trained on is in the clear"


def _table_1(scale: Scale) -> Table:
    plain = _trainings(scale, _method(scale, "plain"), seeds=1)

    def family(scheme: str, options: tuple[str, ...] = ()) -> Row:
        deid = _method(scale, scheme)
        attacking = Attacking(
            dataclasses.replace(deid, output_size=ATTACKED_SIZE), scale.attacked, scale.public, reference=SOURCE
        )
        printed = {"accuracy": paper.TABLE_6[scheme]} if scheme in paper.TABLE_6 else {}
        parts = (*_trainings(scale, deid, options, seeds=1), attacking)
        return Row(scheme, parts, printed, over=plain, protects=_PROTECTS[scheme])

    asking = Encrypted(_small("plain"), 0, recipe=POLYNOMIAL)
    rows = (
        family("plain"),
        family("structural"),
        family("vectorized"),
        family("pixelate"),
        family("negative_positive", NO_AUGMENTATION),
        family("block_shuffle", NO_AUGMENTATION),
        dataclasses.replace(_private_row(scale, 8, seeds=1), over=plain),
        Row("encrypted inference", (asking,), {}, over=plain, protects=_ENCRYPTED, extra="fhe"),
    )
    columns = ("accuracy", "training", "milliseconds", "bytes", "best", "linked_best")
    title = "Table 1: families of methods on CIFAR-10, what they cost and what attackers get of their records"
    return Table("table1", title, columns, rows, f"{_reduced(scale)}; the last two: {_SMALL_NETWORKS}")


_SMALL_NETWORKS = "networks of 0.3 and 1 million weights, images of 32 x 32 (64 x 64 where traced)"


def _private_row(scale: Scale, epsilon: int, scheme: str = "plain", seeds: int | None = None) -> Row:
    """Returns the row of a network that is trained by DP-SGD, on JAX."""
    label = f"DP-SGD, epsilon {epsilon}" + ("" if scheme == "plain" else f", {scheme}")
    printed, source = paper.PRIVATE if (epsilon, scheme) == (8, "plain") else ({}, "")
    options = ("--method=dp_sgd", f"--dp_epsilon={epsilon}")
    parts = tuple(
        Training(_small(scheme), seed, options, recipe=scale.private, backend="jax")
        for seed in range(scale.seeds if seeds is None else seeds)
    )
    return Row(label, parts, printed, source=source, protects=_PRIVATE, extra="dp")


def _small(scheme: str) -> DeidConfig:
    """Returns a configuration at sizes that networks of other families can take."""
    return _method(QUICK, scheme)


def _table_2(scale: Scale) -> Table:
    rows = tuple(
        Row(str(size), (Measuring(DeidConfig(input_size=size), scale.measured),), paper.table_2(size)) for size in paper.SIZES
    )
    title = "Table 2: measures of CIFAR-10 test images by input size"
    return Table(
        "table2", title, measures.MEASURES, rows, "nothing" if scale.is_whole else f"at most {scale.measured:,} test images"
    )


def _table_3(scale: Scale) -> Table:
    def row(size: int, scheme: str) -> Row:
        measuring = Measuring(DeidConfig(input_size=size), scale.measured)
        trainings = _trainings(scale, _method(scale, scheme, input_size=size), seeds=1)
        printed = {"sdim": paper.table_2(size)["sdim"], "accuracy": paper.TABLE_3[size][scheme]}
        return Row(f"{scheme} {size}", (measuring, *trainings), printed)

    rows = tuple(row(size, scheme) for scheme in ("vectorized", "structural") for size in paper.TABLE_3)
    return Table("table3", "Table 3: accuracy on CIFAR-10 by input size", ("sdim", "accuracy"), rows, _reduced(scale))


def _table_4(scale: Scale) -> Table:
    rows = tuple(
        Row(
            str(size),
            _trainings(scale, DeidConfig(output_size=size), seeds=1, num_images=scale.trained_by_size),
            {"accuracy": accuracy, "milliseconds": milliseconds},
        )
        for size, (accuracy, milliseconds) in paper.TABLE_4.items()
    )
    fewer = "" if scale.is_whole else f"; at most {scale.trained_by_size:,} images to train on, of these sizes"
    title = "Table 4: accuracy on CIFAR-10 and time of an image by output size, at input size 50"
    return Table("table4", title, ("accuracy", "milliseconds"), rows, _reduced(scale) + fewer)


def _table_5(scale: Scale) -> Table:
    def row(label: str, printed: Mapping[str, float], grayscale: bool) -> Row:
        measuring = Measuring(DeidConfig(grayscale=grayscale), scale.measured)
        trainings = _trainings(scale, _method(scale, "structural", grayscale=grayscale))
        return Row(label, (measuring, *trainings), printed)

    colour = {**paper.table_2(50), "accuracy": paper.TABLE_4[224][0]}
    gray = {**paper.TABLE_5_GRAY, "accuracy": paper.TABLE_5_GRAY_ACCURACY}
    rows = (row("colour", colour, False), row("gray", gray, True))
    columns = ("ssim_vec", "ssim_dei", "ssim_pos", "l2", "sdim", "accuracy")
    return Table("table5", "Table 5: CIFAR-10 in colour and in gray at input size 50", columns, rows, _reduced(scale))


def _table_6(scale: Scale) -> Table:
    def row(label: str, scheme: str, *options: str, seeds: int = scale.seeds, key_scope: str = "dataset") -> Row:
        deid = _method(scale, scheme, key_scope=key_scope)
        printed = {"accuracy": paper.TABLE_6[label]} if label in paper.TABLE_6 else {}
        return Row(label, _trainings(scale, deid, options, seeds), printed)

    rows = (
        row("plain", "plain"),
        row("structural", "structural"),
        # Its masks stay in place when images are shifted, so augmentation hurts it; the paper does not say how it was trained.
        row("negative_positive", "negative_positive", seeds=1),
        row("negative_positive, not augmented", "negative_positive", *NO_AUGMENTATION),
        row("negative_positive, key_scope image", "negative_positive", seeds=1, key_scope="image"),
        row("block_shuffle, not augmented", "block_shuffle", *NO_AUGMENTATION),
        row("block_shuffle, key_scope image", "block_shuffle", *NO_AUGMENTATION, seeds=1, key_scope="image"),
        *(_private_row(scale, epsilon) for epsilon in (8, 4, 2, 1)),
        _private_row(scale, 8, "structural"),
    )
    reduced = f"{_reduced(scale)}; by DP-SGD: a network of 0.3 million weights"
    return Table("table6", "Table 6: accuracy on CIFAR-10 by method", ("accuracy",), rows, reduced)


def _imagenet(scale: Scale) -> Table:
    title = "ImageNet at input size 32: measures, and what de-identification costs a classifier of 139 classes"
    measuring = Measuring(DeidConfig(input_size=32), scale.measured, splits=None, dataset="imagenet2012")
    measured = Row("structural", (measuring,), {"sdim": paper.IMAGENET["sdim"]})
    if not scale.is_whole:
        reduced = f"at most {scale.measured:,} images of each split; no network is trained, which takes ImageNet itself"
        return Table("imagenet", title, measures.MEASURES, (measured,), reduced)

    def training(scheme: str) -> Training:
        deid = DeidConfig(scheme=scheme, input_size=32, output_size=scale.output_size)
        return Training(deid, 0, dataset="imagenet2012", config=f"imagenet139_{scheme}.yaml")

    drop = {"accuracy": paper.IMAGENET["accuracy_drop"], "f1": paper.IMAGENET["f1_drop"]}
    plain, structural = training("plain"), training("structural")
    rows = (
        measured,
        Row("plain, trained", (plain,), {}),
        Row("structural, trained", (structural,), {}),
        Row("plain minus structural", (plain,), drop, minus=(structural,)),
    )
    return Table("imagenet", title, (*measures.MEASURES, "accuracy", "f1"), rows, scale.reduced)


def _reduced(scale: Scale) -> str:
    return scale.reduced if scale.is_whole else f"one seed, {scale.reduced}"


def _method(scale: Scale, scheme: str, **changes: Any) -> DeidConfig:
    # Schemes that change pixels work on the images as they are, 32 x 32.
    input_size = DeidConfig.input_size if SCHEMES[scheme].traces else 32
    deid = DeidConfig(**{"scheme": scheme, "input_size": input_size, **changes})
    return dataclasses.replace(deid, output_size=scale.trained_size(deid))


def _trainings(
    scale: Scale, deid: DeidConfig, options: tuple[str, ...] = (), seeds: int | None = None, num_images: int | None = None
) -> tuple[Training, ...]:
    return tuple(
        Training(deid, seed, options, num_images=num_images, recipe=scale.recipe)
        for seed in range(scale.seeds if seeds is None else seeds)
    )


TABLES: dict[str, Callable[[Scale], Table]] = {
    "table1": _table_1,
    "table2": _table_2,
    "table3": _table_3,
    "table4": _table_4,
    "table5": _table_5,
    "table6": _table_6,
    "imagenet": _imagenet,
}
