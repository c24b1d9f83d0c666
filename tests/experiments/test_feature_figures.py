import json

import numpy as np
import pytest
from scipy.special import softmax

from mmc_tf.attacks.pgd import PGD
from mmc_tf.centers import simplex_centers
from mmc_tf.evaluation.report.feature_map import choose_plane
from mmc_tf.experiments.mmc import figure_1, figure_3a, figure_3b, figure_5, figure_6, training_losses
from mmc_tf.experiments.outputs import Outputs
from mmc_tf.experiments.reproducibility import section_4_5
from mmc_tf.losses import functions
from mmc_tf.models import build_classifier
from mmc_tf.training import log


def outputs(features, logits, labels, **head):
    return Outputs(np.asarray(features), np.asarray(logits, np.float32), np.asarray(labels), head)


def lgm_outputs(*, isotropic=False):
    generator = np.random.default_rng(0)
    features = generator.normal(size=(40, 3)).astype(np.float32)
    means = generator.normal(size=(4, 3)).astype(np.float32)
    log_variances = generator.normal(size=(4, 1 if isotropic else 3), scale=0.3).astype(np.float32)
    log_variances = np.broadcast_to(log_variances, (4, 3)).copy()
    squares = ((features[:, None] - means) ** 2 * np.exp(-log_variances)).sum(axis=-1)
    logits = -0.5 * squares - 0.5 * log_variances.sum(axis=1)
    return outputs(features, logits, np.arange(40) % 4, means=means, log_variances=log_variances)


@pytest.fixture
def lgm_run(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"flags": {"lgm_margin": 0.3}}))
    return tmp_path


def test_the_lgm_loss_is_the_librarys_without_its_likelihood_term(lgm_run):
    each = lgm_outputs()
    half_log_determinants = 0.5 * each.head["log_variances"].sum(axis=1)
    expected = functions.lgm_loss(each.labels, each.logits, half_log_determinants, margin=0.3, weight=0.0)
    assert training_losses.lgm_losses(each, lgm_run) == pytest.approx(np.asarray(expected), rel=1e-4)


def test_lgm_contours_have_the_loss_of_two_classes(lgm_run):
    each = lgm_outputs(isotropic=True)
    contours = training_losses.lgm_contours(each, lgm_run, own=1, other=2)
    # On the side of the limit on which there are points.
    loss = (1.5 if contours.sigma > contours.other_sigma else 0.5) * contours.limit
    z = contours.center + np.sqrt(contours.squared_radius(loss)) * np.array([0.0, 0.6, 0.8])
    two = Outputs(
        z[None],
        np.zeros((1, 2), np.float32),
        np.array([0]),
        {name: values[1:3] for name, values in each.head.items()},
    )
    assert training_losses.lgm_losses(two, lgm_run) == pytest.approx([loss])


def test_an_unnamed_margin_is_the_losss_default(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"flags": {"lgm_margin": None}}))
    assert training_losses.lgm_margin(tmp_path) == 0.3


def test_small_cross_entropies_keep_their_digits():
    found = training_losses.cross_entropies(np.array([[60.0, 0.0], [0.0, 60.0]]), np.array([0, 0]))
    assert found == pytest.approx([np.exp(-60.0), 60.0], rel=1e-12)


def test_runners_up_leave_the_label_out():
    each = outputs(np.zeros((2, 1)), [[3.0, 1.0, 2.0], [3.0, 1.0, 2.0]], [0, 1])
    assert training_losses.runners_up(each).tolist() == [2, 0]


def test_the_loss_of_the_prediction_by_hand():
    points = np.array([[0.0, 0.0], [3.0, 4.0]])
    mmc = outputs(points, np.zeros((2, 2)), [0, 0], centers=np.array([[0.0, 1.0], [3.0, 1.0]]))
    assert figure_1.loss_of_prediction(points, mmc, "MMC") == pytest.approx([0.5, 4.5])
    sce = outputs(points, np.zeros((2, 2)), [0, 0], kernel=np.eye(2), bias=np.zeros(2))
    assert figure_1.loss_of_prediction(points, sce, "SCE") == pytest.approx([np.log(2), np.log1p(np.exp(-1))])


