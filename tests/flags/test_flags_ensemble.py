"""`--ensemble`: what a majority vote can be attacked with, answered before TensorFlow is imported."""

import pytest

from flags.cli import parse
from flags.names import ENSEMBLE_ATTACKS
from flags.resolve_evaluation import resolve_evaluation
from flags.scripts import EVAL_ATTACKS
from mmc_tf import attacks
from mmc_tf.checks import UserError


def resolved(*words):
    return resolve_evaluation(parse(["eval_attacks.py", *words], EVAL_ATTACKS.definitions))


def test_members_are_attacked_unless_told_otherwise():
    assert resolved("--ensemble=a,b").attack == ["vote_pgd"]
    assert resolved("--ensemble=a,b", "--preset=mma_paper").attack == []
    assert resolved("--ensemble=a,b", "--attack=square,vote_pgd,worst").attack == [
        "square",
        "vote_pgd",
        "worst",
    ]
    assert resolved("--ensemble=runs/a,b.keras").ensemble == ["runs/a", "b.keras"]


def test_the_attacks_that_work_are_those_without_the_vote_s_gradient():
    kinds = {name: attacks.get(name) for name in attacks.names()}
    without = {name for name, kind in kinds.items() if not kind.differentiates}
    assert set(ENSEMBLE_ATTACKS) == without | {"vote_pgd"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--ensemble=a"],
            r"`ensemble`. Expected two runs or .keras files or more, each once. Received: ensemble=a",
        ),
        (["--ensemble=a,b,a"], r"each once. Received: ensemble=a,b,a"),
        (
            ["--ensemble=a,b", "--checkpoint=c"],
            r"`ensemble`. Expected one of the two. Received: --checkpoint=c and --ensemble=a,b",
        ),
        (
            ["--ensemble=a,b", "--attack=square,pgd,autoattack"],
            r"`attack`. Expected attacks that a majority vote, .* Received: attack=pgd,autoattack",
        ),
        (["--ensemble=a,b", "--attack=worst"], r"Received: attack=worst"),
        (["--attack=vote_pgd"], r"`ensemble`. Expected runs or .keras files .* Received: ensemble=none"),
        (["--vote_pgd_strategy=best"], r"Expected one of ce, cw, away, towards"),
    ],
)
def test_what_does_not_go_together(words, message):
    with pytest.raises(UserError, match=message):
        resolved(*words)
