"""What goes together on a command line of `eval_attacks.py`, and what does not."""

import subprocess
import sys
from pathlib import Path

import pytest

from flags.cli import parse
from flags.resolve_evaluation import resolve_evaluation
from flags.scripts import EVAL_ATTACKS
from mmc_tf.checks import UserError


def resolved(*words):
    return resolve_evaluation(parse(["eval_attacks.py", *words], EVAL_ATTACKS.definitions))


@pytest.mark.parametrize(
    ("words", "attacks"),
    [
        ([], ["pgd"]),
        (["--preset=mmc_paper"], []),
        (["--preset=mmc_paper", "--attack=cw,SPSA"], ["cw", "spsa"]),
        (["--attack=CarliniWagnerL2,SparseL1Descent"], ["cw", "slide"]),
        # The list of attacks is shown whatever else is said.
        (["--attack=help", "--norm=l2", "--spsa_samples=2"], ["help"]),
    ],
)
def test_attacks(words, attacks):
    # SLIDE alone needs a radius.
    radius = ["--epsilon=12"] if "slide" in attacks else []
    assert resolved(*words, *radius).attack == attacks


@pytest.mark.parametrize(
    "words",
    [
        ["--attack=cw"],
        ["--attack=ead,ddn,deepfool,fab,fab_t,an_pgd"],
        ["--attack=gaussian,rotation"],
        ["--attack=fab", "--norm=l2"],
        ["--attack=gaussian,pgd", "--norm=linf"],
        ["--attack=autoattack", "--norm=l1", "--epsilon=12"],
        ["--preset=mma_paper", "--norm=l2"],
        ["--preset=mma_paper", "--epsilon=0.5", "--norm=l2", "--attack=pgd"],
    ],
)
def test_radii_and_norms_that_need_nothing_more(words):
    resolved(*words)


@pytest.mark.parametrize(
    "words",
    [
        # One attack of a list that takes a setting is enough.
        ["--attack=fgsm,pgd", "--num_steps=50", "--num_restarts=5"],
        ["--attack=autoattack,pgd", "--targeted", "--objective=margin"],
        ["--attack=bim,mim", "--decay=0.9"],
        ["--attack=pgd,spsa", "--norandom_start"],
        ["--attack=worst,spsa", "--spsa_samples=2"],
        ["--attack=apgd_ce,fab_t", "--apgd_eot_iterations=2", "--fab_num_targets=3"],
        ["--attack=square", "--square_num_queries=100", "--notargeted"],
        ["--attack=autoattack,pgd", "--noadaptive", "--iterate=last"],
        ["--attack=cw", "--iterate=any"],
    ],
)
def test_settings_that_an_attack_takes(words):
    flags = resolved(*words)
    assert {word.partition("=")[0].removeprefix("--") for word in words if "=" in word} <= flags.given


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--attack=mim", "--norm=l1"], "`norm`. Expected one of linf, l2 for the attack mim. .*norm=l1"),
        (["--attack=cw,spsa", "--norm=l2"], "`norm`. Expected one of linf for the attack spsa"),
        (
            ["--preset=mma_paper", "--attack=cw", "--norm=linf"],
            "`norm`. Expected one of l2 for the attack cw",
        ),
        (["--norm=l2"], "`epsilon`. Expected a number > 0, because norm l2 has no default"),
        (["--attack=slide"], "`epsilon`. Expected a number > 0, because norm l1 has no default"),
        (["--attack=gaussian", "--epsilon=8/255"], "`epsilon`. .*--epsilon=8/255 and --attack=gaussian"),
        (["--attack=rotation", "--norm=linf"], "`norm`. .*--norm=linf and --attack=rotation"),
        (
            ["--attack=transfer"],
            "`transfer_from`. Expected runs or .keras files to craft on, .* Received: transfer_from=none",
        ),
        (
            ["--transfer_from=a,b"],
            "`transfer_from`. Expected --attack=transfer beside it. "
            "Received: --transfer_from=a,b and --attack=pgd",
        ),
        (
            ["--spsa_samples=8192"],
            "`spsa_samples`. Expected spsa in --attack beside it. "
            "Received: --spsa_samples=8192 and --attack=pgd",
        ),
        (
            ["--attack=autoattack", "--apgd_best_loss"],
            "Expected one of apgd_ce, apgd_dlr in .*--apgd_best_loss",
        ),
        (["--attack=apgd_ce", "--apgd_num_targets=3"], "`apgd_num_targets`. Expected apgd_t in"),
        (["--attack=ead", "--CW_confidence=0.1"], "`cw_confidence`. Expected cw in --attack beside it"),
        (
            ["--attack=autoattack,fab_t", "--iterate=last"],
            "`iterate`. Expected one of apgd_ce, .* Received: --iterate=last and --attack=autoattack,fab_t",
        ),
        (
            ["--attack=autoattack,square", "--targeted"],
            "`targeted`. Expected one of apgd_ce, .* Received: --targeted and --attack=autoattack,square",
        ),
        (["--attack=pgd,worst", "--targeted"], "`targeted`. Expected attacks without worst"),
        (
            ["--attack=fab", "--objective=margin"],
            "`objective`. Expected one of bim, .* --objective=margin and --attack=fab",
        ),
        (["--attack=fgsm", "--num_steps=10,50"], "`num_steps`. .*--num_steps=10,50 and --attack=fgsm"),
        (["--attack=fgsm", "--step_size=2/255"], "`step_size`. .*--step_size=2/255 and --attack=fgsm"),
        (["--attack=cw", "--num_restarts=5"], "`num_restarts`. .*--num_restarts=5 and --attack=cw"),
        (["--attack=bim", "--norandom_start"], "`random_start`. .*--norandom_start and --attack=bim"),
        (["--decay=0.5"], "`decay`. Expected mim in --attack beside it"),
        (
            ["--preset=mmc_paper", "--cw_confidence=1"],
            "`preset`. Expected flags that agree. "
            "Received: --preset=mmc_paper, which sets everything and --cw_confidence",
        ),
        (["--preset=mmc_paper", "--num_steps=50"], "--preset=mmc_paper, .* --num_steps"),
        (["--preset=mmc_paper", "--noadaptive"], "--preset=mmc_paper, .* --adaptive"),
        (["--preset=mmc_paper", "--transfer_from=a"], "--preset=mmc_paper, .* --transfer_from"),
    ],
)
def test_contradictions_are_errors(words, message):
    with pytest.raises(UserError, match=message):
        resolved(*words)


def test_understanding_a_command_needs_no_tensorflow():
    code = (
        "import sys; from flags.cli import parse; from flags.resolve_evaluation import resolve_evaluation;"
        "from flags.scripts import EVAL_ATTACKS;"
        "resolve_evaluation(parse(['eval_attacks.py', '--preset=mmc_paper'], EVAL_ATTACKS.definitions));"
        "sys.exit(bool({'tensorflow', 'keras'} & set(sys.modules)))"
    )
    folder = Path(__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=folder).returncode == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--num_shards=3"], "`shard_index`. Expected a value"),
        (["--shard_index=0"], "`num_shards`. Expected a value"),
        (
            ["--num_shards=3", "--shard_index=3"],
            "`shard_index`. Expected 0 to 2 with --num_shards=3. Received",
        ),
    ],
)
def test_shards_that_are_none_are_refused(words, said):
    with pytest.raises(UserError, match=said):
        resolved(*words)
    assert resolved("--num_shards=3", "--shard_index=2").shard_index == 2
