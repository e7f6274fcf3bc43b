"""Running parts, keeping them, and going on."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import shlex
import subprocess
import sys
import types

import pytest

from tests.attack.made import findings
from tfdeid import DeidConfig, DeidError, Key
from tfdeid.cli import main
from tfdeid.data.draw import draw_images
from tfdeid.data.sources import SourceConfig
from tfdeid.experiments.parts import Attacking, Encrypted, Measuring, Training, attacking
from tfdeid.experiments.scale import QUICK
from tfdeid.experiments.splits import Splits
from tfdeid.experiments.workshop import Workshop
from tfdeid.measure import measure
from tfdeid.reproduce import table_output
from tfdeid.reproduce.run import reproduce
from tfdeid.reproduce.tables import Row, Table

SMALL = DeidConfig(input_size=16, output_size=32)
MEASURING = Measuring(SMALL, 3)
OPTIONS = ("--model=small", "--schedule=1 x 1e-3", "--batch_size=16")
TRAINING = Training(SMALL, 5, OPTIONS, limit=48, num_images=32, num_tests=20)
TABLE = Table(
    "table0",
    "a table",
    ("sdim", "accuracy"),
    (
        Row("structural", (MEASURING, TRAINING), {"accuracy": 50.0}),
        Row("nothing", (TRAINING,), {}, minus=(TRAINING,)),
    ),
    "all",
)


@pytest.fixture
def key_path(tmp_path):
    Key.generate().save(tmp_path / "key")
    return tmp_path / "key"


@pytest.mark.slow
def test_parts_are_run_once(shared_tfds, tmp_path, key_path, monkeypatch, capfd):
    folder = tmp_path / "out"
    found = reproduce(TABLE, QUICK, Workshop(folder, str(shared_tfds), str(key_path)))
    images = draw_images(SourceConfig("cifar10", str(shared_tfds)), "test", 3, 0)
    assert found["structural"]["sdim"].mean == pytest.approx(measure(images, SMALL, Key.load(key_path), reference="input").sdim)
    (run,) = (folder / "runs").iterdir()
    tested, record = json.loads((run / "evaluation.json").read_text()), json.loads((run / "run.json").read_text())
    assert found["structural"]["accuracy"].mean == pytest.approx(100 * tested["accuracy"])
    assert tested["examples"] == 20 and record["data"]["train_split"] == "train[:32]" and record["train"]["seed"] == 5
    assert record["dataset"]["facts"]["key_fingerprint"] == Key.load(key_path).fingerprint
    assert found["nothing"]["accuracy"].mean == 0
    said = capfd.readouterr()
    assert "python -m beam.deid --dataset=cifar10" in said.out and "[2/2" in said.out
    assert Key.load(key_path).material.decode() not in said.out + said.err

    monkeypatch.setattr(subprocess, "run", None)
    again = reproduce(TABLE, QUICK, Workshop(folder, str(shared_tfds), str(key_path)))
    assert again == found and "2 of them kept from earlier; nothing to run" in capfd.readouterr().out


def test_parts_of_other_keys_and_configurations_are_others(shared_tfds, tmp_path, key_path):
    workshop = Workshop(tmp_path, str(shared_tfds), str(key_path))
    MEASURING.result(workshop)
    assert MEASURING.is_kept(workshop)
    assert not dataclasses.replace(MEASURING, num_images=4).is_kept(workshop)
    Key.generate().save(tmp_path / "other")
    assert not MEASURING.is_kept(Workshop(tmp_path, str(shared_tfds), str(tmp_path / "other")))


def test_an_option_that_changes_nothing_leaves_kept_parts_known(shared_tfds, tmp_path, key_path):
    workshop = Workshop(tmp_path, str(shared_tfds), str(key_path))
    sizes = {"scheme": "structural", "input_size": 16, "output_size": 32}
    assert MEASURING.identity(workshop)["deid"] == TRAINING.identity(workshop)["deid"] == sizes
    other = dataclasses.replace(MEASURING, deid=dataclasses.replace(SMALL, axes="independent"))
    assert other.identity(workshop)["deid"] == {**sizes, "axes": "independent"}


@pytest.mark.slow
def test_a_command_that_fails_ends_it_and_loses_nothing(shared_tfds, tmp_path, key_path, capfd):
    workshop = Workshop(tmp_path / "out", str(shared_tfds), str(key_path))
    bad = dataclasses.replace(TRAINING, limit=-1)
    rows = (Row("a", (MEASURING,), {}), Row("b", (bad,), {}))
    with pytest.raises(DeidError, match=r"exit code 2, for the reason above: python -m beam.deid .* the same command goes on"):
        reproduce(dataclasses.replace(TABLE, rows=rows), QUICK, workshop)
    assert "limit must be a whole number of at least 1, limit was -1" in capfd.readouterr().err
    assert MEASURING.is_kept(workshop) and not bad.is_kept(workshop)


@pytest.mark.slow
def test_other_families_are_run(shared_tfds, tmp_path, key_path, capfd):
    pytest.importorskip("seal")
    pytest.importorskip("jax_privacy")
    few = {"limit": 64, "num_images": 64, "num_tests": 20}
    plain = DeidConfig("plain", 32, 32)
    options = ("--schedule=2 x 1e-3", "--batch_size=16")
    asking = Encrypted(plain, 0, (*options, "--model=cryptonet"), num_encrypted=16, **few)
    private = ("--model=small_groupnorm", "--method=dp_sgd", "--dp_epsilon=8", "--dp_delta=1e-3")
    training = Training(plain, 0, (*options, *private), backend="jax", **few)
    asked = Row("asked", (asking,), {}, source="somebody", protects="the question")
    columns = ("accuracy", "training", "milliseconds", "bytes")
    table = Table("table0", "a table", columns, (asked, Row("private", (training,), {}, over=(asking,))), "all")
    workshop = Workshop(tmp_path, str(shared_tfds), str(key_path))
    found = reproduce(table, QUICK, workshop)
    assert found["asked"]["same"].mean > 80  # A network that hardly learned decides by less than the noise, here and there.
    assert found["asked"]["bytes"].mean > 1e6 > 5_000 > found["private"]["bytes"].mean > 500
    assert found["asked"]["milliseconds"].mean > 20 * found["private"]["milliseconds"].mean
    seconds = [found[label]["training_seconds"].mean for label in ("asked", "private")]
    assert found["private"]["training"].mean == pytest.approx(seconds[1] / seconds[0]) and "training" not in found["asked"]
    said = capfd.readouterr().out
    assert "KERAS_BACKEND=jax python -m tfdeid.train" in said and "python -m tfdeid.cli fhe" in said
    record = json.loads((training.run_dir(workshop) / "run.json").read_text())
    assert record["backend"] == "jax" and record["history"][-1]["epsilon"] <= 8
    shown = table_output.text(found, table)
    assert "  asked: the question" in shown and "figures of others, asked: somebody" in shown
    (path, _) = table_output.write(found, table, QUICK, tmp_path, {})
    assert json.loads(path.read_text())["rows"][0]["protects"] == "the question"


def test_attacks_are_kept_until_there_are_other_attackers(shared_tfds, tmp_path, key_path, monkeypatch, capsys):
    cheap = ["published", "cleaning", "quantile", "small_image"]
    monkeypatch.setattr(attacking, "attackers", lambda config: cheap)
    part = Attacking(dataclasses.replace(SMALL, key_scope="image"), 20, 10)
    workshop = Workshop(tmp_path, str(shared_tfds), str(key_path))
    found = part.result(workshop)
    assert found["records"] == found["candidates"] == 27  # Of 30 that are drawn, three are kept for those who know originals.
    assert found["best"] == max(found["published"], found["attacked"]) < found["ceiling"] < 1
    assert found["cleaned"] == found["ssim_cleaning"] <= found["attacked"] and found["linked"] == found["linked_small_image"]
    assert not {"inverted", "linked_trained"} & set(found)
    assert "min  quantile" in capsys.readouterr().out
    assert part.result(Workshop(tmp_path, str(shared_tfds), str(key_path))) == found
    cheap.append("hog")
    assert not part.is_kept(workshop)


def test_a_part_whose_attacker_failed_is_none(monkeypatch):
    for name, value in (
        ("experiments.parts.attacking.draw_images", []),
        ("attack.case.make_case", None),
        ("attack.engine.attack", findings(failed={"learned_linkage": "it diverged."})),
    ):
        monkeypatch.setattr(f"tfdeid.{name}", lambda *_, value=value, **__: value)
    with pytest.raises(DeidError, match="attackers failed.* learned_linkage: it diverged."):
        workshop = types.SimpleNamespace(
            config=SourceConfig, splits=lambda dataset: Splits("train", "test"), key=Key.generate()
        )
        Attacking(SMALL, 20, 10).run(workshop)


def test_attackers_know_the_records_alone():
    structural, baseline = attacking.attackers(SMALL), attacking.attackers(SMALL.with_scheme("negative_positive"))
    for name in ("published", "learned_inversion", "learned_linkage"):
        assert name in structural and name in baseline
    assert "cleaning" in structural and "cleaning" not in baseline
    # Where nothing is hidden, no network is trained to find it.
    plain = attacking.attackers(SMALL.with_scheme("plain"))
    assert {"published", "small_image"} <= set(plain) and not [name for name in plain if "learned" in name]
    assert not [name for name in structural if "plaintext" in name or "key" in name]


def test_what_is_kept_is_shown_without_running_the_rest(shared_tfds, tmp_path, key_path, capsys):
    workshop = Workshop(tmp_path, str(shared_tfds), str(key_path))
    MEASURING.result(workshop)
    table = TABLE.kept(workshop)
    assert [len(row.parts) for row in table.rows] == [1, 0] and table.missing == 1
    found = reproduce(table, QUICK, workshop)
    assert "sdim" in found["structural"] and "accuracy" not in found["structural"] and not found["nothing"]
    assert "1 parts kept from earlier; 1 are missing, and are not run" in capsys.readouterr().out
    arguments = ["reproduce", "table3", "--kept", f"--data_dir={shared_tfds}", f"--output_dir={tmp_path}"]
    assert main(arguments) == 2
    assert "has none of the parts of table3" in capsys.readouterr().err


def test_an_interruption_is_one_line(shared_tfds, tmp_path, key_path, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("tfdeid.experiments.workshop._run", interrupted)
    with pytest.raises(DeidError, match="interrupted. What is finished is kept"):
        TRAINING.result(Workshop(tmp_path, str(shared_tfds), str(key_path)))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["table9"], "unknown table 'table9'"),
        (["table2", "--scale=quik"], "unknown scale 'quik'. Did you mean 'quick'"),
        (["table2", "--data_dir={tmp}"], "cifar10"),
        (["imagenet", "--scale=paper", "--data_dir={tmp}"], "imagenet2012"),
    ],
)
def test_mistakes(arguments, message, tmp_path, capsys):
    arguments = [argument.format(tmp=tmp_path) for argument in arguments]
    assert main(["reproduce", *arguments, f"--output_dir={tmp_path / 'out'}"]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_help_needs_no_tensorflow():
    code = "import sys; from tfdeid.cli import main\ntry: main(['reproduce', '--help'])\nexcept SystemExit: pass\n"
    code += "assert 'tensorflow' not in sys.modules and 'apache_beam' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def test_commands_are_printed_as_they_work_elsewhere(shared_tfds, tmp_path, key_path, monkeypatch, capsys):
    run = []
    (tmp_path / "tfds data").symlink_to(shared_tfds)  # How much there is to do is read there.
    monkeypatch.setattr("tfdeid.experiments.workshop._run", lambda words, *_: run.append(words) or 0)
    monkeypatch.chdir(tmp_path)
    pathlib.Path("it's out").mkdir()
    workshop = Workshop(pathlib.Path("it's out"), "tfds data", "key")
    workshop.call("beam.deid", *TRAINING.deid_options(workshop))
    printed = shlex.split(capsys.readouterr().out)
    assert printed[1:] == run[0][1:]
    for option in (f"--output_dir={tmp_path}/it's out/data", f"--data_dir={tmp_path}/tfds data", f"--key={key_path}"):
        assert option in printed


@pytest.mark.parametrize("content", ["", "{", "[1]"])
def test_results_that_are_damaged_are_one_error(shared_tfds, tmp_path, key_path, content):
    workshop = Workshop(tmp_path, str(shared_tfds), str(key_path))
    MEASURING.result(workshop)
    (path,) = (tmp_path / "parts").iterdir()
    path.write_text(content)
    with pytest.raises(DeidError, match="Remove it, and the same command works"):
        MEASURING.result(workshop)


def test_results_lie_on_this_machine(capsys):
    assert main(["reproduce", "table2", "--output_dir=gs://bucket/x"]) == 2
    assert "output_dir must be on this machine, output_dir was 'gs://bucket/x'" in capsys.readouterr().err
