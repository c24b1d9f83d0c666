"""Models of two and three classes: what an attack cannot do there is left out, or refused before it begins."""

from __future__ import annotations

import numpy as np
import pytest

from mmc_tf import attacks
from mmc_tf.acceptance.linear import exactly_robust, make_bed
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


@pytest.mark.parametrize("name", ["autoattack", "worst"])
def test_ensembles_leave_out_what_needs_more_classes(name):
    attack = attacks.make(name, epsilon=0.1)
    names = {count: {stage for stage, _ in attack.stages(count)} for count in BEDS}
    assert names[4] - names[3] == {"apgd_t"}
    assert names[3] == names[2]
    for bed in (BEDS[2], BEDS[3]):
        check_attacks(bed, bed.images[0], [("a", attack)])


def test_the_worst_case_of_two_classes_is_exact():
    bed, epsilon = BEDS[2], 0.3
    result = attacks.make("worst", epsilon=epsilon)(bed, bed.images, bed.labels)
    robust = exactly_robust(bed, norm="linf", epsilon=epsilon)
    assert 0 < robust.sum() < len(robust)
    np.testing.assert_array_equal(result.misclassified, ~robust)
