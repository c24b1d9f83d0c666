"""EAD against exact margins, the shrinkage's published values, and a NumPy re-computation."""

from __future__ import annotations

import doctest

import numpy as np
import pytest

from mmc_tf import attacks
from mmc_tf.acceptance.linear import exact_margins, make_bed
from mmc_tf.attacks import ead
from mmc_tf.attacks.ead import shrink
from mmc_tf.checks import UserError

QUICK = {"num_steps": 200, "binary_search_steps": 6}


def inner_bed(seed=0, *, size=64, **options):
    return make_bed(seed=seed, size=size, low=0.35, high=0.65, **options)


def l1_of(delta):
    return np.abs(delta.reshape(len(delta), -1).astype(np.float64)).sum(axis=1)


def elastic_net_of(delta, beta=0.01):
    return np.square(delta.reshape(len(delta), -1).astype(np.float64)).sum(axis=1) + beta * l1_of(delta)


@pytest.mark.parametrize(
    ("clean", "value", "expected"),
    [(0.5, 0.53, 0.52), (0.5, 0.505, 0.5), (0.5, 0.3, 0.31), (0.95, 1.05, 1.0), (0.05, -0.02, 0.0)],
)
def test_published_shrinkage(clean, value, expected):
    result = shrink(np.float32([value]), np.float32([clean]), threshold=0.01)
    np.testing.assert_allclose(result, [expected], atol=1e-7)


def recompute(bed, index, *, num_steps, search_steps, const, rate, beta, confidence, rule):
    """EAD on one example of a linear bed, in float64."""
    x = bed.images[index].ravel().astype(np.float64)
    kernel, bias, label = bed.kernel.astype(np.float64), bed.bias.astype(np.float64), bed.labels[index]
    lower, upper, best, least = 0.0, 1e10, x, np.inf
    for _ in range(search_steps):
        point, momentum, succeeded = x, x, False
        for k in range(num_steps):
            logits = momentum @ kernel + bias
            others = np.where(np.arange(10) == label, -np.inf, logits)
            other = others.argmax()
            pull = kernel[:, label] - kernel[:, other]
            active = logits[label] - logits[other] + confidence > 0
            slope = 2 * (momentum - x) + const * pull * active
            u = momentum - rate * np.sqrt(1 - k / num_steps) * slope
            new = np.where(
                u - x > beta, np.minimum(u - beta, 1), np.where(u - x < -beta, np.maximum(u + beta, 0), x)
            )
            momentum, point = new + k / (k + 3) * (new - point), new
            logits = point @ kernel + bias
            logits[label] += confidence
            delta = point - x
            cost = np.abs(delta).sum() if rule == "l1" else delta @ delta + beta * np.abs(delta).sum()
            if logits.argmax() != label:
                succeeded = True
                if cost < least:
                    best, least = point, cost
        lower, upper = (lower, min(upper, const)) if succeeded else (max(lower, const), upper)
        const = (lower + upper) / 2 if upper < 1e9 else 10 * const
    return best


@pytest.mark.parametrize(("rule", "confidence"), [("en", 0.0), ("l1", 1.0)])
def test_every_formula_against_numpy(rule, confidence):
    bed = inner_bed(seed=4, size=6)
    settings = {"num_steps": 30, "confidence": confidence, "decision_rule": rule, "beta": 0.005}
    attack = attacks.EAD(binary_search_steps=5, initial_const=0.02, learning_rate=0.05, **settings)
    result = attack(bed, bed.images, bed.labels)
    expected = [
        recompute(
            bed,
            index,
            num_steps=30,
            search_steps=5,
            const=0.02,
            rate=0.05,
            beta=0.005,
            confidence=confidence,
            rule=rule,
        )
        for index in range(6)
    ]
    assert result.found.all()
    np.testing.assert_allclose(result.adversarial.reshape(6, -1), expected, atol=1e-5)
    np.testing.assert_allclose(result.distance, l1_of(result.adversarial - bed.images), rtol=1e-6)
    # One image backward per iteration and the start; at most two forward.
    assert result.backward_passes == 6 * (2 + 5 * 30)
    assert (result.queries > 2 + 5 * 30).all()
    assert (result.queries <= 2 + 2 * 5 * 30).all()


