"""The paper's Tables 2 to 6 and its ImageNet experiment (Ko et al. 2020, section IV), and one of ours, as parts to be run."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from tfdeid.deidentifier import DeidConfig
from tfdeid.errors import DeidError, unknown_name, warn
from tfdeid.experiments.parts import Attacking, Measuring, Part, Training
from tfdeid.experiments.workshop import Workshop
from tfdeid.measure import measures
from tfdeid.reproduce import paper
from tfdeid.schemes import SCHEMES

_NO_AUGMENTATION = ("--rotation=0", "--shift=0", "--noflip")
# Of the columns.
TITLES = {**measures.TITLES, "accuracy": "accuracy, %", "f1": "macro F1", "milliseconds": "ms an image"}
TITLES |= {"published": "SSIM published", "best": "best SSIM", "linked": "linked, %", "linked_trained": "by a network, %"}
_DECIMALS = {"accuracy": 2, "milliseconds": 2, "linked": 1, "linked_trained": 1}


@dataclasses.dataclass(frozen=True)
class Scale:
    """How much of an experiment is run.

    Attributes:
      name: quick or paper.
      measured: images that are measured, at most all.
      limit: images of each split that are de-identified; None for all.
      trained, trained_by_size: images to train on, in Table 4 and elsewhere.
      tested: images to test on.
      output_size: pixels a side of what is trained on, but in Table 4.
      seeds: training runs of each kind where methods are compared.
      attacked, public: records that are attacked, and images that attackers have, at most all.
      options: of `tfdeid.train`.
      reduced: what is less than in the paper.
    """

    name: str
    measured: int
    limit: int | None
    trained: int | None
    trained_by_size: int | None
    tested: int | None
    output_size: int
    seeds: int
    attacked: int
    public: int
    options: tuple[str, ...]
    reduced: str


QUICK = Scale(
    name="quick",
    measured=1000,
    limit=10_000,
    trained=10_000,
    trained_by_size=3_000,
    tested=2_000,
    output_size=75,
    seeds=2,
    attacked=500,
    public=3_000,
    options=("--model=small", "--schedule=5 x 1e-3, 2 x 1e-4"),
    reduced="a network of 0.3 million weights, 7 epochs, images of 75 x 75, 10,000 to train on and 2,000 to test on",
)
PAPER = Scale(
    name="paper",
    measured=10_000,
    limit=None,
    trained=None,
    trained_by_size=None,
    tested=None,
    output_size=224,
    seeds=1,
    attacked=2_000,
    public=10_000,
    options=(),
    reduced="nothing",
)
SCALES = {scale.name: scale for scale in (QUICK, PAPER)}


@dataclasses.dataclass(frozen=True)
class Row:
    """One line of a table.

    Attributes:
      label: what it is of.
      parts: what it is the mean of.
      paper: the paper's figures by column.
      minus: parts whose mean is taken off.
    """

    label: str
    parts: tuple[Part, ...]
    paper: Mapping[str, float]
    minus: tuple[Part, ...] = ()


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
    """

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    reduced: str
    missing: int = 0

    @property
    def parts(self) -> list[Part]:
        """All parts, each once."""
        return list(dict.fromkeys(part for row in self.rows for part in (*row.parts, *row.minus)))

    def kept(self, workshop: Workshop) -> Table:
        """Returns the table without the parts that are not kept; a difference needs all of its own."""
        kept = {part for part in self.parts if part.is_kept(workshop)}
        rows = []
        for row in self.rows:
            parts = tuple(part for part in row.parts if part in kept)
            whole = not row.minus or kept.issuperset((*row.parts, *row.minus))
            rows.append(dataclasses.replace(row, parts=parts if whole else (), minus=row.minus if whole else ()))
        return dataclasses.replace(self, rows=tuple(rows), missing=len(self.parts) - len(kept))


def in_decimals(column: str, value: float) -> str:
    """Returns a figure of a column with as many decimals as it has there."""
    return f"{value:.{_DECIMALS.get(column, 4)}f}"


