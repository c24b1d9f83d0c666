"""C&W, and the search for c that EAD shares, against exact margins and NumPy re-computations."""

from __future__ import annotations

import doctest
import itertools

import numpy as np
import pytest
import tensorflow as tf
from small_models import predictions, small_images, small_model

from mmc_tf import attacks
from mmc_tf.acceptance.linear import exact_margins, make_bed
from mmc_tf.attacks import cw
from mmc_tf.attacks.const_search import UNBOUNDED, Bracket, first_bracket, narrow
from mmc_tf.checks import UserError
from mmc_tf.models.heads import HEADS

QUICK = {"num_steps": 200, "binary_search_steps": 6}


def inner_bed(seed=0, *, size=64, **options):
    """Images so far from the walls of the box that margins are exact."""
    return make_bed(seed=seed, size=size, low=0.35, high=0.65, **options)


def ratios(attack, bed, **options):
    result = attack(bed, bed.images, bed.labels)
    assert result.found.all()
    return result.distance / exact_margins(bed, norm=attack.norm, **options)


def leads(bed, images, classes):
    """Of the best other class over each row's class, (N,)."""
    logits = images.reshape(len(images), -1).astype(np.float64) @ bed.kernel + bed.bias
    own = np.take_along_axis(logits, classes[:, None], axis=1)[:, 0]
    np.put_along_axis(logits, classes[:, None], -np.inf, axis=1)
    return logits.max(axis=1) - own


def recompute(bed, index, *, num_steps, search_steps, const, rate, confidence, target=None):
    """C&W on one example of a linear bed, in float64."""
    x = bed.images[index].ravel().astype(np.float64)
    kernel, bias, label = bed.kernel.astype(np.float64), bed.bias.astype(np.float64), bed.labels[index]
    start = np.arctanh(0.999999 * (2 * x - 1))
    origin = 0.5 * (np.tanh(start) + 1)
    lower, upper, best, least = 0.0, 1e10, x, np.inf
    for search in range(search_steps):
        if search_steps >= 10 and search == search_steps - 1:
            const = upper
        w, first, second, point, succeeded = 0.0, 0.0, 0.0, origin, False
        for step in range(1, num_steps + 1):
            logits = point @ kernel + bias
            others = logits.copy()
            others[label if target is None else target] = -np.inf
            other = others.argmax()
            high, low = (label, other) if target is None else (other, target)
            pull = kernel[:, high] - kernel[:, low] if logits[high] - logits[low] + confidence > 0 else 0.0
            slope = (2 * (point - origin) + const * pull) * 0.5 * (1 - np.tanh(start + w) ** 2)
            first = 0.9 * first + 0.1 * slope
            second = 0.999 * second + 0.001 * slope**2
            w = w - rate * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)
            point = 0.5 * (np.tanh(start + w) + 1)
            logits = point @ kernel + bias
            if target is None:
                logits[label] += confidence
                reached = logits.argmax() != label
            else:
                logits[target] -= confidence
                reached = logits.argmax() == target
            succeeded |= reached
            distance = np.linalg.norm(point - x)
            if reached and distance < least:
                best, least = point, distance
        if succeeded:
            upper = min(upper, const)
        else:
            lower = max(lower, const)
        const = (lower + upper) / 2 if upper < 1e9 else 10 * const
    return best


@pytest.mark.parametrize("targeted", [False, True])
@pytest.mark.parametrize(
    ("search_steps", "const", "confidence"), [(4, 1e-3, 0.0), (11, 1e-2, 0.0), (5, 1e-2, 2.0)]
)
def test_every_formula_against_numpy(search_steps, const, confidence, targeted):
    bed = inner_bed(seed=4, size=6)
    targets = (bed.labels + 3) % 10
    settings = {"num_steps": 25, "binary_search_steps": search_steps, "learning_rate": 0.02}
    attack = attacks.CW(initial_const=const, confidence=confidence, targeted=targeted, **settings)
    result = attack(bed, bed.images, bed.labels, targets=targets if targeted else None)
    expected = [
        recompute(
            bed,
            index,
            num_steps=25,
            search_steps=search_steps,
            const=const,
            rate=0.02,
            confidence=confidence,
            target=targets[index] if targeted else None,
        )
        for index in range(6)
    ]
    assert result.found.mean() >= 0.5
    np.testing.assert_allclose(result.adversarial.reshape(6, -1), expected, atol=1e-5)
    # The start once, then one pass per iteration.
    assert (result.queries == 2 + 25 * search_steps).all()
    assert result.backward_passes == result.queries.sum()


