"""What a pipeline makes of the reference of a key: nothing that may be a key's text is shown or sent."""

from __future__ import annotations

import dataclasses

import pytest

from beam import deid, shards
from beam.job import Job
from beam.options import RunOptions, parse
from tests.test_key import MISTYPED, RANDOM
from tfdeid import DeidConfig, DeidError, Key
from tfdeid.cli import main
from tfdeid.data.sources import SourceConfig
from tfdeid.redaction import PLACEHOLDER


def repeats(text: str, message: str) -> bool:
    return any(text[k : k + 8] in message for k in range(len(text) - 8))


@pytest.mark.parametrize("is_local", [True, False])
@pytest.mark.parametrize("name", ["without its =", "env: without =", "quoted", "URL-safe", "a folder before it"])
def test_the_text_of_a_key_is_refused_and_not_repeated(name, is_local):
    with pytest.raises(DeidError) as caught:
        deid._load_key(RunOptions(key=MISTYPED[name]), is_local)
    assert not repeats(RANDOM, str(caught.value)) and not repeats(MISTYPED["URL-safe"], str(caught.value))


@pytest.mark.parametrize("reference", ["papers.key", "paper.txt", "paper/key", "gcp-secrets", "env:KEY", "/keys/key", "Paper"])
def test_only_the_published_key_and_secrets_are_on_every_worker(reference):
    with pytest.raises(DeidError, match=f"'{reference}' must exist on every worker"):
        deid._load_key(RunOptions(key=reference), is_local=False)


def test_the_published_key_is_on_every_worker():
    with pytest.warns(UserWarning, match="published"):
        assert deid._load_key(RunOptions(key="paper"), is_local=False)[1] == "paper"


def test_a_relative_reference_means_the_same_file_for_local_workers_and_is_left_alone_for_others(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Key.generate().save("key")
    assert deid._load_key(RunOptions(key="key"), is_local=True)[1] == str(tmp_path / "key")
    assert deid._load_key(RunOptions(key="key", key_on_workers=True), is_local=False)[1] == "key"


def test_a_key_that_differs_on_a_worker_is_named_unless_its_name_may_be_a_key(tmp_path):
    for name, shown in (("jane's key", "jane's key"), (RANDOM.replace("/", "-"), PLACEHOLDER)):
        Key.generate().save(tmp_path / name)
        job = Job(SourceConfig(), DeidConfig(), str(tmp_path / name), "0" * 16, "", "x", "tfrecord", 1, None, "x", "1")
        with pytest.raises(DeidError, match="leads to another key here") as caught:
            shards.Worker(dataclasses.replace(job))
        assert shown in str(caught.value)


@pytest.mark.parametrize(
    "argv",
    [
        ["keygen", "--output", RANDOM],
        ["keygen", "--output", f"keys/{RANDOM[:-1]}"],
        ["keygen", RANDOM],
        ["preview", "--key", RANDOM[:-1]],
        ["preview", "--key", RANDOM[:10], RANDOM[10:]],
        ["preview", "--key", f"{RANDOM[:20]} {RANDOM[20:]}"],
        ["verify", "x", "--source", "lfw_subset", "--key", f"env:{RANDOM}"],
        ["verify", RANDOM, "--key", "x"],
        ["attack", "--dataset", "x", "--originals", "lfw_subset", "--output_dir", "o", "--key", f'"{RANDOM}"'],
        ["measure", f"--key={RANDOM}", "--sizes", RANDOM[:-1]],
        ["reproduce", "frontier", "--key", RANDOM[:-1], "--output_dir", "o"],
        ["compare", "--dataset", "lfw_subset", "--key", RANDOM[:-1], "--output_dir", "o"],
        ["classify", "x.png", "--run", RANDOM],
        [RANDOM],
        [f"--{RANDOM}"],
    ],
)
def test_no_command_repeats_the_text_of_a_key(argv, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(argv) == 2
    said = capsys.readouterr()
    assert said.err.startswith("tfdeid: error: ") and said.err.count("\n") == 1
    assert not repeats(RANDOM, said.err + said.out)
    assert not repeats(RANDOM, str([*tmp_path.rglob("*")]))


def test_no_option_of_the_pipeline_repeats_the_text_of_a_key(capsys):
    from tfdeid.terminal import run_command

    for argv in (["--key", RANDOM[:10], RANDOM[10:]], [f"--kye={RANDOM}"], [f"--{RANDOM}"], ["--dataset", "x", RANDOM[:-1]]):
        assert run_command("beam.deid", lambda argv=argv: len(parse(argv))) == 2
        said = capsys.readouterr().err
        assert said.count("\n") == 1 and not repeats(RANDOM, said), said
