from types import SimpleNamespace

import keras
import numpy as np
import pytest

from mmc_tf.attacks import APGDDLR, CW, FGSM, PGD, AutoAttack, Source, Transfer, Worst
from mmc_tf.attacks.gaussian import Gaussian
from mmc_tf.attacks.spsa import SPSA
from mmc_tf.checks import UserError
from mmc_tf.evaluation.plan import check_attacks, default_epsilon, describe_attack, name_attack, plan_attacks
from mmc_tf.models.heads import MMCLogits


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


def test_each_attack_has_its_own_norm_and_radius_unless_they_are_given():
    planned = plan_attacks(options(attack=["pgd", "cw", "ddn", "gaussian"]), dataset="cifar10")
    assert [(attack.name, attack.norm, attack.epsilon) for _, attack in planned] == [
        ("pgd", "linf", 8 / 255),
        ("cw", "l2", None),
        ("ddn", "l2", None),
        ("gaussian", "l2", None),
    ]
    assert [label.split()[0] for label, _ in planned] == ["pgd-10", "cw-1000", "ddn-100", "gaussian"]
    judged = plan_attacks(
        options(attack=["pgd", "cw", "rotation"], norm="l2", epsilon=[0.5]), dataset="mnist"
    )
    assert [(attack.norm, attack.epsilon) for _, attack in judged] == [("l2", 0.5), ("l2", 0.5), ("l2", None)]


def test_attacks_for_the_least_distance_need_no_radius_in_any_norm():
    ((_, attack),) = plan_attacks(options(attack=["fab_t"], norm="l1"), dataset="mnist")
    assert (attack.norm, attack.epsilon, attack.radius) == ("l1", None, "least")


def test_worst_takes_everything_asked_for_ball_by_ball():
    planned = plan_attacks(
        options(attack=["worst", "fgsm", "pgd", "cw", "gaussian"], epsilon=[8 / 255, 16 / 255]),
        dataset="cifar10",
    )
    found = [
        (attack.name, attack.norm, attack.epsilon, [member.name for member in getattr(attack, "members", ())])
        for _, attack in planned
    ]
    assert found == [
        ("worst", "linf", 8 / 255, ["fgsm", "pgd"]),
        ("worst", "l2", 8 / 255, ["cw"]),
        ("gaussian", "l2", None, []),
        ("worst", "linf", 16 / 255, ["fgsm", "pgd"]),
        ("worst", "l2", 16 / 255, ["cw"]),
    ]


def test_worst_of_pgd_and_of_what_has_no_radius():
    planned = plan_attacks(options(attack=["pgd", "cw", "worst"], num_steps=[10]), dataset="mnist")
    assert [(attack.name, attack.epsilon) for _, attack in planned] == [("worst", 0.3), ("cw", None)]
    (pgd,) = planned[0][1].members
    assert pgd == PGD(epsilon=0.3, num_steps=10)


@pytest.mark.parametrize(
    ("norm", "epsilon", "members"),
    [
        (None, None, ["pgd", "apgd_t", "mt_pgd", "fab_t", "square"]),
        ("l1", [12.0], ["pgd", "apgd_t", "fab_t", "square"]),
    ],
)
def test_worst_alone_has_members_of_its_own(norm, epsilon, members):
    ((_, worst),) = plan_attacks(options(attack=["worst"], norm=norm, epsilon=epsilon), dataset="cifar10")
    assert (worst.norm, worst.epsilon) == (norm or "linf", epsilon[0] if epsilon else 8 / 255)
    assert [name for name, _ in worst.stages(10)] == members


def test_transfer_from_each_source_by_each_method(kit):
    sources = [Source("a", kit.read_logits), Source("b", kit.read_logits)]
    planned = plan_attacks(options(attack=["transfer"]), dataset="cifar10", sources=sources)
    assert [label for label, _ in planned] == [
        f"transfer-10 {method} from {name} linf 8/255" for name in "ab" for method in ("pgd", "mim")
    ]
    only = options(attack=["transfer"], transfer_method="mim")
    assert len(plan_attacks(only, dataset="cifar10", sources=sources)) == 2


