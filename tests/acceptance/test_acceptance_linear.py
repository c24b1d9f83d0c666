"""The exact distances against the exact gains, which are computed in another way."""

from __future__ import annotations

import numpy as np
import pytest

from mmc_tf.acceptance.linear import exact_margins, exactly_robust, largest_gain, least_distances, make_bed

NORMS = ("linf", "l2", "l1")


@pytest.mark.parametrize("norm", NORMS)
def test_the_least_distance_is_the_inverse_of_the_largest_gain(norm):
    generator = np.random.default_rng(3)
    w, x = generator.normal(size=(5, 9)), generator.uniform(size=9)
    w[0, :4] = 0
    w[:, 5] = [0, 2, 2, -2, 1]
    reach = (np.abs(w) * np.where(w > 0, 1 - x, x)).sum(axis=1)
    for share in (0.1, 0.5, 0.9, 0.999):
        found = least_distances(w, x, share * reach, norm=norm)
        gains = [largest_gain(row, x, norm=norm, epsilon=each) for row, each in zip(w, found, strict=True)]
        np.testing.assert_allclose(gains, share * reach, rtol=1e-9)
    assert np.isinf(least_distances(w, x, 1.001 * reach, norm=norm)).all()


@pytest.mark.parametrize("norm", NORMS)
def test_margins_and_robustness_agree(norm):
    bed = make_bed(size=24, shape=(4, 4, 2), num_classes=4)
    margins = exact_margins(bed, norm=norm)
    for epsilon in np.quantile(margins, [0.2, 0.5, 0.8]):
        for radius in (epsilon * 0.999, epsilon * 1.001):
            np.testing.assert_array_equal(margins > radius, exactly_robust(bed, norm=norm, epsilon=radius))


def test_margins_away_from_the_box_are_those_of_the_dual_norm():
    bed = make_bed(size=16, low=0.45, high=0.55, num_classes=2, shape=(8, 8, 3), centred=True)
    gap = np.abs(bed.logits[:, 0] - bed.logits[:, 1])
    w = bed.kernel[:, 0].astype(np.float64) - bed.kernel[:, 1]
    for lead in (0.0, 0.05):
        margins = exact_margins(bed, norm="l2", lead=lead)
        np.testing.assert_allclose(margins, (gap + lead) / np.linalg.norm(w), rtol=1e-9)
