"""The paper's tables as parts to be run, and what they cost."""

from __future__ import annotations

import dataclasses
import json

import pytest

from tests.conftest import SHARED, absent
from tests.reproduce.test_kept_names import Offline
from tfdeid import DeidError
from tfdeid.config import load_config
from tfdeid.data.batches import DataConfig
from tfdeid.data.naming import dataset_name
from tfdeid.experiments.parts import Attacking, Training
from tfdeid.experiments.run import cost
from tfdeid.experiments.scale import PAPER, QUICK, STANDARD
from tfdeid.options import parse
from tfdeid.reproduce import paper
from tfdeid.reproduce.run import beginning
from tfdeid.reproduce.tables import TABLES, make_table
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


@pytest.mark.parametrize("scale", [QUICK, STANDARD, PAPER], ids=lambda scale: scale.name)
@pytest.mark.parametrize("name", TABLES)
def test_every_figure_of_the_paper_has_a_part_that_answers_it(name, scale):
    table = make_table(name, scale)
    assert len({row.label for row in table.rows}) == len(table.rows)
    for row in table.rows:
        assert set(row.paper) <= {*table.columns, "di"} and row.parts
        if {"accuracy", "f1", "milliseconds"} & set(row.paper):
            assert any(isinstance(part, Training) for part in row.parts)


@pytest.mark.parametrize("scale", [QUICK, STANDARD, PAPER], ids=lambda scale: scale.name)
def test_the_options_of_each_training_are_understood(scale):
    for name in TABLES:
        for part in make_table(name, scale).parts:
            if isinstance(part, Training):
                recipe = part.recipe.for_images(50_000) if part.recipe else ()
                argv = [*recipe, *part.options, f"--seed={part.seed}", *([f"--config={part.config}"] if part.config else [])]
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
        trainings = [part for part in make_table(name, PAPER).parts if isinstance(part, Training) and not part.recipe]
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


@pytest.mark.parametrize("name", TABLES)
def test_the_cost_is_said(name, tmp_path):
    workshop = Offline(tmp_path, None, "paper")
    quick, whole = (cost(scale, make_table(name, scale).parts, workshop) for scale in (QUICK, PAPER))
    assert "on two cores" in quick and (name == "table6" or int(quick.split()[1]) < 100)
    assert "hours on one RTX 2080 Ti" in whole or (name == "table2" and "minutes of measuring" in whole)


def test_families_say_what_they_protect_from_whom():
    table = make_table("table1", QUICK)
    assert all(row.protects for row in table.rows)
    assert {row.label for row in table.rows} >= {"plain", "structural", "pixelate", "DP-SGD, epsilon 8", "encrypted inference"}
    plain = next(row for row in table.rows if row.label == "plain")
    assert all(row.over == plain.parts[:1] for row in table.rows)
    # What another family protects is no record, so there is nothing to attack.
    attacked = {row.label for row in table.rows if any(isinstance(part, Attacking) for part in row.parts)}
    assert {row.label for row in table.rows} - attacked == {"DP-SGD, epsilon 8", "encrypted inference"}


def test_rows_whose_extra_is_not_installed_are_left_out_and_named(monkeypatch, tmp_path):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "jax_privacy" else "there")
    table = make_table("table6", QUICK)
    private = ("DP-SGD, epsilon 8", "DP-SGD, epsilon 4", "DP-SGD, epsilon 2", "DP-SGD, epsilon 1")
    assert table.left_out == {"dp": (*private, "DP-SGD, epsilon 8, structural")}
    assert not [row for row in table.rows if "DP-SGD" in row.label] and "structural" in {row.label for row in table.rows}
    said = beginning(table, QUICK, table.parts, Offline(tmp_path, None, "paper"))
    assert "not installed (pip install 'tfdeid[dp]'): DP-SGD, epsilon 8; DP-SGD, epsilon 4;" in said


def test_another_dataset_stands_for_cifar10():
    table = make_table("table3", QUICK, "folder:/data/cifar10")
    assert {part.dataset for part in table.parts} == {"folder:/data/cifar10"}
    assert {part.dataset for part in make_table("imagenet", PAPER, "folder:/data/cifar10").parts} == {"imagenet2012"}


def test_unknown_names():
    with pytest.raises(DeidError, match="unknown table 'table7'.* Did you mean 'table"):
        make_table("table7", QUICK)
