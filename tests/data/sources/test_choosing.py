"""Which examples are chosen: never others, on whatever machine."""

from tests.data.prepared import fails, pixel, read_all
from tfdeid.data.sources import SourceConfig, open_source


def test_classes_are_renumbered_in_the_original_order():
    source = open_source(SourceConfig(classes=("nonface",)))
    assert source.label_names == ["nonface"] and source.splits == {"train": 80, "test": 20}
    examples = list(source.read("train", 10, 12))
    assert [(e.label, e.source_id, e.index) for e in examples] == [(0, "90", 90), (0, "91", 91)]
    both = open_source(SourceConfig(classes=(1, "face")))
    assert both.label_names == ["face", "nonface"] and both.splits == {"train": 160, "test": 40}


def test_a_name_wins_over_an_index(tmp_path):
    for name in ("0", "1", "7", "no"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.png").write_bytes(pixel(0))

    def chosen(*classes):
        return open_source(SourceConfig(f"folder:{tmp_path}", classes=classes)).label_names

    assert chosen("7", "no") == ["7", "no"] and chosen(1) == ["1"] and chosen(7) == ["7"]
    assert chosen(2) == chosen("2") == ["7"] and chosen("3") == ["no"]  # No class has such a name.
    for wrong in ("02", "4", -1, "²", "1.0"):
        fails(f"unknown class {str(wrong)!r}", dataset=f"folder:{tmp_path}", classes=(wrong,))


def test_unknown_choices():
    fails("unknown class 'fase'. Did you mean 'face'", classes=("fase",))
    fails("unknown class '2'", classes=(2,))
    fails("names a class twice", classes=(0, "face"))
    fails("at most the 2 classes", num_classes=3)
    fails("unknown split 'trian'. Did you mean 'train'", splits=("trian",))
    fails("unknown split 'trian'", split_sizes={"trian": 3})
    fails("unknown split 'trian'", split_sizes={"new=trian": 3})
    fails("exists already", split_sizes={"test=train": 3})
    fails("asks for 41 examples, and split 'test' of lfw_subset has 40", split_sizes={"test": 41})


def test_drawn_classes_are_stable_and_nested(tmp_path):
    for k in range(20):
        (tmp_path / f"class{k:02}").mkdir()
        (tmp_path / f"class{k:02}" / "a.png").write_bytes(pixel(k))

    def drawn(count, seed):
        return open_source(SourceConfig(f"folder:{tmp_path}", num_classes=count, class_seed=seed)).label_names

    assert drawn(4, 0) == ["class03", "class06", "class07", "class15"]  # never to change
    assert set(drawn(4, 0)) < set(drawn(9, 0)) and drawn(4, 0) != drawn(4, 1)
    assert drawn(20, 5) == [f"class{k:02}" for k in range(20)]


def test_split_sizes_draw_disjoint_examples_in_source_order():
    config = SourceConfig(split_sizes={"train": 30, "a=train": 20, "b=test": 10}, class_seed=1)
    source = open_source(config)
    assert source.splits == {"train": 30, "test": 30, "a": 20, "b": 10}
    indices = {split: [e.index for e in read_all(source, split)] for split in source.splits}
    for chosen in indices.values():
        assert chosen == sorted(chosen)
    assert not set(indices["train"]) & set(indices["a"])
    assert sorted(indices["test"] + indices["b"]) == list(range(40))  # a split without a size gets the rest
    assert indices["b"] == [8, 9, 10, 15, 19, 20, 22, 29, 33, 37]  # never to change
    assert 5 < sum(e.label for e in read_all(source, "a")) < 15  # not just the first class
    again = open_source(SourceConfig(split_sizes=config.split_sizes, class_seed=2))
    assert [e.index for e in read_all(again, "b")] != indices["b"]


def test_limit_draws_from_each_class_alike():
    source = open_source(SourceConfig(limit=7))
    assert source.splits == {"train": 7, "test": 7}
    examples = read_all(source, "train")
    assert sorted(e.label for e in examples) in ([0] * 3 + [1] * 4, [0] * 4 + [1] * 3)
    assert [e.index for e in examples] == [15, 22, 37, 97, 103, 113, 145]  # never to change
    assert "limit 7: 7 of train, 7 of test, drawn by class_seed 0, as many of each class as can be" in source.notes
    others = open_source(SourceConfig(limit=7, class_seed=1))
    assert [e.index for e in read_all(others, "train")] != [e.index for e in examples]
    # All of a split that has no more, and classes that have fewer give way to the others.
    assert open_source(SourceConfig(limit=1000)).splits == {"train": 160, "test": 40}
    assert [e.label for e in read_all(open_source(SourceConfig(limit=150)), "train")].count(0) == 75


def test_the_first_are_taken_as_limit_did_until_algorithm_version_1():
    source = open_source(SourceConfig(classes=(1,), first=7))
    assert source.splits == {"train": 7, "test": 7}
    assert [e.index for e in read_all(source, "train")] == list(range(80, 87))
    facts = {"source_selection": {"classes": ["nonface"], "limit": 7}}
    assert SourceConfig().selecting_as(facts) == SourceConfig(classes=("nonface",), first=7)
