"""What a run says of itself; tests/train/test_frozen_runs.py has whole records."""

from __future__ import annotations

from tfdeid.data.batches import DataConfig
from tfdeid.train.record import anywhere


def test_paths_are_kept_as_they_mean_the_same_everywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.delenv("TFDS_DATA_DIR", raising=False)
    kept = {given: anywhere(DataConfig(data_dir=given))["data_dir"] for given in ("a b", "~/x", "gs://b/x", "/x", None)}
    assert kept == {
        "a b": f"{tmp_path}/a b",
        "~/x": "/home/me/x",
        "gs://b/x": "gs://b/x",
        "/x": "/x",
        None: "/home/me/tensorflow_datasets",
    }
    monkeypatch.setenv("TFDS_DATA_DIR", "data")
    assert anywhere(DataConfig())["data_dir"] == f"{tmp_path}/data"
    names = anywhere(DataConfig("x_deid/a:1.0.0", test_dataset="./y/x_deid/1.0.0"))
    assert (names["dataset"], names["test_dataset"]) == ("x_deid/a:1.0.0", f"{tmp_path}/y/x_deid/1.0.0")
    assert anywhere(DataConfig())["test_dataset"] is None