def test_the_search_bisects_below_a_success_and_multiplies_by_ten_above_failures():
    bracket = first_bracket(tf.constant(0.01), tf.constant(3))
    tried = []
    for outcome in ([False, True, True], [False, False, True], [True, True, True], [False, True, False]):
        tried.append(bracket.const.numpy())
        bracket = narrow(bracket, tf.constant(outcome))
    tried.append(bracket.const.numpy())
    expected = [
        [0.01, 0.1, 1.0, 0.55, 0.775],
        [0.01, 0.005, 0.0075, 0.00625, 0.005625],
        [0.01, 0.005, 0.0025, 0.00125, 0.001875],
    ]
    np.testing.assert_allclose(np.transpose(tried), expected, rtol=1e-6)
    np.testing.assert_allclose(bracket.lower, [0.55, 0.005, 0.00125], rtol=1e-6)
    np.testing.assert_allclose(bracket.upper, [1.0, 0.00625, 0.0025], rtol=1e-6)
    failed = narrow(Bracket(*(tf.constant([value]) for value in (0.0, UNBOUNDED, 1e5))), tf.constant([False]))
    assert failed.upper.numpy() == [UNBOUNDED]


@pytest.mark.parametrize("seed", [0, 1])
def test_linear_margins_in_a_few_steps(seed):
    found = ratios(attacks.CW(**QUICK), inner_bed(seed))
    assert found.min() >= 1 - 1e-3
    assert found.mean() <= 1.02
    assert found.max() <= 1.15


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_linear_margins_with_the_published_settings(seed):
    found = ratios(attacks.CW(), inner_bed(seed))
    assert found.mean() <= 1.02
    assert found.max() <= 1.06


@pytest.mark.parametrize("name", ["cw", "ead"])
def test_the_search_makes_up_for_the_scale_of_the_logits(name):
    """Logits times 2^11 and c divided by it are the same attack, to the bit."""
    factor = tf.Variable(1.0)
    bed = inner_bed(factor=factor)
    plain = attacks.make(name, initial_const=2.0**-7, **QUICK)(bed, bed.images, bed.labels)
    factor.assign(2.0**11)
    steep = attacks.make(name, initial_const=2.0**-18, **QUICK)(bed, bed.images, bed.labels)
    np.testing.assert_array_equal(steep.adversarial, plain.adversarial)


@pytest.mark.slow
def test_logits_of_mmc_size():
    """c starts 3,000 times too large, and 2^12 is twelve more bisections."""
    bed = inner_bed(factor=3000.0)
    few = ratios(attacks.CW(), bed)
    assert np.median(few) <= 1.01
    assert few.mean() <= 1.1
    more = ratios(attacks.CW(binary_search_steps=21), bed)
    assert more.mean() <= 1.02
    assert more.max() <= 1.06


def test_excluded_classes_are_excluded_below_minus_10000_too():
    bed = inner_bed(size=16)

    def sunk(images):
        return bed(images) - 20000.0

    for targeted in (False, True):
        result = attacks.CW(targeted=targeted, num_steps=100, binary_search_steps=8)(
            sunk, bed.images, bed.labels
        )
        assert result.success.all()
        if not targeted:
            # float32 has a spacing of 0.002 there.
            assert (result.distance <= 1.2 * exact_margins(bed, norm="l2", lead=0.01)).all()


