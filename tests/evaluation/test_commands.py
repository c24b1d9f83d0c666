"""`python -m mmc_tf.evaluation`: choosing a command, help, and mistakes in one line."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from mmc_tf.checks import UserError
from mmc_tf.evaluation import __main__ as dispatcher


def double(arguments):
    if arguments.number < 0:
        raise UserError("Invalid value for argument `number`.\n  Expected a number >= 0.")
    if arguments.number == 13:
        raise KeyboardInterrupt
    if arguments.number == 14:
        raise PermissionError(13, "Permission denied", "results")
    return str(2 * arguments.number)


DOUBLE = SimpleNamespace(
    __name__="mmc_tf.evaluation.commands.double",
    __doc__="Doubles a number.",
    SUMMARY="a number, doubled",
    define=lambda parser: parser.add_argument("number", type=int),
    run=double,
)


@pytest.mark.parametrize(
    ("argv", "status", "out", "err"),
    [
        (["double", "21"], 0, "42\n", ""),
        (
            ["double", "--", "-1"],
            2,
            "",
            "error: Invalid value for argument `number`. Expected a number >= 0.\n",
        ),
        (["double", "13"], 130, "", "interrupted\n"),
        (["double", "14"], 2, "", "error: Permission denied: results\n"),
    ],
)
def test_a_command_prints_what_it_returns_and_mistakes_take_one_line(capsys, argv, status, out, err):
    assert dispatcher.main(argv, commands=[DOUBLE]) == status
    assert capsys.readouterr() == (out, err)


@pytest.mark.parametrize(
    ("argv", "said"),
    [(["treble"], "treble"), ([], "COMMAND"), (["double"], "number"), (["double", "x"], "'x'")],
)
def test_what_is_no_command_or_argument_is_refused(capsys, argv, said):
    assert dispatcher.main(argv, commands=[DOUBLE]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: Invalid value for argument `arguments`. Expected ")
    assert said in error
    assert error.count("\n") == 1


def test_help_lists_every_command_with_its_summary(capsys):
    with pytest.raises(SystemExit, match="0"):
        dispatcher.main(["--help"], commands=[DOUBLE])
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["double", "a", "number,", "doubled"] in lines


def test_help_merge_and_compare_need_no_tensorflow(request):
    code = (
        "import sys\nfrom mmc_tf.evaluation.__main__ import make_parser\nmake_parser().format_help()\n"
        "import mmc_tf.evaluation.merging, mmc_tf.evaluation.comparison, mmc_tf.evaluation.tables\n"
        "print(*{'tensorflow', 'keras', 'matplotlib'} & set(sys.modules))"
    )
    environment = os.environ | {"PYTHONPATH": str(request.config.rootpath)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, [], "")
