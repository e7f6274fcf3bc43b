"""`tfdeid SUBCOMMAND`, and the same commands as modules."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tfdeid import Key
from tfdeid.cli import COMMANDS, main

# Of the commands that are modules too.
MODULES = {"deid": "beam.deid", "train": "tfdeid.train", "evaluate": "tfdeid.evaluate"}


def run(module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", module, *arguments], capture_output=True, text=True)


@pytest.mark.parametrize(("argv", "message"), [(["kygen"], "'keygen'"), ([], "--help"), (["--x"], "--help")])
def test_mistakes(argv, message, capsys):
    assert main(argv) == 2
    assert message in capsys.readouterr().err


def test_help_lists_the_commands_and_loads_none():
    code = "import sys; from tfdeid.cli import main; code = main(['--help']); "
    code += "sys.exit(code or bool({'tensorflow', 'apache_beam', 'numpy', 'tfdeid.key'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == ""
    assert re.findall(r"^    (\w+)", done.stdout, re.M) == list(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_of_a_command_needs_no_tensorflow(name):
    code = f"import sys; from tfdeid.cli import main; code = main(['{name}', '--help']); "
    code += "sys.exit(code or bool({'tensorflow', 'apache_beam', 'keras'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == ""
    assert done.stdout.startswith(f"usage: tfdeid {name} [-h]")


@pytest.mark.slow
@pytest.mark.parametrize("name", MODULES)
def test_a_command_and_its_module_are_the_same(name):
    command, module = run("tfdeid.cli", name, "--help"), run(MODULES[name], "--help")
    assert command.returncode == module.returncode == 0 and command.stderr == module.stderr == ""
    # But for what is typed, and how the lines of the usage break.
    usage, _, rest = module.stdout.partition("\n\n")
    assert command.stdout.partition("\n\n")[2] == rest
    said = command.stdout.partition("\n\n")[0].split()
    assert said == usage.replace(f"python -m {MODULES[name]}", f"tfdeid {name}").split()


@pytest.mark.parametrize("name", COMMANDS)
def test_an_unknown_option_is_one_line_of_one_form(name, capsys):
    needed = {"reproduce": ["t"], "classify": ["i", "--run=r"], "verify": ["d"], "evaluate": ["r"], "fhe": ["r"]}
    needed |= {"attack": ["--dataset=d", "--originals=o"], "compare": ["--dataset=d"]}
    assert main([name, *needed.get(name, []), "--kye=x"]) == 2
    said = capsys.readouterr().err
    assert re.fullmatch(
        rf"tfdeid: error: unknown option '--kye'\.( Did you mean .*\?)? `tfdeid {name} --help` lists all\.\n", said
    )


@pytest.mark.parametrize("name", ["train", "evaluate"])
def test_a_module_says_its_own_name(name):
    done = run(MODULES[name], "r", "--checkpont=x") if name == "evaluate" else run(MODULES[name], "--schedul=x")
    assert done.returncode == 2
    assert done.stderr.startswith(f"{MODULES[name]}: error: unknown option ")
    assert done.stderr.endswith(f"`python -m {MODULES[name]} --help` lists all.\n")


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["preview", "--num_images=x"], "argument --num_images: invalid int value: 'x'. `tfdeid preview --help` lists all."),
        (["train", "--epochs=x"], "argument --epochs: invalid int value: 'x'. `tfdeid train --help` lists all."),
        (["evaluate"], "the following arguments are required: RUN. `tfdeid evaluate --help` lists all."),
        (["keygen", "x"], "unexpected argument 'x'. Options are written --name value or --name=value."),
    ],
)
def test_other_mistakes_of_the_command_line(argv, message, capsys):
    assert main(argv) == 2
    assert capsys.readouterr().err == f"tfdeid: error: {message}\n"


def test_a_dataset_is_made_and_checked_by_subcommands(tmp_path, capsys):
    Key.generate().save(tmp_path / "key")
    options = ["--runner=FnApiRunner", "--limit=4", "--output_size=32", "--input_size=16", f"--output_dir={tmp_path}"]
    assert main(["deid", *options, f"--key={tmp_path / 'key'}"]) == 0
    assert "read 8 = written 8 + failed 0" in capsys.readouterr().out
    assert main(["verify", "lfw_subset_deid", f"--data_dir={tmp_path}"]) == 0
    assert main(["train", "--dataset=lfw_subset_deid", f"--data_dir={tmp_path}"]) == 2
    assert "say where results go with --run_dir" in capsys.readouterr().err