@pytest.mark.parametrize("targeted", [False, True])
def test_confidence_is_reached_and_hardly_exceeded(targeted):
    bed = inner_bed()
    result = attacks.CW(confidence=1.5, targeted=targeted, num_steps=300, binary_search_steps=7)(
        bed, bed.images, bed.labels
    )
    assert result.found.all()
    lead = leads(bed, result.adversarial, result.targets if targeted else bed.labels)
    lead = -lead if targeted else lead
    assert lead.min() >= 1.5 * (1 - 1e-4)
    assert np.median(lead) <= 1.51
    if not targeted:
        found = result.distance / exact_margins(bed, norm="l2", lead=1.5)
        assert found.min() >= 1 - 1e-3
        assert found.mean() <= 1.02


def test_two_classes_have_one_target():
    bed = inner_bed(num_classes=2)
    plain = attacks.CW(**QUICK)(bed, bed.images, bed.labels)
    aimed = attacks.CW(targeted=True, **QUICK)(bed, bed.images, bed.labels)
    np.testing.assert_array_equal(aimed.adversarial, plain.adversarial)


def test_targets_are_farther_than_the_nearest_class():
    bed = inner_bed()
    result = attacks.CW(targeted=True, **QUICK)(bed, bed.images, bed.labels)
    assert (result.prediction == result.targets).all()
    w = (bed.kernel.T[result.targets] - bed.kernel.T[bed.labels]).astype(np.float64)
    gap = np.take_along_axis(bed.logits, bed.labels[:, None], 1) - np.take_along_axis(
        bed.logits, result.targets[:, None], 1
    )
    alone = gap[:, 0] / np.linalg.norm(w, axis=1)
    assert (result.distance >= alone * (1 - 1e-3)).all()
    # Where no third class is in the way the plane of the target is the answer.
    assert np.median(result.distance / alone) <= 1.2


@pytest.mark.parametrize("targeted", [False, True])
def test_half_the_margin_is_half_of_c(targeted):
    model, images = small_model("mmc"), small_images()
    labels = predictions(model, images)
    settings = {"targeted": targeted, "num_steps": 40, "binary_search_steps": 4, "learning_rate": 0.02}
    half = attacks.CW(initial_const=1.0, confidence=0.5, **settings)
    assert half.choose_objective(model.layers[-1]) == "mmc_margin"
    whole = attacks.CW(initial_const=0.5, confidence=0.5, adaptive=False, **settings)
    assert whole.choose_objective(model.layers[-1]) == "margin"
    one, two = half(model, images, labels), whole(model, images, labels)
    assert one.found.mean() > 0.5
    np.testing.assert_array_equal(one.adversarial, two.adversarial)


def test_objectives_by_head():
    centers, dense, softmax = HEADS.get("mmc")(4), HEADS.get("dense")(4), HEADS.get("mmlda")(4)
    choices = {
        adaptive: [
            attacks.CW(adaptive=adaptive).choose_objective(head) for head in (centers, softmax, dense, None)
        ]
        for adaptive in (True, False)
    }
    assert choices[True] == ["mmc_margin", "mmc_margin", "margin", "margin"]
    assert choices[False] == ["margin"] * 4
    assert attacks.CW(objective="margin").choose_objective(centers) == "margin"


@pytest.mark.parametrize("name", ["cw", "ead"])
def test_leaving_early_is_each_example_s_own_affair(name):
    bed = inner_bed(size=24)
    attack = attacks.make(name, num_steps=200, binary_search_steps=4, initial_const=0.1)
    early = attacks.make(name, num_steps=200, binary_search_steps=4, initial_const=0.1, abort_early=True)
    full, result = (one(bed, bed.images, bed.labels) for one in (attack, early))
    assert result.found.all()
    assert (result.queries <= full.queries).all()
    assert result.queries.mean() <= 0.8 * full.queries.mean()
    assert len(set(result.queries)) > 1
    assert (result.distance / full.distance).mean() <= 1.05
    part = np.arange(5, 20, 3)
    alone = early(bed, bed.images[part], bed.labels[part], indices=part)
    np.testing.assert_array_equal(alone.queries, result.queries[part])
    np.testing.assert_allclose(alone.adversarial, result.adversarial[part], atol=1e-6)


