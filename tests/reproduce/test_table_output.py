"""What a table shows."""

from __future__ import annotations

import json

import pytest
from PIL import Image

from tfdeid.experiments.scale import QUICK
from tfdeid.reproduce import paper, table_output
from tfdeid.reproduce.remarks import remarks as remarks_on
from tfdeid.reproduce.run import Figure
from tfdeid.reproduce.tables import TABLES, make_table


def as_printed(table, **less):
    """Returns figures that are the paper's own, but for columns that are off by so much."""
    return {
        row.label: {
            name: Figure(row.paper.get(name, 50.0) - less.get(name, 0.0), deviation=0.5 if name == "accuracy" else None)
            for name in table.columns
        }
        for row in table.rows
    }


@pytest.mark.parametrize("name", TABLES)
def test_text_json_and_picture(name, tmp_path):
    table = make_table(name, QUICK)
    found = as_printed(table)
    text = table_output.text(found, table)
    for row in table.rows:
        line = next(line for line in text.splitlines() if line.startswith(row.label + " "))
        assert line.count(" / ") == len(set(row.paper) & set(table.columns))
    paths = table_output.write(found, table, QUICK, tmp_path, {"key_fingerprint": "f"})
    content = json.loads(paths[0].read_text())
    assert content["less_than_in_the_paper"] == table.reduced and content["key_fingerprint"] == "f"
    assert [row["paper"] for row in content["rows"]] == [dict(row.paper) for row in table.rows]
    assert min(Image.open(paths[1]).size) > 300


def remarks(name, **less):
    table = make_table(name, QUICK)
    return "\n".join(remarks_on(as_printed(table, **less), table))


def test_distance_from_the_paper():
    assert "SSIM_Dei 0.0300" in remarks("table2", ssim_dei=0.03)
    assert "correlation of the SDIM curves: 1.000" in remarks("table2", sdim=0.2)
    assert "lowest SDIM at 50, in the paper at 50" in remarks("table2")
    assert "accuracy, % 2.00" in remarks("table5", accuracy=2)


def test_what_others_printed_is_no_distance_from_the_paper():
    table = make_table("table1", QUICK)
    found = as_printed(table, accuracy=2)
    (others,) = (row.label for row in table.rows if row.source)
    found[others]["accuracy"] = Figure(10.0)
    assert "accuracy, % 2.00" in "\n".join(remarks_on(found, table))


def test_trends():
    assert "from 75 to 224: +7.94 points (the paper: +7.94)" in remarks("table4", accuracy=30)
    assert "7.5 times the time (the paper: 7.5)" in remarks("table4")
    assert "mean over sizes: -0.13 points (the paper: -0.13)" in remarks("table3", accuracy=1)


def test_who_wins():
    table = make_table("table6", QUICK)
    found = as_printed(table)
    found["negative_positive, not augmented"] = {"accuracy": Figure(90.0)}
    text = "\n".join(remarks_on(found, table))
    assert text.startswith("from best to worst: plain 91.7; negative_positive, not augmented 90.0; structural 87.1")
    assert "structural minus the best negative_positive: -2.9 points (the paper: +4.9)" in text
    # (n + 1)^n images of n = 2500 pixels; 10 * 50 + 1 entries of the table.
    assert (
        "structural: 2^28,221 possible images by the papers' count; the key fixes 501 values, the same for all images" in text
    )
    assert (
        "negative_positive: 2^5,719 possible images by the papers' count; the key fixes 4,096 values, anew for each image"
        in text
    )
    assert "of possible images, not of keys" in text
    assert paper.TABLE_6["structural"] - paper.TABLE_6["negative_positive"] == pytest.approx(4.94)
