"""Ensembles: the joint verdict, who is attacked by which stage, and what is left out."""

from __future__ import annotations

import numpy as np
import pytest

from mmc_tf import attacks
from mmc_tf.acceptance.linear import exactly_robust, make_bed
from mmc_tf.attacks.ensemble import Ensemble
from mmc_tf.checks import UserError

BED = make_bed(shape=(6, 6, 2), size=24, num_classes=5)
EPSILON = 0.02


def weak(norm="linf", **settings):
    return attacks.make("bim", epsilon=EPSILON, norm=norm, num_steps=2, objective="margin", **settings)


def strong():
    return attacks.make("mt_pgd", epsilon=EPSILON, num_steps=30)


@pytest.mark.parametrize("order", [(weak, strong), (strong, weak)])
def test_broken_is_what_any_member_breaks(order):
    members = tuple(make() for make in order)
    alone = [member(BED, BED.images, BED.labels, seed=3) for member in members]
    worst = attacks.Worst(epsilon=EPSILON, members=members)(BED, BED.images, BED.labels, seed=3)
    np.testing.assert_array_equal(worst.success, alone[0].success | alone[1].success)
    np.testing.assert_array_equal(worst.broken_by == 0, alone[0].success)
    np.testing.assert_array_equal(worst.broken_by == 1, ~alone[0].success & alone[1].success)
    survived = ~alone[0].success
    np.testing.assert_array_equal(worst.adversarial[~survived], alone[0].adversarial[~survived])
    np.testing.assert_allclose(worst.adversarial[survived], alone[1].adversarial[survived], atol=1e-6)
    np.testing.assert_array_equal(worst.queries, alone[0].queries + np.where(survived, alone[1].queries, 0))


def test_autoattack_leaves_what_is_exactly_robust():
    attack = attacks.AutoAttack(epsilon=EPSILON, num_queries=50)
    result = attack(BED, BED.images, BED.labels)
    exact = exactly_robust(BED, norm="linf", epsilon=EPSILON)
    assert 0 < exact.sum() < len(exact)
    np.testing.assert_array_equal(~result.success, exact)
    assert set(result.broken_by[result.success]) <= {0, 1, 2, 3}
    assert (result.broken_by[exact] == -1).all()


@pytest.mark.parametrize(
    ("version", "norm", "num_classes", "expected"),
    [
        ("standard", "linf", 10, ["apgd_ce x1", "apgd_t t9", "fab_t t9", "square q5000"]),
        ("standard", "l1", 10, ["apgd_ce x5", "apgd_t t5", "fab_t t9", "square q5000"]),
        ("standard", "l2", 3, ["apgd_ce x1", "apgd_dlr x1", "fab_t t2", "square q5000"]),
        ("standard", "l1", 2, ["apgd_ce x5", "apgd_margin x1", "fab_t t1", "square q5000"]),
        ("standard", "linf", 5, ["apgd_ce x1", "apgd_t t4", "fab_t t4", "square q5000"]),
        (
            "plus",
            "linf",
            10,
            ["apgd_ce x5", "apgd_dlr x5", "fab x5", "square q5000", "apgd_t t9", "fab_t t9"],
        ),
        ("plus", "linf", 3, ["apgd_ce x5", "apgd_dlr x5", "fab x5", "square q5000", "fab_t t2"]),
        ("plus", "linf", 2, ["apgd_ce x5", "apgd_margin x5", "fab x5", "square q5000", "fab_t t1"]),
        ("rand", "l2", 10, ["apgd_ce e20", "apgd_dlr e20"]),
        ("rand", "linf", 2, ["apgd_ce e20", "apgd_margin e20"]),
    ],
)
def test_the_versions(version, norm, num_classes, expected):
    """Croce & Hein 2020, Section 5; with fewer classes than DLR needs something else is in its place."""
    stages = attacks.AutoAttack(epsilon=0.1, norm=norm, version=version).stages(num_classes)

    def describe(name, attack):
        settings = attack.settings()
        if name in ("apgd_t", "fab_t"):
            return f"{name} t{settings['num_targets']}"
        if name == "square":
            return f"{name} q{settings['num_queries']}"
        if version == "rand":
            return f"{name} e{settings['eot_iterations']}"
        return f"{name} x{settings['num_restarts']}"

    assert [describe(name, attack) for name, attack in stages] == expected
    assert all((attack.epsilon, attack.norm) == (0.1, norm) for _, attack in stages)
    assert all(attack.settings().get("num_steps", 100) == 100 for _, attack in stages)


def test_no_work_is_done_once_all_are_broken():
    calls = []

    class Never(Ensemble):
        def stages(self, num_classes):
            return ("first", first), ("second", second)

    class Second:
        def attack(self, model, batch):
            calls.append(batch)

    first, second = attacks.make("bim", epsilon=1.0, num_steps=50, objective="margin"), Second()
    Never.norms = ("linf",)
    assert Never(epsilon=1.0)(BED, BED.images, BED.labels).success.all()
    assert not calls


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (lambda: attacks.AutoAttack(epsilon=0.1, version="fast"), r"`version`.*plus, rand, standard.*fast"),
        (lambda: attacks.AutoAttack(epsilon=0.1, targeted=True), r"`targeted`.*autoattack is untargeted"),
        (lambda: attacks.AutoAttack(epsilon=0.1, objective="ce"), r"`objective`.*has its own"),
        (lambda: attacks.AutoAttack(epsilon=0.1, num_queries=0), r"`num_queries`.*>= 1"),
        (lambda: attacks.Worst(epsilon=0.5, members=(weak(),)), r"`members`.*linf 0\.5.*bim"),
        (
            lambda: attacks.Worst(epsilon=EPSILON, members=(weak(targeted=True),)),
            r"`members`.*untargeted.*bim",
        ),
        (
            lambda: attacks.Worst(epsilon=EPSILON, members=(weak(),)).perturb(
                BED, BED.images, BED.labels, indices=np.arange(24)
            ),
            r"`attack`.*ensembles",
        ),
        (
            lambda: weak()(BED, BED.images, BED.labels, active=np.ones(3, bool)),
            r"`active`.*\(24,\)",
        ),
    ],
)
def test_bad_arguments(action, message):
    with pytest.raises(UserError, match=message):
        action()


def test_who_is_not_active_costs_nothing():
    active = np.arange(24) % 3 == 0
    result = weak()(BED, BED.images, BED.labels, active=active)
    whole = weak()(BED, BED.images, BED.labels)
    np.testing.assert_array_equal(result.adversarial[~active], BED.images[~active])
    np.testing.assert_allclose(result.adversarial[active], whole.adversarial[active], atol=1e-6)
    assert not result.queries[~active].any()
    assert result.backward_passes == result.queries.sum()
