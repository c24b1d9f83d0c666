import re
import subprocess
import sys
from pathlib import Path

import pytest

from flags.cli import parse
from flags.resolve import resolve_training
from flags.scripts import TRAIN_AT
from mmc_tf.checks import UserError


def resolved(*words):
    return resolve_training(
        parse(["train_at.py", *words], TRAIN_AT.definitions, positionals=TRAIN_AT.positionals)
    )


@pytest.mark.parametrize(
    ("words", "loss", "centers"),
    [
        ([], "MMC", "simplex"),
        (["--use_MMLDA=True"], "MMC", "simplex"),
        (["--use_MMLDA=True", "--use_ball=False"], "MMLDA", "simplex"),
        (["--use_ball=False"], "MMLDA", "simplex"),
        (["--use_MMLDA=False", "--use_ball=True"], "SCE", "simplex"),
        (["--use_MMLDA=True", "--use_random=True"], "MMC", "random"),
        (["--use_random=True", "--centers=random"], "MMC", "random"),
        (["--use_random=False", "--centers=spread"], "MMC", "spread"),
        (["--loss=MMLDA", "--use_ball=False"], "MMLDA", "simplex"),
        (["--loss=l-gm"], "LGM", "simplex"),
        (["--loss=SCE", "-lp=MMC-C"], "SCE", "simplex"),
        (["--use_MMLDA=False", "-lp=MMC-C"], "SCE", "simplex"),
        (["--loss=hmmc", "--dataset=cifar100"], "HMMC", "hierarchical"),
        (["--loss=HMMC", "--centers=tree.npy"], "HMMC", "tree.npy"),
        (["--hierarchy=tree.json"], "MMC", "hierarchical"),
        (["--is_2d_demo", "--centers=means.mat"], "MMC", "means.mat"),
    ],
)
def test_loss_and_centers(words, loss, centers):
    flags = resolved(*words)
    assert (flags.loss, flags.centers) == (loss, centers)
    assert not {"use_mmlda", "use_ball", "use_random"} & set(flags.as_dict())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--loss=SCE", "--use_MMLDA=True"], "--loss=SCE and --use_MMLDA=True, which means MMC"),
        (["--loss=MMC-C", "--use_ball=False"], "--loss=MMC-C and --use_ball=False, which means MMLDA"),
        (["--loss=MMC-C", "-lp=cosine"], "--loss=MMC-C and --learning_policy=cosine"),
        (["--centers=spread", "--use_random=True"], "--use_random=True and --centers=spread"),
        (["--centers=random", "--use_random=False"], "--use_random=False and --centers=random"),
        (["--loss=HMMC", "--centers=simplex"], "--loss=HMMC and --centers=simplex"),
        (["--is_2d_demo", "--feature_dim=3"], "--is_2d_demo and --feature_dim=3"),
        (["mnist", "--version=2"], "none, because mnist is not a ResNet. Received: version=2"),
        (
            ["--attack_method=fgsm", "--num_steps=10"],
            "agree. Received: --attack_method=fgsm .one step. and --num_steps=10",
        ),
        (["--norm=l2"], "`epsilon`. Expected a number > 0, because norm l2 has no default"),
        (["-lp=MMC-X"], "`learning_policy`. Expected one of MMC-C, MMC-M, .*MMC-X"),
    ],
)
def test_contradictions_are_errors(words, message):
    with pytest.raises(UserError, match=message):
        resolved(*words)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "--loss=SCE --scale=100",
            "`scale`. Expected one of the losses MMC, MMLDA, EMC, HMMC with it. "
            "Received: --scale with --loss=SCE",
        ),
        ("--loss=LGM --mean_var=10", "`scale`"),
        ("--loss=SCE --centers=random", "`centers`"),
        ("--loss=Center --center_seed=1", "`center_seed`"),
        (
            "--loss=MMC --lgm_margin=0.1",
            "`lgm_margin`. Expected --loss=LGM with it. Received: --lgm_margin with --loss=MMC",
        ),
        ("--lgm_weight=0.1", "`lgm_weight`"),
        ("--loss=MMC --center_weight=0.1", "`center_weight`. Expected --loss=Center with it"),
        ("--loss=SCE --center_alpha=0.1", "`center_alpha`"),
        (
            "--use_ball=False --emc_alpha=0.1",
            "`emc_alpha`. Expected --loss=EMC with it. Received: --emc_alpha with --loss=MMLDA",
        ),
        (
            "--sub_scale=1",
            "`sub_scale`. Expected centers that are hierarchical with it. Received: --sub_scale with --centers=simplex",
        ),
        ("--center_seed=1", "`center_seed`. Expected centers that are random or spread with it"),
    ],
)
def test_a_parameter_of_another_loss_is_refused(line, said):
    with pytest.raises(UserError, match=re.escape(said)):
        resolved(*line.split())


