"""`tfdeid reproduce frontier`, which is a comparison on CIFAR-10."""

from __future__ import annotations

from tfdeid.cli import main
from tfdeid.compare.methods import Method
from tfdeid.experiments.scale import PAPER, QUICK
from tfdeid.plugins import Plugin
from tfdeid.reproduce import frontier
from tfdeid.schemes import SCHEMES
from tfdeid.schemes.plain import Plain


def test_what_is_compared():
    methods = frontier.methods()
    names = [str(method) for method in methods]
    assert len(set(names)) == len(names) and names[0] == "plain"
    assert {"strong", "structural:input_size=50", "structural:colors=keyed,bend=true", "pixelate:cells=12"} <= set(names)
    traced = {method.scheme for method in methods if SCHEMES[method.scheme].traces}
    assert traced == {"structural", "vectorized"}
    assert all(method.config(32).input_size == 32 for method in methods if method.scheme not in traced)
    assert all(method.config(32).output_size == 224 for method in methods)


def test_sizes_to_train_at():
    sizes = {str(method): QUICK.trained_size(method.config(32)) for method in frontier.methods()}
    assert sizes["plain"] == sizes["pixelate:cells=12"] == 32 and sizes["strong"] == sizes["vectorized:input_size=50"] == 64
    assert {PAPER.trained_size(method.config(32)) for method in frontier.methods()} == {224}


def test_schemes_of_others_have_a_row(monkeypatch):
    class Tiles(Plain):
        name = "tiles"

    monkeypatch.setitem(SCHEMES.__dict__, "_others", {"tiles": (Plugin("tiles", "somebody's", "1.0"), Tiles)})
    assert frontier.methods()[-1] == Method("tiles")


def test_the_command(shared_tfds, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(frontier, "perform", lambda *asking, **more: asked.append((asking, more)) or 7)
    options = [f"--data_dir={shared_tfds}", f"--output_dir={tmp_path}", "--kept"]
    assert main(["reproduce", "frontier", *options]) == 7
    ((question, methods, limits, workshop, folder, kept), more) = asked[0]
    assert question.dataset == "cifar10" and question.scale is QUICK and methods == frontier.methods() and not limits and kept
    assert workshop.folder == folder == tmp_path / "quick" and more["command"].startswith("tfdeid reproduce frontier")
