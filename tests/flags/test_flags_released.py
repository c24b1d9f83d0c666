"""`--released_weights`: what goes beside it, answered before TensorFlow is imported."""

import pytest

from flags.cli import parse
from flags.names import RELEASED_LOSSES, RELEASED_TRAININGS
from flags.resolve_evaluation import resolve_evaluation
from flags.scripts import EVAL_ATTACKS
from mmc_tf.checks import UserError
from mmc_tf.compat.released import CENTER_LOSSES
from mmc_tf.evaluation.published import TRAININGS


def resolved(*words):
    return resolve_evaluation(parse(["eval_attacks.py", *words], EVAL_ATTACKS.definitions))


def test_what_a_weight_file_leaves_open_is_said_by_flags():
    words = (
        "--dataset=cifar100 --mean_var=100 --centers=a/b.mat --released_loss=mmlda --released_training=AT_UN"
    )
    flags = resolved("--released_weights=model.200.h5", *words.split())
    assert flags.released_weights == "model.200.h5"
    assert (flags.scale, flags.centers) == (100.0, "a/b.mat")
    assert (flags.released_loss, flags.released_training) == ("MMLDA", "at_un")
    assert resolved("--released_weights=a.h5").released_training == "standard"
    # It is no run that is looked for among others.
    assert resolved("--released_weights=a.h5", "--mean_var=10").run is None


def test_the_choices_are_those_of_the_library():
    assert RELEASED_TRAININGS == TRAININGS
    assert tuple(RELEASED_LOSSES[1:]) == CENTER_LOSSES


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--checkpoint=b"],
            "`released_weights`. Expected one network. Received: --released_weights=a.h5 and --checkpoint=b",
        ),
        (["--ensemble=b,c"], "Expected one network"),
        (["--version=2"], "the file says the rest. Received: --released_weights=a.h5 and --version=2"),
        (["--use_MMLDA=True"], "--released_loss, --released_training and --mean_var at most"),
        (["--released_loss=LGM"], "`released_loss`. Expected one of SCE, MMC, MMLDA"),
        (["--released_training=free"], "`released_training`. Expected one of standard, at_tar, at_un"),
    ],
)
def test_a_second_network_or_description_is_refused(words, message):
    with pytest.raises(UserError, match=message):
        resolved("--released_weights=a.h5", *words)


@pytest.mark.parametrize("word", ["--released_loss=MMC", "--released_training=at_tar", "--centers=c.mat"])
def test_what_is_said_of_no_weight_file_is_refused(word):
    with pytest.raises(UserError, match=f"Expected --released_weights beside it. Received: {word} alone"):
        resolved(word)
