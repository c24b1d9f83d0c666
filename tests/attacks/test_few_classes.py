"""Models of two and three classes: what an attack cannot do there is left out, or refused before it begins."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from mmc_tf import attacks
from mmc_tf.acceptance.linear import exact_margins, exactly_robust, make_bed
from mmc_tf.attacks.apgd_margin import APGDMargin
from mmc_tf.checks import UserError
from mmc_tf.evaluation.plan import check_attacks

BEDS = {count: make_bed(size=6, shape=(4, 4, 1), num_classes=count) for count in (2, 3, 4)}


@pytest.mark.parametrize(("name", "least"), [("apgd_dlr", 3), ("apgd_t", 4)])
def test_too_few_classes_are_refused_before_the_work(name, least):
    attack = attacks.make(name, epsilon=0.1)
    few = BEDS[least - 1]
    with pytest.raises(
        UserError, match=rf"`model`.*{least} classes or more for the attack {name}.*{least - 1}"
    ):
        check_attacks(few, few.images[0], [("a", attack)])
    check_attacks(BEDS[least], BEDS[least].images[0], [("a", attack)])


def test_a_targeted_attack_that_needs_more_classes_is_named_before_the_work():
    attack = attacks.make("apgd_dlr", epsilon=0.1, targeted=True)
    with pytest.raises(UserError, match=r"`attack`.*works with 3 classes .targeted dlr needs 4"):
        check_attacks(BEDS[3], BEDS[3].images[0], [("a", attack)])


@pytest.mark.parametrize("name", ["autoattack", "worst"])
def test_ensembles_have_something_in_the_place_of_what_needs_more_classes(name):
    attack = attacks.make(name, epsilon=0.1)
    names = {count: [stage for stage, _ in attack.stages(count)] for count in BEDS}
    place = names[4].index("apgd_t")
    for count, other in ((3, "apgd_dlr"), (2, "apgd_margin")):
        assert names[count] == [*names[4][:place], other, *names[4][place + 1 :]]
    for bed in (BEDS[2], BEDS[3]):
        check_attacks(bed, bed.images[0], [("a", attack)])


def test_the_worst_case_of_two_classes_is_exact():
    bed, epsilon = BEDS[2], 0.3
    result = attacks.make("worst", epsilon=epsilon)(bed, bed.images, bed.labels)
    robust = exactly_robust(bed, norm="linf", epsilon=epsilon)
    assert 0 < robust.sum() < len(robust)
    np.testing.assert_array_equal(result.misclassified, ~robust)


class Exchangeable:
    """3000·(xW + b) with W and b that can be exchanged without a new trace: cross-entropy is blind on it."""

    def __init__(self, num_pixels, num_classes):
        self.kernel = tf.Variable(tf.zeros((num_pixels, num_classes)))
        self.bias = tf.Variable(tf.zeros(num_classes))

    def __call__(self, images):
        return 3000.0 * (tf.reshape(images, (-1, self.kernel.shape[0])) @ self.kernel + self.bias)


def check_against_the_exact_value(num_classes, *, networks, images, make, norm="linf"):
    """Attacks random linear networks within the median of their exact distances: half of the examples are robust."""
    model = Exchangeable(16, num_classes)
    for seed in range(networks):
        draw = {"seed": [num_classes, seed], "size": images, "num_classes": num_classes}
        bed = make_bed(shape=(4, 4, 1), centred=True, **draw)
        model.kernel.assign(bed.kernel)
        model.bias.assign(bed.bias)
        margins = exact_margins(bed, norm=norm)
        epsilon = float(1.01 * np.median(margins[np.isfinite(margins)]))
        robust = exactly_robust(bed, norm=norm, epsilon=epsilon)
        assert 0 < robust.sum() < images
        found = make(epsilon)(model, bed.images, bed.labels)
        np.testing.assert_array_equal(~found.misclassified, robust, err_msg=f"network {seed}")


def autoattack(epsilon):
    # Square is there to find what gradients miss: here they miss nothing.
    return attacks.make("autoattack", epsilon=epsilon, num_queries=50)


@pytest.mark.parametrize("num_classes", [2, 3])
def test_autoattack_is_exact_where_cross_entropy_is_blind(num_classes):
    check_against_the_exact_value(num_classes, networks=2, images=50, make=autoattack)


@pytest.mark.slow
@pytest.mark.parametrize("num_classes", [2, 3, 4])
def test_autoattack_is_exact_on_two_hundred_networks(num_classes):
    check_against_the_exact_value(num_classes, networks=67, images=50, make=autoattack)


def test_apgd_on_the_margin_alone_is_exact_on_two_classes():
    check_against_the_exact_value(
        2, networks=4, images=50, make=lambda epsilon: APGDMargin(epsilon=epsilon, num_steps=50)
    )
