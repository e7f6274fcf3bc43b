"""The names under which parts are kept: work of hours is found again by them, so they stay."""

from __future__ import annotations

import dataclasses
import hashlib
import types

import pytest

from tfdeid import DeidConfig
from tfdeid.experiments.parts import Attacking, Measuring, Training
from tfdeid.experiments.run import cost
from tfdeid.experiments.scale import PAPER, QUICK, STANDARD
from tfdeid.experiments.workshop import Workshop
from tfdeid.reproduce.tables import TABLES, make_table

# What was run at quick scale until 2026-11, whose parts have their names still.
QUICK_THEN = ("--model=small", "--schedule=5 x 1e-3, 2 x 1e-4")
UNTURNED = (*QUICK_THEN, "--rotation=0", "--shift=0", "--noflip")
IMAGE = {"key_scope": "image"}
# The part, and its name, of CIFAR-10 3.0.2 under the published key.
NAMES = (
    (Measuring(DeidConfig(input_size=32), 1000), "measure_cifar10_structural_32_224_fbbda4ff"),
    (
        Training(DeidConfig(output_size=75), 0, QUICK_THEN, 10_000, 3_000, 2_000),
        "train_seed0_cifar10_structural_50_75_d2760b7a",
    ),
    (
        Training(DeidConfig(output_size=75, grayscale=True), 1, QUICK_THEN, 10_000, 10_000, 2_000),
        "train_seed1_cifar10_structural_50_75_grayscale1_c5bbc8ac",
    ),
    (
        Training(DeidConfig("negative_positive", 32, 75, **IMAGE), 0, QUICK_THEN, 10_000, 10_000, 2_000),
        "train_seed0_cifar10_negative_positive_32_75_key_scopeimage_cdace965",
    ),
    (
        Training(DeidConfig("block_shuffle", 32, 75), 1, UNTURNED, 10_000, 10_000, 2_000),
        "train_seed1_cifar10_block_shuffle_32_75_19d712ea",
    ),
    (
        Measuring(DeidConfig(input_size=32), 1000, None, dataset="imagenet2012"),
        "measure_imagenet2012_structural_32_224_c0106473",
    ),
    (Attacking(DeidConfig(), 500, 3000), "attack_cifar10_structural_50_224_9c87aaf4"),
    (
        Attacking(DeidConfig("block_shuffle", 32, **IMAGE), 500, 3000),
        "attack_cifar10_block_shuffle_32_224_key_scopeimage_fb34afba",
    ),
)
# Of all names at paper scale, sorted, a line each.
DIGEST = "19b51874c56335f30eb7c5b168de63743f6d2a80aaa552691f5dd43a230261c4"


class Offline(Workshop):
    """Has the paper's datasets without reading them."""

    def source(self, dataset):
        return types.SimpleNamespace(name=dataset, version="3.0.2", splits={"train": 50_000, "test": 10_000})


@pytest.fixture
def workshop(tmp_path):
    return Offline(tmp_path, None, "paper")


def test_the_names_of_kept_parts_stay(workshop):
    assert [part.name(workshop) for part, _ in NAMES] == [name for _, name in NAMES]
    # Those of families that came later have a recipe.
    parts = {part for table in TABLES if table != "table1" for part in make_table(table, PAPER).parts}
    names = sorted(part.name(workshop) for part in parts if getattr(part, "recipe", None) is None)
    assert len(names) == 36 and hashlib.sha256("".join(f"{name}\n" for name in names).encode()).hexdigest() == DIGEST


def test_what_came_later_is_part_of_a_name_where_it_is_used(workshop):
    training, attacking = NAMES[1][0], NAMES[6][0]
    others = [
        dataclasses.replace(training, recipe=QUICK.recipe),
        dataclasses.replace(training, recipe=STANDARD.recipe),
        dataclasses.replace(attacking, reference="source"),
    ]
    names = [part.name(workshop) for part in (training, attacking, *others)]
    assert len(set(names)) == len(names)


def test_what_is_said_of_the_cost_stays(workshop):
    def said(scale, table):
        return cost(scale, make_table(table, scale).parts, workshop)

    assert said(QUICK, "table2") == "about 2 minutes on two cores"
    assert said(QUICK, "table3") == "about 64 minutes on two cores (training 64 minutes, measuring 1 minute)"
    assert said(PAPER, "table2") == "about 20 minutes of measuring on two cores"
    assert said(PAPER, "table3") == (
        "8 training runs of 1.0e+19 FLOP together: 448 hours on one RTX 2080 Ti, 56 hours on one A100 (estimates; on CPUs "
        "alone, months to years) and about 6 minutes of measuring on two cores. A run keeps about 2 GB of checkpoints and "
        "networks. Press Ctrl-C if that is not what you want; nothing is lost then"
    )
