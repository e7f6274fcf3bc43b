"""The paper's tables as parts to be run, and what they cost."""

from __future__ import annotations

import dataclasses
import json

import pytest

from tests.conftest import SHARED, absent
from tfdeid import DeidConfig, DeidError
from tfdeid.config import load_config
from tfdeid.data.batches import DataConfig
from tfdeid.data.naming import dataset_name
from tfdeid.experiments.parts import Attacking, Training
from tfdeid.options import parse
from tfdeid.plugins import Plugin
from tfdeid.reproduce import paper
from tfdeid.reproduce.run import cost
from tfdeid.reproduce.tables import PAPER, QUICK, TABLES, make_table
from tfdeid.schemes import SCHEMES
from tfdeid.schemes.plain import Plain
from tfdeid.train.config import TrainConfig


@pytest.fixture(scope="module")
def printed():
    path = SHARED / "oracle" / "paper_tables.json"
    if not path.exists():
        absent("the paper's figures in ../shared")
    return json.loads(path.read_text())


def rows(table):
    return [dict(zip(table["columns"], row, strict=True)) for row in table["rows"]]


def test_the_papers_figures_are_transcribed(printed):
    for row in rows(printed["table3"]):
        assert paper.TABLE_3[row["size"]] == {"vectorized": row["vectorized"], "structural": row["deidentified"]}
        assert paper.table_2(row["size"])["sdim"] == pytest.approx(row["sdim"], abs=1.1e-4)
    for row in rows(printed["table4"]):
        assert paper.TABLE_4[row["output_size"]] == (row["accuracy_percent"], row["evaluation_ms_per_image"])
    gray = {row["measure"]: row["gray"] for row in rows(printed["table5"])}
    assert {**gray, "l2": printed["table5"]["derived"]["l2_gray"]} == paper.TABLE_5_GRAY
    assert str(paper.TABLE_5_GRAY_ACCURACY) in printed["table5"]["note"]
    assert {row["method"]: row["accuracy_percent"] for row in rows(printed["table6"])} == paper.TABLE_6
    imagenet = printed["imagenet"]
    assert {
        "accuracy_drop": imagenet["accuracy_drop_points"],
        "f1_drop": imagenet["f1_drop"],
        "sdim": imagenet["sdim"],
    } == paper.IMAGENET
    sizes = [table["rows"] for table in (printed["table2"], printed["table3"], printed["table4"], printed["table6"])]
    assert [len(table) for table in (paper.TABLE_2, paper.TABLE_3, paper.TABLE_4, paper.TABLE_6)] == list(map(len, sizes))


@pytest.mark.parametrize("scale", [QUICK, PAPER], ids=lambda scale: scale.name)
@pytest.mark.parametrize("name", TABLES)
def test_every_figure_of_the_paper_has_a_part_that_answers_it(name, scale):
    table = make_table(name, scale)
    assert len({row.label for row in table.rows}) == len(table.rows)
    for row in table.rows:
        assert set(row.paper) <= {*table.columns, "di"} and row.parts
        if {"accuracy", "f1", "milliseconds"} & set(row.paper):
            assert any(isinstance(part, Training) for part in row.parts)


@pytest.mark.parametrize("scale", [QUICK, PAPER], ids=lambda scale: scale.name)
def test_the_options_of_each_training_are_understood(scale):
    for name in TABLES:
        for part in make_table(name, scale).parts:
            if isinstance(part, Training):
                argv = [*part.options, f"--seed={part.seed}", *([f"--config={part.config}"] if part.config else [])]
                _, data, train = parse(argv, "x", "", "", EmptyOptions, {"data": DataConfig, "train": TrainConfig})
                assert train.seed == part.seed
                augments = data.rotation or data.shift or data.flip
                assert not augments if part.deid.scheme == "block_shuffle" else augments or "negative" in part.deid.scheme


@dataclasses.dataclass(frozen=True)
class EmptyOptions:
    config: str | None = None
    """As the command has it."""


def test_paper_scale_is_the_papers_schedule():
    for name in ("table3", "table4", "table5", "table6"):
        trainings = [part for part in make_table(name, PAPER).parts if isinstance(part, Training)]
        # Nothing but the augmentation is said, so that the defaults hold, which are the paper's.
        assert not [
            option for part in trainings for option in part.options if option[2:] not in ("rotation=0", "shift=0", "noflip")
        ]
        assert all(part.limit is part.num_images is part.num_tests is None for part in trainings)
    for part in make_table("imagenet", PAPER).parts:
        if isinstance(part, Training):
            sections = load_config(part.config)
            assert sections["data"]["dataset"] == f"{dataset_name(part.dataset)}/{part.deid.name}"
            assert sections["deid"]["scheme"] == part.deid.scheme


def test_tables_share_what_they_have_in_common():
    table_3, table_6 = make_table("table3", QUICK), make_table("table6", QUICK)
    assert set(table_3.parts) & set(table_6.parts)


def test_the_frontier_trains_what_tables_3_and_6_train_and_attacks_it_at_full_size():
    table = make_table("frontier", QUICK)
    trained = {part for part in table.parts if isinstance(part, Training)}
    # But for the baseline that is augmented, though that hurts it.
    (other,) = {part for part in make_table("table6", QUICK).parts if isinstance(part, Training)} - trained
    assert other.deid.scheme == "negative_positive" and not [option for option in other.options if "rotation" in option]
    vectorized = next(row for row in table.rows if row.label == "vectorized 50")
    assert set(vectorized.parts) <= set(make_table("table3", QUICK).parts)
    for row in table.rows:
        attacks = [part for part in row.parts if isinstance(part, Attacking)]
        assert len(attacks) == (row.label not in ("plain", "vectorized 50"))
        for part in attacks:
            assert part.deid.output_size == 224 and (part.num_images, part.num_public) == (500, 3000)
            assert dataclasses.replace(part.deid, output_size=75) == row.parts[0].deid


@pytest.mark.parametrize("name", TABLES)
def test_the_cost_is_said(name):
    quick, whole = cost(QUICK, make_table(name, QUICK).parts), cost(PAPER, make_table(name, PAPER).parts)
    assert int(quick.split()[1]) < (150 if name == "frontier" else 40) and "minutes on two cores" in quick
    assert "hours on one RTX 2080 Ti" in whole or (name == "table2" and "minutes of measuring" in whole)


def test_unknown_names():
    with pytest.raises(DeidError, match="unknown table 'table7'.* Did you mean 'table"):
        make_table("table7", QUICK)


def test_schemes_of_others_have_a_row_in_the_frontier(monkeypatch):
    class Mosaic(Plain):
        name = "mosaic"
        survives_augmentation = False

    monkeypatch.setitem(SCHEMES.__dict__, "_others", {"mosaic": (Plugin("mosaic", "somebody's", "1.0"), Mosaic)})
    table = make_table("frontier", QUICK)
    (row,) = [row for row in table.rows if row.label == "mosaic"]
    trained, again, attacked = row.parts
    assert trained.deid == again.deid == DeidConfig("mosaic", 32, 75) and "--noflip" in trained.options
    assert attacked == Attacking(DeidConfig("mosaic", 32, 224), 500, 3000)