def test_options_of_one_attack_reach_it_alone():
    asked = options(attack=["spsa", "apgd_t", "pgd"], spsa_samples=256, apgd_num_targets=3)
    attacks = dict(plan_attacks(asked, dataset="cifar10"))
    spsa, apgd_t, _ = attacks.values()
    assert (spsa.samples, apgd_t.num_targets) == (256, 3)


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


def nothing_but_nan(images):
    return images[:, 0, 0, :] * np.nan


def of_rank_three(images):
    return images[:, 0]


def of_rank_one(images):
    return images[:, 0, 0, 0]


@pytest.mark.parametrize("attack", [FGSM(epsilon=0.1), Gaussian(), AutoAttack(epsilon=0.1)])
@pytest.mark.parametrize(
    ("model", "said"),
    [
        (
            nothing_but_nan,
            r"`model`. Expected finite logits on the clean images. Received: model=a model that re",
        ),
        (of_rank_three, r"`model`. Expected one that returns logits of shape \(N, L\)"),
        (of_rank_one, r"`model`. Expected one that returns logits of shape \(N, L\)"),
    ],
)
def test_models_that_return_no_logits_are_refused(model, said, attack):
    with pytest.raises(UserError, match=said):
        check_attacks(model, np.zeros((1, 1, 4), np.float32), [("a", attack)])


@pytest.mark.parametrize(
    ("attack", "num_classes", "said"),
    [
        (SPSA(epsilon=0.1, objective="mmc"), 10, "MM centers"),
        (SPSA(epsilon=0.1, objective="dlr"), 2, "2 classes"),
        (APGDDLR(epsilon=0.1), 2, "2 classes"),
        (
            Worst(epsilon=0.1, members=(FGSM(epsilon=0.1), SPSA(epsilon=0.1, objective="mmc"))),
            10,
            "MM centers",
        ),
    ],
)
def test_attacks_without_gradients_and_members_are_tried_too(kit, attack, num_classes, said):
    with pytest.raises(UserError, match=said):
        check_attacks(kit.read_logits, np.zeros((1, 1, num_classes), np.float32), [("a", attack)])


def test_the_objective_of_transfer_must_fit_the_source(kit, digits):
    inputs = keras.Input(digits.image_shape)
    centers = keras.Model(inputs, MMCLogits(10)(keras.layers.Dense(9)(keras.layers.Flatten()(inputs))))
    dense = kit.ridge_classifier(digits.train.as_float(), digits.train.labels)
    image = digits.test.part(0, 1).as_float()[0]

    def transfer(source):
        return [("t", Transfer(epsilon=0.1, objective="mmc_margin", source=Source("s", source)))]

    check_attacks(dense, image, transfer(centers))
    with pytest.raises(UserError, match="MM centers"):
        check_attacks(centers, image, transfer(dense))


def test_description_of_ensembles_and_of_the_least_distance():
    worst = Worst(epsilon=0.1, members=(FGSM(epsilon=0.1), PGD(epsilon=0.1)))
    assert describe_attack("worst", worst, None, 10) == "worst: fgsm, then pgd on survivors"
    assert describe_attack("cw", CW(), None, 10) == "cw: objective margin, 1 run, least distance"
    assert "judged within epsilon" in describe_attack("cw", CW(epsilon=0.5), None, 10)


def test_description_says_whose_steps_are_too_short():
    short = PGD(epsilon=0.1, num_steps=2, step_size=0.01)
    whole = Worst(epsilon=0.1, members=(short, APGDDLR(epsilon=0.1)))
    said = "UNREACHABLE_RADIUS: {} steps together cover 0.02 of 0.1"
    assert describe_attack("x", short, None, 10).endswith(said.format("its"))
    assert describe_attack("x", whole, None, 10).endswith(said.format("pgd"))
    assert "UNREACHABLE" not in describe_attack("x", PGD(epsilon=0.1), None, 10)


def test_description_holds_what_was_resolved(linear):
    attack = PGD(epsilon=8 / 255, iterate="last", num_restarts=3)
    line = describe_attack("pgd", attack, head=None, num_classes=10)
    assert line == "pgd: objective ce, step 2/255, 3 restarts, success at the last iterate"
