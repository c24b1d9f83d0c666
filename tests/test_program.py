"""How programs end: one line and a status, whatever became of their streams."""

import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mmc_tf import command_line
from mmc_tf.checks import UserError, argument_error, shorten
from mmc_tf.program import TerminatedError, prepare_streams, run_program

REPOSITORY = Path(__file__).resolve().parents[1]


def raising(error):
    def work():
        raise error

    return work


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (UserError("no\n such"), 2, "error: no such"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (TerminatedError("step 7 is kept"), 143, "terminated: step 7 is kept"),
        (MemoryError(), 2, "error: out of memory, where a smaller --batch_size or fewer images need less"),
        (
            np._core._exceptions._ArrayMemoryError((10**9, 10), np.dtype("f4")),
            2,
            "error: out of memory, where a smaller --batch_size or fewer images need less "
            "(Unable to allocate 37.3 GiB for an array with shape (1000000000, 10) and data type float32)",
        ),
    ],
)
def test_what_ends_a_program_is_one_line(error, status, line, capsys):
    assert run_program(raising(error)) == status
    assert capsys.readouterr().err == f"{line}\n"


class Closed(io.StringIO):
    """A stream whose reader has gone."""

    def write(self, text):
        raise BrokenPipeError

    def fileno(self):
        raise io.UnsupportedOperation


@pytest.mark.parametrize(
    ("error", "status"), [(UserError("no"), 2), (KeyboardInterrupt(), 130), (MemoryError(), 2)]
)
def test_the_status_does_not_depend_on_who_reads_the_errors(error, status, monkeypatch):
    monkeypatch.setattr(sys, "stderr", Closed())
    assert run_program(raising(error)) == status


def test_output_that_nobody_reads_is_a_status_of_its_own(monkeypatch):
    monkeypatch.setattr(sys, "stdout", Closed())
    assert run_program(lambda: "text") == 141


def test_signs_that_a_terminal_lacks_are_replaced(monkeypatch):
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
    assert run_program(lambda: "Σw² ≥ 0") == 0
    assert written.getvalue() == b"?w? ? 0\n"


def test_streams_that_are_not_there_are_made(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    prepare_streams()
    print("nothing", file=sys.stdout, end="")
    print("nothing", file=sys.stderr, end="")


LINE = f"{sys.executable} {REPOSITORY / 'train_std.py'} --lr=0"


@pytest.mark.parametrize(
    ("shell", "status"),
    [
        (f"{LINE} 2>&-", 2),
        (f"{LINE} >&- 2>&-", 2),
        (f"{LINE} 2>&1 | true; exit ${{PIPESTATUS[0]}}", 2),
        (
            f"PYTHONUTF8=0 PYTHONCOERCECLOCALE=0 LC_ALL=C PYTHONIOENCODING=ascii {LINE[:-6]} --help >/dev/null",
            0,
        ),
    ],
)
def test_scripts_end_with_their_status_whatever_their_streams(shell, status):
    """Each starts in a fifth of a second: nothing here imports TensorFlow."""
    done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, cwd=REPOSITORY, timeout=60)
    assert (done.returncode, done.stderr) == (status, "")


def test_a_file_never_gets_the_number_of_a_closed_stream(tmp_path):
    program = f"""
import os
from mmc_tf.program import prepare_streams
prepare_streams()
file = open({str(tmp_path / "data")!r}, "w")
os.write(2, b"chatter")
"""
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(
        ["bash", "-c", 'exec "$0" -c "$1" 2>&-', sys.executable, program],
        env=environment,
        timeout=60,
    )
    assert done.returncode == 0
    assert (tmp_path / "data").read_text() == ""


def test_an_error_repeats_at_most_200_characters_of_a_value():
    text = "".join(str(digit % 10) for digit in range(5000))
    said = str(argument_error("lr", "a number", text))
    shown = said.partition("Received: lr=")[2]
    assert shown == f"{text[:149]}…{text[-50:]} (5000 characters)"
    assert len(shown.partition(" (")[0]) == 200
    assert shorten("x" * 200) == "x" * 200
    assert str(argument_error("lr", "a number", "x" * 200)).endswith("x" * 200)


def test_an_argument_given_twice_with_two_values_is_refused():
    class Command:
        """Does something."""

        SUMMARY = "acts"

        @staticmethod
        def define(parser):
            parser.add_argument("--seed", type=int, default=0)
            parser.add_argument("--member", action="append")
            parser.add_argument("names", nargs="*")

        @staticmethod
        def run(arguments):
            return f"{arguments.seed} {arguments.member} {arguments.names}"

    parser = command_line.make_parser("program", None, [Command])
    words = ["Command", "a", "b", "--member=x", "--member=y"]
    given = parser.parse_args([*words, "--seed=3", "--seed=3"])
    assert given.run(given) == "3 ['x', 'y'] ['a', 'b']"
    with pytest.raises(UserError, match=r"`seed`. Expected one value. Received: seed=3 and 4"):
        parser.parse_args([*words, "--seed=3", "--seed=4"])
