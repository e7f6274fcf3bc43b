"""What the table of modes and baselines says."""

from __future__ import annotations

import dataclasses

from PIL import Image

from tfdeid.reproduce import table_output
from tfdeid.reproduce.remarks import remarks as remarks_on
from tfdeid.reproduce.run import Figure
from tfdeid.reproduce.tables import QUICK, make_table

TABLE = make_table("frontier", QUICK)


def row(accuracy, linked, best, published=0.2):
    values = {"accuracy": accuracy, "linked_trained": linked, "best": best, "published": published, "candidates": 500}
    return {name: Figure(value) for name, value in values.items()}


def found(**rows):
    """Returns figures of the rows of these names (spaces and the like are underscores), and of no others."""
    names = {"".join(c if c.isalnum() else "_" for c in row.label): row.label for row in TABLE.rows}
    return {**{row.label: {} for row in TABLE.rows}, **{names[name]: figures for name, figures in rows.items()}}


def remarks(**rows):
    return remarks_on(found(**rows), TABLE)


PAPERS = row(55, 40, 0.4)


def test_a_mode_that_meets_the_aim():
    lines = remarks(structural=PAPERS, colors_keyed=row(53, 9, 0.29), axes_independent=row(54, 20, 0.35))
    assert lines[1].endswith("accuracy: colors keyed (9.0 % linked, accuracy 53.0 %, gain 0.090)")
    assert "(0.200): colors keyed (" in lines[2] and "axes" not in lines[2]
    assert "half the gain, under 10 % linked: met by colors keyed (" in lines[3]
    assert [label in lines[0] for label in ("structural (", "colors keyed (", "axes independent (")] == [True, True, True]


def test_the_best_trade_where_none_meets_it():
    lines = remarks(
        structural=PAPERS, colors_keyed=row(50, 9, 0.29), strong=row(40, 1, 0.21), axes_independent=row(51, 50, 0.4)
    )
    assert lines[1].endswith("accuracy: structural (40.0 % linked, accuracy 55.0 %, gain 0.200)")
    assert "met by none; least linked within 6 points: colors keyed (9.0 %" in lines[3]
    assert "axes" not in lines[0]


def test_baselines_are_compared_but_are_no_modes():
    lines = remarks(structural=PAPERS, block_shuffle=row(56, 0, 0.1, published=0.1))
    assert "block_shuffle" in lines[0] and "structural" not in lines[0]
    assert not [line for line in lines[1:] if "block_shuffle" in line] and "(0.200): none" in lines[2]


def test_missing_figures_are_left_blank(tmp_path):
    plain = {"accuracy": Figure(62.0, 0.5)}
    for figures in (found(), found(plain=plain), found(plain=plain, colors_keyed=row(53, 9, 0.29)), found(structural=PAPERS)):
        table = dataclasses.replace(TABLE, missing=7)
        text = table_output.text(figures, table)
        assert "7 parts are missing" in text and " / " not in text
        table_output.write(figures, table, QUICK, tmp_path, {})
        assert Image.open(tmp_path / "frontier.png").size == (990, 605)


def test_a_picture_of_points_that_lie_together(tmp_path):
    everywhere = {row.label: row_ for row, row_ in zip(TABLE.rows, [row(55, 0, 0.4)] * len(TABLE.rows), strict=True)}
    table_output.write(everywhere, TABLE, QUICK, tmp_path, {})
    assert (tmp_path / "frontier.png").exists()