def make_table(name: str, scale: Scale) -> Table:
    """Returns the table of a name of `TABLES`.

    Raises:
      DeidError: there is none of that name.
    """
    if name not in TABLES:
        raise unknown_name("table", name, TABLES)
    return TABLES[name](scale)


def _table_2(scale: Scale) -> Table:
    rows = tuple(
        Row(str(size), (Measuring(DeidConfig(input_size=size), scale.measured),), paper.table_2(size)) for size in paper.SIZES
    )
    title = "Table 2: measures of CIFAR-10 test images by input size"
    return Table(
        "table2", title, measures.MEASURES, rows, f"at most {scale.measured:,} test images" if scale is QUICK else "nothing"
    )


def _table_3(scale: Scale) -> Table:
    def row(size: int, scheme: str) -> Row:
        measuring = Measuring(DeidConfig(input_size=size), scale.measured)
        trainings = _trainings(scale, DeidConfig(scheme=scheme, input_size=size, output_size=scale.output_size), seeds=1)
        printed = {"sdim": paper.table_2(size)["sdim"], "accuracy": paper.TABLE_3[size][scheme]}
        return Row(f"{scheme} {size}", (measuring, *trainings), printed)

    rows = tuple(row(size, scheme) for scheme in ("vectorized", "structural") for size in paper.TABLE_3)
    reduced = f"one seed, {scale.reduced}" if scale is QUICK else scale.reduced
    return Table("table3", "Table 3: accuracy on CIFAR-10 by input size", ("sdim", "accuracy"), rows, reduced)


def _table_4(scale: Scale) -> Table:
    rows = tuple(
        Row(
            str(size),
            _trainings(scale, DeidConfig(output_size=size), seeds=1, num_images=scale.trained_by_size),
            {"accuracy": accuracy, "milliseconds": milliseconds},
        )
        for size, (accuracy, milliseconds) in paper.TABLE_4.items()
    )
    reduced = "one seed, a network of 0.3 million weights, 7 epochs, 3,000 images to train on and 2,000 to test on"
    title = "Table 4: accuracy on CIFAR-10 and time of an image by output size, at input size 50"
    return Table("table4", title, ("accuracy", "milliseconds"), rows, reduced if scale is QUICK else scale.reduced)


def _table_5(scale: Scale) -> Table:
    def row(label: str, printed: Mapping[str, float], grayscale: bool) -> Row:
        measuring = Measuring(DeidConfig(grayscale=grayscale), scale.measured)
        trainings = _trainings(scale, DeidConfig(grayscale=grayscale, output_size=scale.output_size))
        return Row(label, (measuring, *trainings), printed)

    colour = {**paper.table_2(50), "accuracy": paper.TABLE_4[224][0]}
    gray = {**paper.TABLE_5_GRAY, "accuracy": paper.TABLE_5_GRAY_ACCURACY}
    rows = (row("colour", colour, False), row("gray", gray, True))
    columns = ("ssim_vec", "ssim_dei", "ssim_pos", "l2", "sdim", "accuracy")
    return Table("table5", "Table 5: CIFAR-10 in colour and in gray at input size 50", columns, rows, scale.reduced)


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
        row("negative_positive, not augmented", "negative_positive", *_NO_AUGMENTATION),
        row("negative_positive, key_scope image", "negative_positive", seeds=1, key_scope="image"),
        row("block_shuffle, not augmented", "block_shuffle", *_NO_AUGMENTATION),
        row("block_shuffle, key_scope image", "block_shuffle", *_NO_AUGMENTATION, seeds=1, key_scope="image"),
    )
    reduced = f"two seeds, or one where no +- stands, {scale.reduced}" if scale is QUICK else scale.reduced
    return Table("table6", "Table 6: accuracy on CIFAR-10 by method", ("accuracy",), rows, reduced)


