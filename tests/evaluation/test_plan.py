from types import SimpleNamespace

import numpy as np
import pytest

from mmc_tf.attacks import FGSM, PGD
from mmc_tf.checks import UserError
from mmc_tf.evaluation.plan import check_attacks, default_epsilon, describe_attack, name_attack, plan_attacks


def options(**changes):
    plain = {
        "attack": ["pgd"],
        "preset": None,
        "norm": None,
        "epsilon": None,
        "step_size": None,
        "num_steps": None,
        "num_restarts": None,
        "random_start": None,
        "decay": None,
        "objective": None,
        "adaptive": True,
        "targeted": False,
        "iterate": "any",
    }
    return SimpleNamespace(**(plain | changes))


def test_the_default_is_the_paper_s_attack_on_cifar():
    ((label, attack),) = plan_attacks(options(), dataset="cifar10")
    assert label == "pgd-10 linf 8/255"
    assert attack == PGD(epsilon=8 / 255, num_steps=10, num_restarts=1)
    assert attack.settings()["step_size"] == 2 / 255


@pytest.mark.parametrize("dataset", ["mnist", "fashion_mnist", "digits"])
def test_the_default_elsewhere_is_0_3_in_steps_of_a_quarter(dataset):
    ((label, attack),) = plan_attacks(options(), dataset=dataset)
    assert (label, attack.epsilon) == ("pgd-10 linf 0.3", 0.3)
    assert attack.settings()["step_size"] == pytest.approx(0.3 / 4)


def test_lists_multiply_and_fgsm_appears_once_for_each_radius():
    planned = plan_attacks(
        options(
            attack=["fgsm", "pgd"],
            epsilon=[8 / 255, 16 / 255],
            num_steps=[10, 50],
            num_restarts=5,
            targeted=True,
        ),
        dataset="cifar10",
    )
    assert [label for label, _ in planned] == [
        "fgsm targeted linf 8/255",
        "pgd-10 x5 targeted linf 8/255",
        "pgd-50 x5 targeted linf 8/255",
        "fgsm targeted linf 16/255",
        "pgd-10 x5 targeted linf 16/255",
        "pgd-50 x5 targeted linf 16/255",
    ]
    assert {attack.num_restarts for label, attack in planned if "pgd" in label} == {5}
    assert all(attack.targeted for _, attack in planned)


def test_what_distinguishes_attacks_is_in_their_names():
    names = [
        name_attack(attack)
        for attack in (
            FGSM(epsilon=0.1),
            FGSM(epsilon=0.1, norm="l2"),
            FGSM(epsilon=0.1, adaptive=False),
            FGSM(epsilon=0.1, objective="margin"),
            FGSM(epsilon=0.1, targeted=True),
            FGSM(epsilon=0.2),
            PGD(epsilon=0.1, num_steps=1),
            PGD(epsilon=0.1, num_steps=2),
            PGD(epsilon=0.1, num_steps=2, num_restarts=3),
            PGD(epsilon=0.1, num_steps=2, iterate="last"),
        )
    ]
    assert len(set(names)) == len(names)


def test_settings_reach_the_attack():
    ((_, attack),) = plan_attacks(
        options(epsilon=[0.2], step_size=0.01, iterate="last", adaptive=False, norm="l2"), dataset="mnist"
    )
    assert attack == PGD(epsilon=0.2, norm="l2", step_size=0.01, iterate="last", adaptive=False)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"attack": ["pgd", "pgdd"]}, r"attack.*one of .*fgsm.*Received: attack=pgdd"),
        ({"attack": ["mim"], "norm": "l1", "epsilon": [1.0]}, "norm"),
        ({"norm": "l2"}, "epsilon"),
        ({"epsilon": [-0.1]}, "epsilon"),
        ({"num_steps": [-1]}, "num_steps"),
        ({"step_size": 0.0}, "step_size"),
        ({"num_restarts": 0}, "num_restarts"),
        ({"objective": "hinge"}, "objective"),
        ({"iterate": "best"}, "iterate"),
    ],
)
def test_bad_settings(change, said):
    with pytest.raises(UserError, match=said):
        plan_attacks(options(**change), dataset="mnist")


def test_default_epsilon_of_other_norms_must_be_given():
    assert default_epsilon("cifar100_coarse", "linf") == 8 / 255
    with pytest.raises(UserError, match="l2 has no default"):
        default_epsilon("cifar10", "l2")


def test_objectives_are_tried_before_the_work_starts(linear, kit):
    image = np.zeros((8, 8, 1), np.float32)
    with pytest.raises(UserError, match="MM centers"):
        check_attacks(linear, image, [("a", FGSM(epsilon=0.1)), ("b", FGSM(epsilon=0.1, objective="mmc"))])
    with pytest.raises(UserError, match="dlr"):
        check_attacks(
            kit.read_logits, np.zeros((1, 1, 2), np.float32), [("a", FGSM(epsilon=0.1, objective="dlr"))]
        )
    with pytest.raises(UserError, match="two classes"):
        check_attacks(
            kit.read_logits, np.zeros((1, 1, 1), np.float32), [("a", FGSM(epsilon=0.1, targeted=True))]
        )


def test_description_holds_what_was_resolved(linear):
    attack = PGD(epsilon=8 / 255, iterate="last", num_restarts=3)
    line = describe_attack("pgd", attack, head=None, num_classes=10)
    assert line == "pgd: objective ce, step 2/255, 3 restarts, success at the last iterate"
