"""The original's evaluation command lines: what they mean, and what is refused."""

import shlex

import pytest
from original_lines import BLACK_BOX, LINES, RUN, SHAPED

from flags.cli import parse
from flags.resolve_evaluation import resolve_evaluation
from flags.scripts import EVAL_ATTACKS
from mmc_tf.checks import UserError


def resolved(line):
    return resolve_evaluation(parse(["eval_attacks.py", *shlex.split(line)], EVAL_ATTACKS.definitions))


@pytest.mark.parametrize(("line", "settings", "run"), LINES.values(), ids=LINES)
def test_a_line_of_the_readme_means(line, settings, run):
    flags = resolved(line)
    assert {name: getattr(flags, name) for name in settings} == settings
    assert flags.run == run
    assert flags.source_run is None


def test_the_black_box_line_crafts_on_one_network_and_attacks_the_other():
    flags = resolved(BLACK_BOX)
    settings = {
        "attack": ["transfer"],
        "transfer_method": "pgd",
        "epsilon": [8 / 256, 16 / 256],
        "adaptive": True,
    }
    settings |= {"num_steps": [10], "step_size": 2 / 256, "targeted": False}
    assert {name: getattr(flags, name) for name in settings} == settings
    common = RUN | SHAPED | {"optimizer": "adam"}
    assert flags.run == common | {"loss": "SCE", "training": "standard"}
    trained = {"training": "adversarial", "attack_method": "pgd", "targeted": True, "adv_ratio": 1.0}
    centers = {"loss": "MMC", "scale": 100.0, "random_centers": False}
    assert flags.source_run == common | trained | centers


def test_what_is_understood_is_said():
    line, *_ = LINES["EAD on MMC"]
    first, *others = resolved(line).original
    assert first.startswith("read as --attack=ead --ead_binary_search_steps=1 ")
    assert others == [
        "ignored: what is said of adversarial training, with --use_advtrain=False",
        "ignored, as the original does with this attack: --target --CW_confidence",
    ]
    read, defaults = resolved("--attack_method=MadryEtAl --num_iter=50").original
    assert read == (
        "read as --attack=pgd --targeted --step_size=2/256 --iterate=last"
        " --epsilon=8/256,16/256,24/256,32/256 --num_steps=50 --noadaptive"
    )
    assert defaults == "by the original's defaults: --target=True --normalize_output_for_ball=True"


@pytest.mark.parametrize(
    ("line", "settings"),
    [
        # Ours beside theirs: what is given wins over what the script fixes.
        ("--attack_method=pgd --epsilon=8/255 --iterate=any", {"epsilon": [8 / 255], "iterate": "any"}),
        ("--attack_method=SPSA --test_size=20", {"most_images": None, "test_size": 20}),
        ("--attack=pgd --normalize_output_for_ball=True", {"adaptive": False, "iterate": "any", "run": None}),
        ("--attack=pgd --num_iter=7 --target", {"num_steps": [7], "targeted": True, "run": None}),
        ("--attack=spsa --SPSA_epsilon=16", {"epsilon": [16 / 256], "iterate": "any", "objective": None}),
        ("--attack=pgd --mean_var=10 --batch_size=20", {"run": {"scale": 10.0, "batch_size": 20}}),
        ("--attack=pgd --dataset=digits --batch_size=20", {"run": None}),
        ("--attack=pgd --use_MMLDA=False --mean_var=10", {"run": {"loss": "SCE"}}),
        # CleverHans' margin, on a network that is not known to be one of the MMC loss.
        ("--attack_method=SPSA --use_MMLDA=False", {"objective": "margin"}),
        ("--attack_method=SPSA --normalize_output_for_ball=False", {"objective": None, "adaptive": True}),
        ("--attack=help --mean_var=10", {"attack": ["help"]}),
    ],
)
def test_other_lines_mean(line, settings):
    flags = resolved(line)
    assert {name: getattr(flags, name) for name in settings} == settings


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--attack_method=LBFGS", "`attack_method`. Expected one of fgsm, .* Received: attack_method=LBFGS"),
        (
            "--attack_method=pgd --epoch=[last]",
            "`epoch`. Expected an integer >= 1, or last. Received: epoch=.last",
        ),
        ("--attack_method=pgd --epoch=0", "`epoch`"),
        ("--attack_method=pgd --dataset=[dataset]", "`dataset`. Expected one of digits, "),
        ("--attack_method=pgd --attack=cw", "`attack`. .* --attack=cw and --attack_method=pgd"),
        ("--attack_method=pgd --preset=mmc_paper", "`preset`. .* --preset=mmc_paper and --attack_method=pgd"),
        ("--attack_method=pgd --ensemble=a,b", "`ensemble`"),
        ("--attack_method=pgd --model_1=SCE", "`model_2`. Expected a network .* Received: model_2=none"),
        (
            "--attack_method=cw --model_1=SCE --model_2=MMC-10",
            "`attack_method`. Expected MadryEtAl or Momentum",
        ),
        ("--model_1=SCE --model_2=MMC-10", "`attack_method`. Expected MadryEtAl or Momentum"),
        (BLACK_BOX.replace("--target=False", "--target"), "`targeted`. Expected --target=False with model_1"),
        (f"{BLACK_BOX} --use_MMLDA=True", "`model_2`. .* --model_2=SCE and a run with loss MMC"),
        ("--SPSA_epsilon=8", "`spsa_epsilon`. Expected --attack=spsa beside it"),
        ("--attack=spsa --SPSA_epsilon=8 --epsilon=8/255", "`spsa_epsilon`"),
        ("--attack_method=SPSA --SPSA_epsilon=8 --epsilon=8/255", "`epsilon`"),
        ("--adaptive --normalize_output_for_ball=True", "`adaptive`. Expected flags that agree"),
        ("--mean_var=10 --scale=100", "`scale`. Expected one value"),
    ],
)
def test_what_cannot_be_meant_is_refused(line, message):
    with pytest.raises(UserError, match=message):
        resolved(line)