def _frontier(scale: Scale) -> Table:
    rows = (
        # Nothing hides these, so there is nothing to attack.
        Row("plain", _trainings(scale, _method(scale, "plain")), {}),
        Row("vectorized 50", _trainings(scale, _method(scale, "vectorized", input_size=50), seeds=1), {}),
        _attacked(scale, "structural", "structural"),
        _attacked(scale, "axes independent", "structural", axes="independent"),
        _attacked(scale, "key_scope pool:64", "structural", key_scope="pool:64"),
        _attacked(scale, "key_scope image", "structural", key_scope="image"),
        _attacked(scale, "coordinate_decimals 0", "structural", coordinate_decimals=0),
        _attacked(scale, "colors keyed", "structural", colors="keyed"),
        _attacked(scale, "colors keyed, bend", "structural", colors="keyed", bend=True),
        _attacked(scale, "strong", "structural", input_size=32, coordinate_decimals=0, colors="keyed", bend=True),
        # Trained as in Table 6, whose runs these are.
        _attacked(scale, "negative_positive", "negative_positive", _NO_AUGMENTATION),
        _attacked(scale, "negative_positive, key_scope image", "negative_positive", seeds=1, key_scope="image"),
        _attacked(scale, "block_shuffle", "block_shuffle", _NO_AUGMENTATION),
        _attacked(scale, "block_shuffle, key_scope image", "block_shuffle", _NO_AUGMENTATION, seeds=1, key_scope="image"),
        *_rows_of_plugins(scale),
    )
    title = "Frontier: accuracy on CIFAR-10, and what attackers get who know the records alone, by mode and by baseline"
    columns = ("accuracy", "published", "best", "linked", "linked_trained")
    reduced = f"{scale.reduced}; the paper attacks nothing, here {scale.attacked:,} records with {scale.public:,} public images"
    seeds = "two seeds, or one where no +- stands, " if scale is QUICK else ""
    return Table("frontier", title, columns, rows, seeds + reduced)


def _attacked(
    scale: Scale, label: str, scheme: str, options: tuple[str, ...] = (), seeds: int | None = None, **changes: Any
) -> Row:
    """Returns a row of what a network learns of a method, at the size that it is trained at, and of attacks at full size."""
    deid = _method(scale, scheme, **changes)
    whole = dataclasses.replace(deid, output_size=DeidConfig.output_size)
    attacking = Attacking(whole, scale.attacked, scale.public)
    return Row(label, (*_trainings(scale, deid, options, seeds), attacking), {})


def _rows_of_plugins(scale: Scale) -> list[Row]:
    """Returns a row for each scheme of another distribution, with its defaults; one that these sizes do not suit has none."""
    rows = []
    for name in SCHEMES:
        if SCHEMES.plugin(name) is None:
            continue
        try:
            rows.append(_attacked(scale, name, name, _augmentation(name)))
        except DeidError as error:
            warn(f"the scheme {name} has no row: {error}")
    return rows


def _augmentation(scheme: str) -> tuple[str, ...]:
    """Returns the options with which a network is trained on a scheme's images."""
    return () if SCHEMES[scheme].survives_augmentation else _NO_AUGMENTATION


def _imagenet(scale: Scale) -> Table:
    title = "ImageNet at input size 32: measures, and what de-identification costs a classifier of 139 classes"
    measuring = Measuring(DeidConfig(input_size=32), scale.measured, splits=None, dataset="imagenet2012")
    measured = Row("structural", (measuring,), {"sdim": paper.IMAGENET["sdim"]})
    if scale is QUICK:
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


def _method(scale: Scale, scheme: str, **changes: Any) -> DeidConfig:
    # Schemes that change pixels work on the images as they are, 32 x 32.
    input_size = DeidConfig.input_size if SCHEMES[scheme].traces else 32
    return DeidConfig(**{"scheme": scheme, "input_size": input_size, "output_size": scale.output_size, **changes})


def _trainings(
    scale: Scale, deid: DeidConfig, options: tuple[str, ...] = (), seeds: int | None = None, num_images: int | None = None
) -> tuple[Training, ...]:
    return tuple(
        Training(deid, seed, (*scale.options, *options), scale.limit, num_images or scale.trained, scale.tested)
        for seed in range(scale.seeds if seeds is None else seeds)
    )


TABLES: dict[str, Callable[[Scale], Table]] = {
    "table2": _table_2,
    "table3": _table_3,
    "table4": _table_4,
    "table5": _table_5,
    "table6": _table_6,
    "imagenet": _imagenet,
    "frontier": _frontier,
}
