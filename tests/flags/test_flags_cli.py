import errno
import os

import pytest

from flags import common
from flags.cli import parse, run_script
from flags.scripts import EVAL_ATTACKS, SCRIPTS, TRAIN_AT, TRAIN_STD
from flags.startup import quiet_imports
from mmc_tf.checks import UserError


def run(*words, main=lambda flags: None, script=TRAIN_STD):
    return run_script(
        script.definitions,
        main,
        positionals=script.positionals,
        argv=[script.name, *words],
        summary="Trains a network.",
    )


def one_error_line(capsys):
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.endswith("\n")
    assert captured.err.count("\n") == 1
    return captured.err.removesuffix("\n")


def test_main_gets_every_flag_and_what_was_given(capsys):
    seen = []
    assert run("mnist", "--wd=0", "-b", "10", "--nouse_dense", main=seen.append) == 0
    assert capsys.readouterr().err == ""
    (flags,) = seen
    assert flags.given == {"model", "weight_decay", "batch_size", "use_dense"}
    assert (flags.model, flags.weight_decay, flags.batch_size, flags.use_dense) == ("mnist", 0.0, 10, False)
    assert flags.command == "train_std.py mnist --wd=0 -b 10 --nouse_dense"
    assert not {"b", "wd", "mean_var", "use_BN", "given", "command"} & set(flags.as_dict())


def test_the_text_that_main_returns_is_printed(capsys):
    assert run(main=lambda flags: f"seed {flags.seed}") == 0
    assert capsys.readouterr().out == "seed 0\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--batch_size=0"], "`batch_size`. Expected an integer >= 1. Received: batch_size=0"),
        (["-b=-1"], "`b`. Expected an integer >= 1. Received: b=-1"),
        (["--lr=0"], "`lr`. Expected a number > 0. Received: lr=0"),
        (["-lr", "-1/10"], "`lr`. Expected a number > 0. Received: lr=-1/10"),
        (["--epochs=0"], "`epochs`. Expected an integer >= 1. Received: epochs=0"),
        (["--epochs=ten"], "`epochs`. Expected an integer >= 1. Received: epochs=ten"),
        (["--warmup_steps=-1"], "`warmup_steps`. Expected an integer >= 0. Received: warmup_steps=-1"),
        (["--optimizer=lion"], "`optimizer`. Expected one of sgd, adam, rmsprop. Received: optimizer=lion"),
        (["--loss=hinge"], "`loss`. Expected one of SCE, MMC, MMC-C, .* Received: loss=hinge"),
        (["--dataset=svhn"], "`dataset`. Expected one of digits, mnist, .* Received: dataset=svhn"),
        (["resnet32", "svhn"], "`dataset`. Expected one of digits, mnist, .* Received: dataset=svhn"),
        (["--use_BN=perhaps"], "`use_BN`. Expected true or false. Received: use_BN=perhaps"),
        (["--use_BN", "True"], "a boolean flag takes its value with =, as in --use_BN=False. Received: True"),
        (["a", "mnist", "c"], r"Expected \[MODEL\] \[DATASET\] and flags. Received: c"),
        (["--losss=MMC"], "Unknown command line flag 'losss'. Did you mean: loss ?"),
        (["--epsilon=8/255"], "Unknown command line flag 'epsilon'.*a flag of train_at.py, eval_attacks.py"),
        (["--lr"], "Missing value for flag --lr"),
        (["--noflip=1"], "--noflip=1 does not take an argument"),
        (
            ["--scale=10", "--mean_var=100"],
            "`scale`. Expected one value. Received: --scale=10 and --mean_var=100",
        ),
        (
            ["mnist", "--model=lenet5"],
            "`model`. Expected one value. Received: MODEL=mnist and --model=lenet5",
        ),
        (["--lr=0.1", "--lr=0.2"], "`lr`. Expected one value. Received: --lr=0.1 and --lr=0.2"),
        (["-b=10", "-b", "20"], "`b`. Expected one value. Received: --b=10 and --b=20"),
        (["--use_bn", "--nouse_bn"], "`use_bn`. Expected one value. Received: --use_bn=true and .*=false"),
        (["-lp=MMC-C", "--learning_policy=MMC-M"], "--learning_policy=MMC-M and --lp=MMC-C"),
        (["--flagfile=/no/such/file"], "/no/such/file"),
    ],
)
def test_a_mistake_is_one_line_and_status_2(words, message, capsys):
    assert run(*words) == 2
    line = one_error_line(capsys)
    assert line.startswith("error: ")
    with pytest.raises(UserError, match=message):
        raise UserError(line)