@pytest.mark.parametrize("name", ["cw", "ead"])
def test_the_clean_image_comes_back_where_nothing_is_found(name):
    bed = inner_bed(size=8)

    def certain(images):
        return bed(images) + 1e4 * tf.one_hot(bed.labels[0], 10)

    labels = np.full(8, bed.labels[0])
    result = attacks.make(name, num_steps=5, binary_search_steps=10)(certain, bed.images, labels)
    np.testing.assert_array_equal(result.adversarial, bed.images)
    assert not result.found.any()
    assert not result.distance.any()


def test_black_and_white_pixels_move_and_are_measured_from_where_they_are():
    bed = make_bed(size=16)
    images = np.round(bed.images)
    labels = predictions(bed, images)
    result = attacks.CW(learning_rate=0.2, num_steps=200, binary_search_steps=6)(bed, images, labels)
    assert result.found.all()
    origin = cw.to_pixels(cw.to_unbounded(tf.constant(images))).numpy()
    assert 0 < np.abs(origin - images).max() <= 6e-7
    assert np.abs(result.adversarial - images).max() > 0.01


@pytest.mark.parametrize("name", ["cw", "ead"])
def test_training_gets_the_same_images_and_nobody_to_attack_is_no_work(name):
    model, images = small_model("mmc"), small_images(8)
    labels = predictions(model, images)
    attack = attacks.make(name, num_steps=10, binary_search_steps=2, initial_const=1.0, learning_rate=0.05)
    result = attack(model, images, labels)
    assert result.found.any()
    inside = attack.perturb(model, images, labels, indices=np.arange(8))
    np.testing.assert_allclose(inside, result.adversarial, atol=1e-6)
    wrong = attack(model, images, (labels + 1) % 4)
    np.testing.assert_array_equal(wrong.adversarial, images)
    assert (wrong.queries == 1).all()


def test_more_steps_find_nearer_images():
    bed = inner_bed()
    means = [
        ratios(attacks.CW(num_steps=steps, binary_search_steps=6, initial_const=0.1), bed).mean()
        for steps in (30, 100, 300)
    ]
    assert all(after <= before + 1e-3 for before, after in itertools.pairwise(means))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_steps": 0}, r"`num_steps`.*>= 1.*num_steps=0"),
        ({"binary_search_steps": 0}, r"`binary_search_steps`.*an integer >= 1.*binary_search_steps=0"),
        ({"learning_rate": 0.0}, r"`learning_rate`.*> 0"),
        ({"initial_const": 0}, r"`initial_const`.*> 0"),
        ({"confidence": -1.0}, r"`confidence`.*>= 0.*confidence=-1.0"),
        ({"objective": "ce"}, r"`objective`.*one of margin, mmc_margin.*objective=ce"),
        ({"norm": "linf"}, r"`norm`.*l2 for the attack cw"),
    ],
)
def test_refused_settings(settings, message):
    with pytest.raises(UserError, match=message):
        attacks.make("cw", **settings)


def test_half_margins_need_centers():
    bed = inner_bed(size=4)
    with pytest.raises(UserError, match=r"`objective`.*without MM centers"):
        attacks.CW(objective="mmc_margin", num_steps=1)(bed, bed.images, bed.labels)


def test_defaults_and_example():
    settings = attacks.make("cw").settings()
    expected = {"num_steps": 1000, "binary_search_steps": 9, "learning_rate": 5e-3, "initial_const": 1e-2}
    assert {name: settings[name] for name in expected} == expected
    assert (settings["confidence"], settings["abort_early"], settings["epsilon"]) == (0.0, False, None)
    assert doctest.testmod(cw) == doctest.TestResults(failed=0, attempted=1)