def test_curves_are_in_minutes_and_percent(tmp_path):
    for epoch, (seconds, error, speed) in enumerate([(60, 0.5, 100), (90, 0.25, 200), (120, 0.125, 400)], 1):
        log.append(
            tmp_path / "log.csv",
            {"epoch": epoch, "seconds": seconds, "monitored_error": error, "images_per_second": speed},
        )
    curve = figure_3a.read_curve(tmp_path)
    assert curve["minutes"].tolist() == [1, 1.5, 2]
    assert curve["error"].tolist() == [50, 25, 12.5]
    assert curve["seconds_per_image"] == 1 / 400


def test_targets_are_wrong_classes_and_all_of_them_occur():
    labels = np.arange(500) % 5
    targets = figure_3b.draw_targets(labels, 5, seed=0)
    assert (targets != labels).all()
    assert set(zip(labels.tolist(), targets.tolist(), strict=True)) == {
        (label, target) for label in range(5) for target in range(5) if label != target
    }


def test_chosen_images_are_right_and_of_different_classes():
    labels = np.array([0, 0, 1, 1, 2])
    predictions = np.broadcast_to(np.array([0, 1, 1, 0, 0]), (4, 1, 5))
    assert sorted(figure_3b.choose_images(labels, predictions, seed=3)) == [0, 2]


@pytest.mark.parametrize("targeted", [False, True])
def test_the_walk_is_that_of_the_attack(targeted):
    model = build_classifier("lenet5", input_shape=(8, 8, 1), num_classes=4, head="mmc")
    generator = np.random.default_rng(0)
    images = generator.random((3, 8, 8, 1), dtype=np.float32)
    labels, targets = np.array([0, 1, 2]), np.array([3, 2, 1])
    settings = {"epsilon": 0.3, "step_size": 0.05, "targeted": targeted, "iterate": "last"}
    attack = PGD(**settings, random_start=False, num_steps=7)
    *_, last = figure_3b.walk(attack, model, images, labels, targets, iterations=(0, 3, 7))
    whole = attack.perturb(model, images, labels, targets if targeted else None, indices=np.arange(3))
    assert last == pytest.approx(np.asarray(whole), abs=1e-6)


def test_the_observer_sees_distances_as_they_are():
    points = simplex_centers(4, 3)
    seen = figure_5.project(points)
    assert seen @ seen.T == pytest.approx(points @ points.T)
    assert seen[0, 1] > 0.9  # the first center is the top


@pytest.mark.parametrize("case", figure_6.OBJECTIVES, ids=lambda case: case[0])
def test_the_objectives_have_the_papers_gradients(case):
    _, name, targeted, formula = case
    centers = figure_6._centers()
    points = np.array([[0.4, 6.0], [-3.0, 8.0], [5.0, -4.0]], np.float32)
    others = centers[figure_6.runners_up(points, centers)]
    expected = formula(points, centers[figure_6.LABEL], others, centers[figure_6.TARGET])
    found = figure_6.gradients(points, name, targeted=targeted)
    assert found == pytest.approx(np.broadcast_to(expected, (3, 2)), abs=1e-5)


def test_ten_centers_are_a_polygon_of_the_stated_radius():
    centers = simplex_centers(10, 12, scale=10.0)
    plane = choose_plane(centers + 0.0, centers)
    assert plane.is_polygon
    spots = plane.project(centers)
    assert np.linalg.norm(spots, axis=1) == pytest.approx(np.full(10, 10 * np.sqrt(2 / 9)))
    steps = np.linalg.norm(spots - np.roll(spots, 1, axis=0), axis=1)
    assert steps == pytest.approx(np.full(10, 2 * 10 * np.sqrt(2 / 9) * np.sin(np.pi / 10)))


def test_shares_by_hand():
    logits = np.array([[5.0, 2.0, 1.5, 0.0], [5.0, 2.0, 0.1, 0.0], [1.0, 4.0, 3.0, 0.5]])
    each = outputs(np.zeros((3, 1)), logits, [0, 0, 0])
    found = section_4_5.shares(each)
    # Probabilities: e^0.5 < 5 < e^1.9; the third image's second and third score among all are 3 and 1.
    assert softmax(logits[0])[1] / softmax(logits[0])[2] == pytest.approx(np.exp(0.5))
    assert found["softmax probabilities"] == pytest.approx((1 / 3, 2 / 3))
    assert found["logits"] == pytest.approx((2 / 3, 2 / 3))
