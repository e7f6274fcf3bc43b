"""What commands say: one line each, whatever the system refuses and wherever their words go."""

from __future__ import annotations

import base64
import errno
import os
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from tests.conftest import ROOT
from tfdeid.errors import DeidError, warn
from tfdeid.redaction import PLACEHOLDER, without_keys
from tfdeid.terminal import divert_stderr, run_command

KEY = "q7Rk0vXz2LmPw9sTbYd4FhJc1NgQe8Ua3ZiVo6KxWpM="


def raising(error: BaseException):
    def command() -> int:
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (DeidError("x must be y."), 2, "error: x must be y."),
        (DeidError("in\ntwo lines."), 2, "error: in two lines."),
        (
            OSError(errno.ENOSPC, "No space left on device", "/a/b"),
            2,
            "error: /a/b can't be used: No space left on device. Make",
        ),
        (OSError(errno.EROFS, "Read-only file system", b"/a/b"), 2, "error: /a/b can't be used: Read-only file system. Choose"),
        (OSError(errno.ESTALE, "Stale file handle", "/a"), 2, "error: /a can't be used: Stale file handle. Mount it again."),
        (OSError(errno.EIO, "Input/output error", "/a"), 2, "error: /a can't be used: Input/output error."),
        (OSError(errno.EXDEV, "Invalid cross-device link", "/a", None, "/b"), 2, "error: /a or /b can't be used: Invalid"),
        (PermissionError(errno.EACCES, "Permission denied", "/a"), 2, "error: /a can't be used: Permission denied. Choose"),
        (OSError(errno.EMFILE, "Too many open files"), 2, "error: the system refused: Too many open files. Raise"),
        (ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"), 2, "error: the system refused: Connection reset"),
        (OSError("Unable to open file\nthe second line"), 2, "error: the system refused: Unable to open file the second line."),
        (OSError(), 2, "error: the system refused: OSError."),
        (MemoryError(), 2, "error: memory ran out. "),
        (MemoryError("Unable to allocate 3 TiB"), 2, "error: memory ran out (Unable to allocate 3 TiB). "),
        (RuntimeError("Could not determine home directory."), 2, "error: a path begins with ~, and no such home folder"),
        (KeyboardInterrupt(), 130, "interrupted."),
        (SystemExit(3), 3, ""),
        (SystemExit(), 0, ""),
        (SystemExit("enough"), 1, "enough"),
    ],
)
def test_what_is_no_fault_of_ours_is_one_line(error, code, said, capsys):
    assert run_command("p", raising(error)) == code
    shown = capsys.readouterr()
    assert shown.out == "" and shown.err.startswith(f"p: {said}" if said else "")
    assert shown.err.count("\n") == bool(said) and "Traceback" not in shown.err


@pytest.mark.parametrize("error", [TypeError("x"), AssertionError(), KeyError("x"), ValueError("x"), RuntimeError("x")])
def test_what_is_a_fault_of_ours_is_raised(error):
    with pytest.raises(type(error)):
        run_command("p", raising(error))


def test_what_was_interrupted_says_what_became_of_it(capsys):
    def command() -> int:
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt:
            raise DeidError("interrupted. All is kept.") from None

    assert run_command("p", command) == 130
    assert capsys.readouterr().err == "p: error: interrupted. All is kept.\n"


def test_tensorflows_words_for_files_are_one_line_and_those_for_mistakes_are_raised(capsys, tmp_path):
    tf = pytest.importorskip("tensorflow")

    def reading() -> int:
        return len(tf.io.read_file(str(tmp_path / "absent")).numpy())

    assert run_command("p", reading) == 2
    said = capsys.readouterr().err
    assert said.startswith("p: error: ") and "absent; No such file or directory" in said and said.count("\n") == 1
    with pytest.raises(tf.errors.InvalidArgumentError):
        run_command("p", lambda: tf.matmul(tf.zeros((2, 3)), tf.zeros((2, 3))))


def test_a_removed_current_folder_is_named(tmp_path, monkeypatch, capsys):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    try:
        assert run_command("p", lambda: len(os.getcwd())) == 2
    finally:
        os.chdir(ROOT)
    assert capsys.readouterr().err == "p: error: the current folder does not exist any more. Change to another one.\n"


# What looks like a key.