def test_parameters_of_the_chosen_loss_pass():
    assert resolved("--loss=LGM", "--lgm_margin=0.1", "--lgm_weight=0").lgm_margin == 0.1
    assert (
        resolved(
            "--loss=EMC", "--emc_alpha=1", "--scale=5", "--use_random=True", "--center_seed=3"
        ).center_seed
        == 3
    )
    # The original's line for SCE names the norm of the centers too.
    assert resolved("--use_MMLDA=False", "--mean_var=10").loss == "SCE"


@pytest.mark.parametrize(
    ("words", "dataset", "model"),
    [
        (["--dataset=digits"], "digits", "lenet5"),
        (["--dataset=cifar100"], "cifar100", "resnet32"),
        (["--dataset=Fashion-MNIST"], "fashion_mnist", "mnist"),
        (["mnist"], "mnist", "mnist"),
        (["lenet5", "digits"], "digits", "lenet5"),
        (["-lp=MMA-MNIST"], "mnist", "mnist"),
        (["--dataset=mnist", "--version=1"], "mnist", "resnet32"),
        (["--loss=MMC-M", "--dataset=cifar10"], "cifar10", "resnet32"),
        (["ResNet110", "CIFAR10"], "cifar10", "resnet110"),
    ],
)
def test_data_set_and_model(words, dataset, model):
    flags = resolved(*words)
    assert (flags.dataset, flags.model) == (dataset, model)


@pytest.mark.parametrize(
    ("words", "policy", "epochs"),
    [
        (["--dataset=digits"], "MMC-M", 50),
        (["--loss=MMC-M", "--dataset=cifar10"], "MMC-M", 50),
        (["--epochs=3"], "MMC-C", 3),
        (["-lp=mmc-m", "--epochs=7"], "MMC-M", 7),
        (["-lp=STD"], "STD", 164),
        (["-lp=TRADES"], "TRADES", 76),
        (["-lp=Cosine"], "cosine", 200),
        (["-lp=MMA"], "MMA-CIFAR", None),
        (["-lp=mma", "--dataset=mnist"], "MMA-MNIST", None),
    ],
)
def test_policy_and_epochs(words, policy, epochs):
    flags = resolved(*words)
    assert (flags.learning_policy, flags.epochs) == (policy, epochs)


@pytest.mark.parametrize(
    ("words", "epsilon", "step_size", "num_steps"),
    [
        ([], 8 / 255, 2 / 255, 10),
        (["--epsilon=16/255", "--num_iter=50"], 16 / 255, 2 / 255, 50),
        (["--epsilon=8/256", "--step_size=2/256"], 8 / 256, 2 / 256, 10),
        (["--dataset=mnist"], 0.3, 0.075, 10),
        (["--dataset=digits", "--num_steps=5"], 0.3, 0.15, 5),
        (["--norm=l2", "--epsilon=0.5"], 0.5, 0.125, 10),
        (["--attack_method=fgm"], 8 / 255, 8 / 255, 1),
    ],
)
def test_inner_attack(words, epsilon, step_size, num_steps):
    flags = resolved(*words)
    assert (flags.epsilon, flags.step_size, flags.num_steps) == pytest.approx((epsilon, step_size, num_steps))


@pytest.mark.parametrize(
    ("words", "flip", "shift"),
    [
        ([], True, 0.1),
        (["--dataset=mnist"], False, 0.1),
        (["--dataset=digits"], False, 0.0),
        (["--dataset=digits", "--flip", "--shift=0.2"], True, 0.2),
        (["--noflip", "--shift=0"], False, 0.0),
    ],
)
def test_augmentation(words, flip, shift):
    flags = resolved(*words)
    assert (flags.flip, flags.shift) == (flip, shift)


def test_resolving_changes_nothing_it_was_given():
    flags = parse(["train_at.py", "-lp=MMC-M", "--use_ball=True"], TRAIN_AT.definitions)
    before = flags.as_dict()
    result = resolve_training(flags)
    assert flags.as_dict() == before
    assert result.given == {"learning_policy", "use_ball"}
    assert result.command == "train_at.py -lp=MMC-M --use_ball=True"


def test_understanding_a_command_needs_no_tensorflow():
    code = (
        "import sys; from flags.cli import parse; from flags.resolve import resolve_training;"
        "from flags.scripts import TRAIN_STD;"
        "resolve_training(parse(['train_std.py', '-lp=cosine'], TRAIN_STD.definitions));"
        "sys.exit(bool({'tensorflow', 'keras'} & set(sys.modules)))"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], check=False, cwd=Path(__file__).parents[2]).returncode
        == 0
    )
