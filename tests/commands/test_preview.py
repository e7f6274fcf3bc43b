"""`tfdeid preview`."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from tfdeid import DeidConfig, Deidentifier, Key
from tfdeid.cli import main
from tfdeid.preview import image_id
from tfdeid.schemes.structural import PositionOPE, VectorImage, rasterize


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def test_preview_shows_original_vectorised_and_deidentified(tmp_path, capsys):
    main(["keygen", "--output", str(tmp_path / "key")])
    options = ["--key", str(tmp_path / "key"), "--output", str(tmp_path / "p.png")]
    assert main(["preview", *options]) == 0
    picture = np.asarray(Image.open(tmp_path / "p.png"))
    assert picture.shape == (3 * 232 + 8, 120 + 4 * 232 + 8, 3)
    photo = np.asarray(Image.open(_astronaut()))
    config, top, left = DeidConfig(), 8 + 2 * 232, 120
    expected = Deidentifier(config, Key.load(tmp_path / "key"))(photo)
    np.testing.assert_array_equal(picture[top : top + 224, left : left + 224], expected)


def test_preview_shows_the_source_at_the_output_size(tmp_path):
    main(["keygen", "--output", str(tmp_path / "key")])
    (tmp_path / "c.yaml").write_text("deid: {scheme: plain, input_size: 30, output_size: 60}")
    options = ["--config", str(tmp_path / "c.yaml"), "--key", str(tmp_path / "key"), "--output", str(tmp_path / "p.png")]
    assert main(["preview", _astronaut(), *options]) == 0
    picture, photo = np.asarray(Image.open(tmp_path / "p.png")), Image.open(_astronaut())
    shown = photo.resize((60, 60), Image.Resampling.BICUBIC).resize((224, 224), Image.Resampling.BICUBIC)
    np.testing.assert_array_equal(picture[8 : 8 + 224, 120 : 120 + 224], shown)


def test_preview_of_files_and_datasets(tmp_path):
    Image.fromarray(np.eye(30, dtype=np.uint8) * 255).save(tmp_path / "eye.png")
    output = str(tmp_path / "p.jpg")
    assert main(["preview", str(tmp_path / "eye.png"), "--input_size", "32", "--output", output]) == 0
    assert Image.open(output).size == (120 + 232 + 8, 3 * 232 + 8)
    assert main(["preview", "--dataset", "lfw_subset", "--split", "test", "--num_images", "2", "--output", output]) == 0
    assert Image.open(output).size == (120 + 2 * 232 + 8, 3 * 232 + 8)


def test_preview_of_a_baseline(tmp_path):
    main(["keygen", "--output", str(tmp_path / "key")])
    (tmp_path / "c.yaml").write_text("deid: {scheme: negative_positive, key_scope: image}")
    options = ["--config", str(tmp_path / "c.yaml"), "--key", str(tmp_path / "key"), "--output", str(tmp_path / "p.png")]
    photo, top, left = np.asarray(Image.open(_astronaut())), 8 + 2 * 232, 120
    for more, config in (
        ([], DeidConfig("negative_positive", key_scope="image")),
        (["--scheme", "block_shuffle", "--input_size", "48"], DeidConfig("block_shuffle", 48, key_scope="image")),
    ):
        assert main(["preview", *options, *more]) == 0
        shown = np.asarray(Image.open(tmp_path / "p.png"))[top : top + 224, left : left + 224]
        np.testing.assert_array_equal(shown, Deidentifier(config, Key.load(tmp_path / "key"))(photo, image_id(photo)))


def test_preview_of_baselines_side_by_side(tmp_path):
    output = str(tmp_path / "p.png")
    options = ["--scheme", "structural,negative_positive,block_shuffle", "--input_size", "48", "--output", output]
    assert main(["preview", _astronaut(), *options]) == 0
    assert Image.open(output).size == (120 + 232 + 8, 5 * 232 + 8)


def test_preview_writes_vector_documents_for_the_owner_alone(tmp_path, capsys):
    main(["keygen", "--output", str(tmp_path / "key")])
    options = ["--key", str(tmp_path / "key"), "--output", str(tmp_path / "p.png"), "--svg", str(tmp_path / "svg")]
    assert main(["preview", _astronaut(), *options]) == 0
    assert "as good as the key" in capsys.readouterr().err
    plain, encrypted = ((tmp_path / "svg" / name).read_text() for name in ("1.svg", "1.encrypted.svg"))
    assert PositionOPE(Key.load(tmp_path / "key")).encrypt_svg(plain) == encrypted != plain
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "svg").iterdir()} == {0o600}


def test_vector_documents_are_those_of_the_picture_where_each_image_has_its_own_warp(tmp_path):
    main(["keygen", "--output", str(tmp_path / "key")])
    (tmp_path / "c.yaml").write_text("deid: {key_scope: image, axes: independent}")
    options = ["--config", str(tmp_path / "c.yaml"), "--key", str(tmp_path / "key"), "--output", str(tmp_path / "p.png")]
    assert (
        main(["preview", _astronaut(), _astronaut().replace("astronaut", "coffee"), *options, "--svg", str(tmp_path / "svg")])
        == 0
    )
    first, second = (VectorImage.from_svg((tmp_path / "svg" / f"{k}.encrypted.svg").read_text()) for k in (1, 2))
    assert first.width != first.height != second.height
    left = 8 + 2 * 232, 120
    for k, document in enumerate((first, second)):
        shown = np.asarray(Image.open(tmp_path / "p.png"))[left[0] : left[0] + 224, left[1] + 232 * k : left[1] + 232 * k + 224]
        np.testing.assert_array_equal(shown, rasterize(document, 224))


def test_vector_documents_hold_keyed_colours_and_bends(tmp_path):
    Key("k" * 44).save(tmp_path / "key")  # Not every key's bend moves something beyond the left or upper edge.
    (tmp_path / "c.yaml").write_text("deid: {colors: keyed, bend: true}")
    options = ["--config", str(tmp_path / "c.yaml"), "--key", str(tmp_path / "key"), "--output", str(tmp_path / "p.png")]
    assert main(["preview", _astronaut(), *options, "--svg", str(tmp_path / "svg")]) == 0
    plain, encrypted = ((tmp_path / "svg" / name).read_text() for name in ("1.svg", "1.encrypted.svg"))
    assert PositionOPE(Key.load(tmp_path / "key")).encrypt_svg(plain) == encrypted != plain
    before, after = VectorImage.from_svg(plain), VectorImage.from_svg(encrypted)
    assert before.width == 50 and before.points.min() < 0 and len(np.unique(before.colors, axis=0)) <= 4
    top, left = 8 + 2 * 232, 120
    shown = np.asarray(Image.open(tmp_path / "p.png"))[top : top + 224, left : left + 224]
    np.testing.assert_array_equal(shown, rasterize(after, 224))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--scheme", "block_shuffle"], "multiple of 4"),
        (["--scheme", "block_shufle"], "Did you mean 'block_shuffle'"),
        (["absent.png"], "absent.png can't be read"),
        (["--dataset", "lfw_subset", "--split", "tst"], "'test'"),
        (["--dataset", "lfw_subset", "--num_images", "0"], "num_images must be in"),
        (["x.png", "--dataset", "lfw_subset"], "not both"),
        (["--scheme", "plain", "--svg", "x"], "the scheme structural alone"),
        (["--scheme", "structural,plian"], "Did you mean 'plain'"),
        (["--output", "p.unknown"], "p.unknown can't be written"),
        ([__file__], "known kind"),
    ],
)
def test_preview_mistakes(options, message, capsys):
    assert main(["preview", *options]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--output", "gs://b/p.png"], "output must be on this machine, output was 'gs://b/p.png'"),
        (["--output", "p"], "its ending must be that of a picture"),
        (["--output", "p.psd"], "its ending must be that of a picture"),
        (["--svg", "s3://b/x"], "svg 's3://b/x': s3:// can't be used here"),
        (["--output", f"{__file__}/p.png"], "test_preview.py/p.png can't be written"),
        (["--svg", f"{__file__}/x"], "test_preview.py/x can't be written"),
        (["--config", "/"], "can't be read: Is a directory"),
    ],
)
def test_preview_of_what_the_system_refuses(options, message, capsys):
    assert main(["preview", *options]) == 2
    said = capsys.readouterr().err.splitlines()
    assert message in said[-1] and all("warning" in line for line in said[:-1])


def test_preview_leaves_nothing_half_written(tmp_path, monkeypatch, capsys):
    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    output = tmp_path / "new" / "p [1].png"
    assert main(["preview", "--dataset", "lfw_subset", "--num_images", "1", "--output", f"file://{output}"]) == 0
    before = output.read_bytes()
    monkeypatch.setattr("etils.epath.gpath.PosixGPath.replace", fail)
    for more in ([], ["--svg", str(tmp_path / "svg")]):
        assert main(["preview", "--dataset", "lfw_subset", "--num_images", "1", "--output", str(output), *more]) == 2
        assert "can't be written: No space left on device." in capsys.readouterr().err
    assert [path.name for path in output.parent.iterdir()] == ["p [1].png"] and output.read_bytes() == before
    assert not list((tmp_path / "svg").iterdir())


def test_preview_names_what_is_damaged_and_goes_on(tmp_path, capsys):
    (tmp_path / "scans").mkdir()
    for name in ("a.png", "b.png"):
        Image.fromarray(np.eye(30, dtype=np.uint8) * 255).save(tmp_path / "scans" / name)
    (tmp_path / "scans" / "c.png").write_bytes(b"<html>404</html>")
    options = ["--dataset", f"folder:{tmp_path / 'scans'}", "--num_images", "3", "--output", str(tmp_path / "p.png")]
    assert main(["preview", *options]) == 0
    assert Image.open(tmp_path / "p.png").size[0] == 120 + 2 * 232 + 8
    assert "warning" in (said := capsys.readouterr().err) and "example 2, id 'c.png'" in said
    assert main(["preview", str(tmp_path / "scans" / "a.png"), str(tmp_path / "scans" / "c.png")]) == 2
    assert "scans/c.png: an image must be" in capsys.readouterr().err


def _astronaut() -> str:
    import pathlib

    from skimage import data

    return str(pathlib.Path(data.__file__).parent / "astronaut.png")