@pytest.mark.parametrize(
    ("script", "word"),
    [
        (TRAIN_AT, "--epsilon=0"),
        (TRAIN_AT, "--epsilon=-8/255"),
        (TRAIN_AT, "--step_size=0"),
        (TRAIN_AT, "--num_steps=0"),
        (TRAIN_AT, "--adv_ratio=1.5"),
        (TRAIN_AT, "--norm=l3"),
        (EVAL_ATTACKS, "--epsilon=8/255,0"),
        (EVAL_ATTACKS, "--num_steps=10,-1"),
        (EVAL_ATTACKS, "--num_restarts=0"),
        (EVAL_ATTACKS, "--iterate=first"),
        (EVAL_ATTACKS, "--attack="),
        (EVAL_ATTACKS, "--preset=mmc"),
        (EVAL_ATTACKS, "--transfer_from="),
        (EVAL_ATTACKS, "--decay=-1"),
        (EVAL_ATTACKS, "--spsa_samples=129"),
        (EVAL_ATTACKS, "--CW_confidence=-0.1"),
        (EVAL_ATTACKS, "--ddn_gamma=1"),
        (EVAL_ATTACKS, "--slide_quantile=1"),
        (EVAL_ATTACKS, "--square_p_init=0"),
        (EVAL_ATTACKS, "--fab_overshoot=0.9"),
        (EVAL_ATTACKS, "--autoattack_version=fast"),
    ],
)
def test_attacks_out_of_range_are_refused(script, word, capsys):
    assert run(word, script=script) == 2
    name, _, value = word.removeprefix("--").partition("=")
    line = one_error_line(capsys)
    assert line.startswith(f"error: Invalid value for argument `{name}`. Expected ")
    assert line.endswith(f"Received: {name}={value}")


def test_the_same_thing_said_twice_alike_is_fine():
    flags = parse(
        ["script", "mnist", "--model=mnist", "--scale=10", "--mean_var=10.0", "--scale=10/1"],
        TRAIN_STD.definitions,
        positionals=TRAIN_STD.positionals,
    )
    assert (flags.model, flags.scale) == ("mnist", 10.0)


def test_a_list_given_twice_is_two_values():
    assert parse(["s", "--epsilon=8/255,0.1", "--epsilon=16/510,1/10"], EVAL_ATTACKS.definitions).epsilon == [
        8 / 255,
        0.1,
    ]
    with pytest.raises(UserError, match="Received: --attack=pgd and --attack=pgd,fgsm"):
        parse(["s", "--attack=pgd", "--attack=pgd,fgsm"], EVAL_ATTACKS.definitions)


def test_a_long_value_is_not_repeated_whole(capsys):
    assert run(f"--lr={'9' * 5000}x") == 2
    line = one_error_line(capsys)
    assert line.endswith("99x (5001 characters)")
    assert len(line) < 320
    assert run(f"--{'l' * 5000}") == 2
    assert len(one_error_line(capsys)) < 320


def test_positionals_and_flags_may_be_mixed():
    flags = parse(
        ["script", "-b=5", "mnist", "--lr=1", "digits"],
        TRAIN_STD.definitions,
        positionals=("model", "dataset"),
    )
    assert (flags.model, flags.dataset, flags.batch_size, flags.lr) == ("mnist", "digits", 5, 1.0)


