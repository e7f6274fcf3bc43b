"""The names under which parts are kept: work of hours is found again by them, so they stay."""

from __future__ import annotations

import hashlib
import types

from tfdeid.experiments.workshop import Workshop
from tfdeid.reproduce.run import cost
from tfdeid.reproduce.tables import PAPER, QUICK, SCALES, TABLES, make_table

# Table, its part's place, and the name, all at quick scale, of CIFAR-10 3.0.2 under the published key.
NAMES = (
    ("table2", 0, "measure_cifar10_structural_32_224_fbbda4ff"),
    ("table4", 0, "train_seed0_cifar10_structural_50_75_d2760b7a"),
    ("table5", -1, "train_seed1_cifar10_structural_50_75_grayscale1_c5bbc8ac"),
    ("table6", 7, "train_seed0_cifar10_negative_positive_32_75_key_scopeimage_cdace965"),
    ("imagenet", 0, "measure_imagenet2012_structural_32_224_c0106473"),
    ("frontier", 5, "attack_cifar10_structural_50_224_6e40874c"),
    ("frontier", -1, "attack_cifar10_block_shuffle_32_224_key_scopeimage_ab4696a2"),
)
# Of all names of both scales, sorted, a line each.
DIGEST = "dbeb8f36c4e532ed183ab2a1b428f5d005fe4f01b8c2f4e06684efb2df401393"


class Offline(Workshop):
    """Has the paper's datasets without reading them."""

    def source(self, dataset):
        return types.SimpleNamespace(version="3.0.2", splits={"train": 50_000, "test": 10_000})


def test_the_names_of_kept_parts_stay(tmp_path):
    workshop = Offline(tmp_path, None, "paper")
    for table, place, name in NAMES:
        assert make_table(table, QUICK).parts[place].name(workshop) == name
    tables = [make_table(name, scale) for scale in SCALES.values() for name in TABLES]
    names = sorted({part.name(workshop) for table in tables for part in table.parts})
    assert len(names) == 121 and hashlib.sha256("".join(f"{name}\n" for name in names).encode()).hexdigest() == DIGEST


def test_what_is_said_of_the_cost_stays():
    assert cost(QUICK, make_table("frontier", QUICK).parts) == "about 130 minutes on two cores"
    assert cost(QUICK, make_table("table3", QUICK).parts) == "about 27 minutes on two cores"
    assert cost(PAPER, make_table("table2", PAPER).parts) == "about 20 minutes of measuring on two cores"
    assert cost(PAPER, make_table("table3", PAPER).parts) == (
        "8 training runs of 1.0e+19 FLOP together: 448 hours on one RTX 2080 Ti, 56 hours on one A100 (estimates; on CPUs "
        "alone, months to years) and about 6 minutes of measuring on two cores. A run keeps about 2 GB of checkpoints and "
        "networks. Press Ctrl-C if that is not what you want; nothing is lost then"
    )
    assert "98 hours on one A100" in (frontier := cost(PAPER, make_table("frontier", PAPER).parts))
    assert "and about 3 hours of attacking on two cores." in frontier