@pytest.mark.parametrize(
    "text", [KEY, KEY[:-1], f"'{KEY}'", f"--key={KEY}", f"a/{KEY[:-1]}.txt", f"env:{KEY}", KEY[20:], bytes(range(3, 35)).hex()]
)
def test_no_message_repeats_a_key(text, capsys):
    def command() -> int:
        warn(f"what is this: {text}? It was given.")
        raise DeidError(f"unexpected argument {text!r}. Options are written --name value.")

    assert run_command("p", command) == 2
    said = capsys.readouterr().err
    assert not any(text[k : k + 8] in said for k in range(8, len(text) - 8)), said
    assert said.splitlines()[1].endswith(". Options are written --name value.") and said.count(PLACEHOLDER) == 2


@pytest.mark.parametrize(
    "message",
    [
        "/home/jane/keys/scans-2024-customer is no folder.",
        "unknown model 'x'. Known: ConvNeXtXLarge, EfficientNetV2B0, InceptionResNetV2, MobileNetV3Small, NASNetLarge.",
        "the key must be that of the dataset, with fingerprint 0f3a9bc1d2e4f567; the one given has 1234567890abcdef.",
        "ILSVRC2012_val_00000001.JPEG and C:/Users/JaneDoe/DSC_0001-XQZ/IMG_20240101_123456.jpg can't be read.",
        "record 5be9be6ac2a0c9e4f0d4a9f1c3e7b882: its id is not that of any example.",
        "folder:/var/folders/zz/zyxvpxvq6csfxvn_n0000000000000/T/tmpab12cd has no images",
    ],
)
def test_other_words_are_left_alone(message):
    assert without_keys(message) == message


def test_most_random_keys_are_found_and_their_halves_too():
    random = np.random.RandomState(0)  # About 90 % of halves are found: of fresh keys, now and then fewer than asked for.
    draw = [base64.b64encode(random.bytes(32)).decode() for _ in range(200)]
    assert all(without_keys(f"at {key}.") == f"at {PLACEHOLDER}." for key in draw)
    assert sum(PLACEHOLDER in without_keys(f"at {key[:-1]}.") for key in draw) >= 199
    assert sum(PLACEHOLDER in without_keys(f"at {key[:22]}.") for key in draw) >= 180


# Warnings and streams, in processes of their own.

WARNS = """
    import sys, warnings
    from tfdeid.errors import DeidError, warn
    from tfdeid.terminal import run_command
    def command():
        warnings.warn("a library's own")
        for k in range(3):
            warn("something to know")
            warnings.filterwarnings("ignore", category=ResourceWarning, lineno=k + 1)  # As libraries do.
        print("result \\u00e9\\u4e2d\\udcff", flush=FLUSH)
        return 0
    sys.exit(run_command("p", command))
"""


def run(code: str, *options: str, shell: str = "", flush: bool = False, **environment: str) -> subprocess.CompletedProcess:
    """Runs a program, by a shell if its streams are to be redirected."""
    variables = {**{name: value for name, value in os.environ.items() if name != "PYTHONWARNINGS"}, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, *options, "-c", textwrap.dedent(code).replace("FLUSH", str(flush))]
    if shell:
        command = ["bash", "-c", f'set -o pipefail; "$@" {shell}', "bash", *command]
    return subprocess.run(command, env={**variables, **environment}, capture_output=True, text=True, errors="surrogateescape")


@pytest.mark.parametrize(
    ("options", "environment"),
    [((), {}), ((), {"PYTHONWARNINGS": "ignore"}), ((), {"PYTHONWARNINGS": "error::UserWarning:tfdeid"})],
)
def test_a_warning_is_shown_once_whatever_the_environment_says(options, environment):
    done = run(WARNS, *options, **environment)
    assert done.returncode == 0
    lines = [line for line in done.stderr.splitlines() if "library" not in line]
    assert lines == ["p: warning: something to know"]
    assert ("library" in done.stderr) == (environment.get("PYTHONWARNINGS", "ignore") != "ignore")


@pytest.mark.slow
@pytest.mark.parametrize("environment", [{}, {"PYTHONWARNINGS": "ignore"}, {"PYTHONWARNINGS": "error"}])
@pytest.mark.parametrize(
    ("program", "arguments"),
    [("tfdeid.cli", ["preview", "absent.png"]), ("beam.deid", ["--runner=FnApiRunner", "--dataset=folder:absent"])],
)
def test_real_commands_show_warnings_and_errors_as_a_line_each(program, arguments, environment, tmp_path):
    command = [sys.executable, "-m", program, *arguments, "--key=paper"]
    variables = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    done = subprocess.run(command, env=variables, cwd=tmp_path, capture_output=True, text=True)
    warning, error = done.stderr.splitlines()
    name = program.removesuffix(".cli")
    assert warning.startswith(f"{name}: warning: the key 'paper' is published") and done.returncode == 2
    assert error.startswith(f"{name}: error: ") and "absent" in error