@pytest.mark.parametrize("seed", [0, 1])
def test_linear_margins_in_a_few_steps(seed):
    bed = inner_bed(seed)
    result = attacks.EAD(decision_rule="l1", **QUICK)(bed, bed.images, bed.labels)
    assert result.found.all()
    ratio = result.distance / exact_margins(bed, norm="l1")
    assert ratio.min() >= 1 - 1e-3
    assert ratio.mean() <= 1.15
    euclidean = attacks.CW(**QUICK)(bed, bed.images, bed.labels)
    nearer = result.distance <= l1_of(euclidean.adversarial - bed.images)
    assert nearer.mean() >= 0.9


@pytest.mark.slow
@pytest.mark.parametrize("factor", [1.0, 3000.0])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_linear_margins_with_the_published_settings(seed, factor):
    bed = inner_bed(seed, factor=factor)
    result = attacks.EAD(decision_rule="l1")(bed, bed.images, bed.labels)
    assert result.found.all()
    assert (result.distance / exact_margins(bed, norm="l1")).mean() <= 1.10
    if factor == 1:
        euclidean = attacks.CW()(bed, bed.images, bed.labels)
        assert (result.distance <= l1_of(euclidean.adversarial - bed.images)).mean() >= 0.9


def test_each_rule_keeps_what_it_calls_nearest():
    """The rule chooses among the same iterates."""
    bed = inner_bed(size=32)
    by_rule = {
        rule: attacks.EAD(decision_rule=rule, **QUICK)(bed, bed.images, bed.labels) for rule in ("en", "l1")
    }
    deltas = {rule: result.adversarial - bed.images for rule, result in by_rule.items()}
    assert (l1_of(deltas["l1"]) <= l1_of(deltas["en"]) * (1 + 1e-6)).all()
    assert (elastic_net_of(deltas["en"]) <= elastic_net_of(deltas["l1"]) * (1 + 1e-6)).all()
    assert l1_of(deltas["l1"]).mean() < 0.95 * l1_of(deltas["en"]).mean()
    touched = [(delta != 0).reshape(32, -1).mean() for delta in deltas.values()]
    assert max(touched) < 0.5


@pytest.mark.parametrize("targeted", [False, True])
def test_confidence_and_targets(targeted):
    bed = inner_bed(size=32)
    attack = attacks.EAD(
        confidence=1.5, targeted=targeted, decision_rule="l1", num_steps=200, binary_search_steps=8
    )
    result = attack(bed, bed.images, bed.labels)
    assert result.found.all()
    assert result.success.all()
    logits = result.adversarial.reshape(32, -1).astype(np.float64) @ bed.kernel + bed.bias
    classes = result.targets if targeted else bed.labels
    own = np.take_along_axis(logits, classes[:, None], 1)[:, 0]
    np.put_along_axis(logits, classes[:, None], -np.inf, 1)
    lead = own - logits.max(axis=1) if targeted else logits.max(axis=1) - own
    assert lead.min() >= 1.5 * (1 - 1e-4)
    assert np.median(lead) <= 1.8
    if not targeted:
        assert (result.distance / exact_margins(bed, norm="l1", lead=1.5)).mean() <= 1.15


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"beta": -0.1}, r"`beta`.*>= 0.*beta=-0.1"),
        ({"decision_rule": "l2"}, r"`decision_rule`.*one of en, l1.*decision_rule=l2"),
        ({"objective": "dlr"}, r"`objective`.*one of margin, mmc_margin.*objective=dlr"),
        ({"norm": "l2"}, r"`norm`.*l1 for the attack ead"),
        ({"num_steps": 1.5}, r"`num_steps`.*integer"),
    ],
)
def test_refused_settings(settings, message):
    with pytest.raises(UserError, match=message):
        attacks.make("ead", **settings)


def test_defaults_and_example():
    settings = attacks.make("ead").settings()
    expected = {"num_steps": 1000, "binary_search_steps": 9, "learning_rate": 1e-2, "initial_const": 1e-3}
    assert {name: settings[name] for name in expected} == expected
    assert (settings["beta"], settings["confidence"], settings["abort_early"]) == (1e-2, 0.0, False)
    assert doctest.testmod(ead) == doctest.TestResults(failed=0, attempted=1)