def raising(error):
    def main(flags):
        raise error

    return main


@pytest.mark.parametrize(
    ("error", "line", "status"),
    [
        (UserError("two\n  lines"), "error: two lines", 2),
        (
            OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "runs/a/log.csv"),
            "error: No space left on device: runs/a/log.csv",
            2,
        ),
        (
            PermissionError(errno.EACCES, os.strerror(errno.EACCES), "runs"),
            "error: Permission denied: runs",
            2,
        ),
        (OSError("cannot read header"), "error: cannot read header", 2),
        (KeyboardInterrupt(), "interrupted", 130),
    ],
)
def test_what_the_user_can_mend_has_no_traceback(error, line, status, capsys):
    assert run(main=raising(error)) == status
    assert one_error_line(capsys) == line


def test_verbose_adds_the_traceback(capsys):
    assert run("--verbose", main=raising(UserError("no"))) == 2
    shown = capsys.readouterr().err
    assert shown.startswith("Traceback")
    assert shown.endswith("error: no\n")


def test_tensorflow_reports_a_full_disk_its_own_way(capsys):
    tf = pytest.importorskip("tensorflow")
    full = tf.errors.ResourceExhaustedError(None, None, "runs/a/events; No space left on device")
    assert run(main=raising(full)) == 2
    assert one_error_line(capsys) == "error: runs/a/events; No space left on device"
    assert run(main=raising(tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor"))) == 2
    expected = "error: out of memory, where a smaller --batch_size or fewer images need less"
    assert one_error_line(capsys) == f"{expected} (OOM when allocating tensor)"


def test_our_own_bugs_keep_their_traceback():
    with pytest.raises(ZeroDivisionError):
        run(main=lambda flags: 1 / 0)
    with pytest.raises(ValueError, match="a bug"):
        run(main=raising(ValueError("a bug")))


@pytest.mark.parametrize("script", SCRIPTS, ids=[script.name for script in SCRIPTS])
@pytest.mark.parametrize("word", ["--help", "-h"])
def test_help_lists_our_flags_and_nothing_else(script, word, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    assert run(word, "--no_such_flag", script=script, main=raising(AssertionError("main ran"))) == 0
    shown = capsys.readouterr().out
    flags = parse([script.name], script.definitions)
    for name in flags.as_dict():
        assert f"--{name}" in shown or f"--[no]{name}" in shown
    assert "absl" not in shown
    assert "Trains a network." in shown
    assert max(len(line) for line in shown.splitlines()) <= 100


def test_help_shows_aliases_ranges_and_defaults(capsys):
    run("--help")
    words = " ".join(capsys.readouterr().out.split())
    assert "Usage: python train_std.py [MODEL [DATASET]] [flags]" in words
    assert "--learning_policy, -lp" in words
    assert "--scale, --mean_var" in words
    assert "Learning rate before any decay. (a number > 0; default: 0.01)" in words


def test_tensorflow_is_told_to_be_quiet_unless_the_user_says_otherwise(monkeypatch):
    monkeypatch.delenv("TF_CPP_MIN_LOG_LEVEL", raising=False)
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    run_script([common.define], lambda flags: None, argv=["script"])
    assert os.environ["TF_CPP_MIN_LOG_LEVEL"] == "3"
    assert os.environ["KERAS_BACKEND"] == "torch"


def failing_import():
    with quiet_imports():
        os.write(2, b"the reason\n")
        raise ImportError("libfoo")


def test_imports_are_quiet_but_failures_are_not(capfd):
    with quiet_imports():
        os.write(2, b"could not find cuda drivers\n")
    assert capfd.readouterr().err == ""
    with pytest.raises(ImportError, match="libfoo"):
        failing_import()
    assert capfd.readouterr().err == "the reason\n"
    os.write(2, b"afterwards\n")
    assert capfd.readouterr().err == "afterwards\n"