def test_a_warning_leaves_a_progress_bar_whole():
    code = """
        import sys
        from tqdm import tqdm
        from tfdeid.errors import warn
        from tfdeid.terminal import run_command
        def command():
            with tqdm(total=2, desc="bar", mininterval=0) as bar:
                bar.update()
                warn("something to know")
                bar.update()
            return 0
        sys.exit(run_command("p", command))
    """
    done = run(code)
    assert "\np: warning: something to know\n" in done.stderr.replace("\r", "\n")
    assert "100%" in done.stderr


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8", "ascii:strict"])
def test_what_a_stream_cannot_spell_is_written_in_another_way(encoding):
    done = run(WARNS, PYTHONIOENCODING=encoding)
    assert done.returncode == 0 and done.stdout.startswith("result ") and done.stdout.endswith("\\udcff\n")


@pytest.mark.parametrize(("flush", "unbuffered"), [(False, ""), (True, ""), (False, "1")])
@pytest.mark.parametrize(
    ("shell", "code", "out", "err"),
    [
        ("2>&-", 0, "result", ""),
        (">&-", 0, "", "something to know"),
        ("<&- >&- 2>&-", 0, "", ""),
        ("2>/dev/full", 0, "result", ""),
        (">/dev/full 2>/dev/full", 2, "", ""),
        (">/dev/full", 2, "", "p: error: standard output can't be written: No space left on device."),
        ("| true", 141, "", "something to know"),
        ("2>&1 | true", 141, "", ""),
    ],
)
def test_streams_that_are_closed_full_or_not_read(shell, code, out, err, flush, unbuffered):
    if "full" in shell and not os.path.exists("/dev/full"):
        pytest.skip("needs /dev/full")
    slow = "import time; time.sleep(0.3)\n" + textwrap.dedent(WARNS) if "| true" in shell else WARNS
    done = run(slow, shell=shell, flush=flush, PYTHONUNBUFFERED=unbuffered)
    assert done.returncode == code, done
    assert (out in done.stdout) and (err in done.stderr) and (err or not done.stderr)
    assert "Traceback" not in done.stderr and "Exception ignored" not in done.stderr
    assert len(done.stderr.splitlines()) <= 2


def test_help_that_is_not_read_to_its_end():
    code = "import time; time.sleep(0.3); from tfdeid.cli import main; import sys; sys.exit(main(['attack', '--help']))"
    done = run(code, shell="| true")
    assert done.returncode in (0, 141) and done.stderr == ""  # Python's parser keeps it to itself if it can't write.


def test_an_interruption_is_one_line():
    # Of a shell's background jobs it may be switched off.
    code = "import os, signal, sys; from tfdeid.terminal import run_command\n"
    code += "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    code += f"sys.exit(run_command('p', lambda: os.kill(os.getpid(), {int(signal.SIGINT)})))"
    done = run(code)
    assert (done.returncode, done.stderr) == (130, "p: interrupted.\n")


def test_native_words_can_be_diverted_where_standard_error_is_closed(tmp_path):
    code = f"""
        import os
        from tfdeid.terminal import divert_stderr
        with divert_stderr({str(tmp_path / "log")!r}):
            os.write(2, b"native")
        print("done")
    """
    assert run(code, shell="2>&-").stdout == "done\n"
    assert (tmp_path / "log").read_text() == "native"
    with divert_stderr(tmp_path / "log"):
        os.write(2, b"again")
    assert (tmp_path / "log").read_text() == "again"


def test_a_file_opened_where_standard_error_is_closed_gets_none_of_its_words(tmp_path):
    code = f"""
        import os, sys
        from tfdeid.terminal import run_command
        def command():
            with open({str(tmp_path / "data")!r}, "wb") as file:
                os.write(2, b"native words")
                file.write(b"data")
            return 0
        sys.exit(run_command("p", command))
    """
    assert run(code, shell="2>&-").returncode == 0
    assert (tmp_path / "data").read_bytes() == b"data"


def test_a_process_ends_without_a_search_for_garbage_in_what_it_has_loaded():
    code = "import atexit, gc; atexit.register(lambda: print(gc.get_freeze_count())); "
    code += "from tfdeid.cli import main; main(['--help'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout.splitlines()[-1]) > 1000
