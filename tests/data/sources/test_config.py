"""What a configuration takes, refuses and says of itself."""

import json
import pickle
import subprocess
import sys

import pytest

from tfdeid.data.sources import SourceConfig
from tfdeid.errors import DeidError


@pytest.mark.parametrize(
    ("config", "match"),
    [
        ({"classes": [True, False]}, r"must be a list of names, got \[True, False\]"),
        ({"label_feature": 3}, "label_feature must be a feature's name, got 3"),
        ({"dataset": ""}, "must name a dataset"),
        ({"dataset": "folder:"}, "must name a dataset"),
        ({"splits": ()}, "at least one"),
        ({"classes": ["a", "a"]}, "must be distinct"),
        ({"classes": ["a"], "num_classes": 2}, "not both"),
        ({"limit": 1, "first": 1}, "give limit or first, not both"),
        ({"num_classes": 0}, "num_classes must be .* got 0"),
        ({"limit": 1.5}, "limit must be .* got 1.5"),
        ({"split_sizes": {"train": -1}}, r"split_sizes\[train\] must be .* got -1"),
        ({"class_seed": -1}, "class_seed must be"),
    ],
)
def test_config_checks_itself(config, match):
    with pytest.raises(DeidError, match=match):
        SourceConfig(**config)


def test_config_takes_lists_and_lone_names_and_can_be_hashed():
    config = SourceConfig(splits="train", classes=["face"], split_sizes={"train": 3})
    assert config.splits == ("train",) and config.classes == ("face",)
    assert hash(config) == hash(pickle.loads(pickle.dumps(config)))


def test_selection_is_what_determines_the_examples():
    assert SourceConfig(splits=("train",), class_seed=3).selection(2) == {}
    config = SourceConfig(num_classes=2, class_seed=3, split_sizes={"train": 4}, limit=5)
    assert config.selection(2) == {"num_classes": 2, "class_seed": 3, "split_sizes": {"train": 4}, "limit": 5}
    json.dumps(SourceConfig(classes=("a", 1)).selection(2))
    chosen = SourceConfig("made", image_feature="a/b", label_feature="none", limit=3, class_seed=7)
    assert chosen.selection(2) == {"limit": 3, "class_seed": 7, "image_feature": "a/b", "label_feature": "none"}
    for version, config in ((1, SourceConfig(first=4)), (2, SourceConfig(first=4)), (2, chosen)):
        facts = {"source_selection": config.selection(version), "algorithm_version": version}
        assert SourceConfig(config.dataset).selecting_as(facts) == config


def test_importing_is_light():
    code = "import sys, tfdeid.data.sources; print({'tensorflow', 'tensorflow_datasets', 'apache_beam'} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()"
