"""What the figures show, read off their axes."""

import numpy as np
import pytest
from records_by_hand import record
from sklearn.decomposition import PCA
from sklearn.metrics import confusion_matrix as sklearn_confusion

from mmc_tf.centers import make_centers
from mmc_tf.evaluation.report.accuracy import draw_accuracy_by_epsilon, draw_accuracy_by_steps
from mmc_tf.evaluation.report.confusion import confusion_matrix, draw_confusion
from mmc_tf.evaluation.report.distances import MAX_POINTS, accuracy_within, curves_of, draw_distances
from mmc_tf.evaluation.report.feature_map import Plane, choose_plane, draw_features, is_simplex, keep_apart
from mmc_tf.evaluation.report.images import draw_images, magnification, magnified_difference
from mmc_tf.evaluation.report.series import Line

LINES = [
    Line("pgd mmc", None, (0.1, 0.2), (60.0, 20.0), (57.0, 18.0), (63.0, 22.5)),
    Line("fgsm mmc", None, (0.1, 0.2), (80.0, 70.0), (78.0, 68.0), (82.0, 72.0)),
]


def data_of(axes):
    """The points of each labelled line with error bars, and the ends of its bars."""
    found = {}
    for bars in axes.containers:
        ends = [segment[:, 1].tolist() for segment in bars[2][0].get_segments()]
        found[bars.get_label()] = (*map(list, bars[0].get_data()), ends)
    return found


def test_accuracy_against_the_radius():
    worst = Line("all of them", None, (0.1, 0.2), (55.0, 15.0), (50.0, 12.0), (60.0, 18.0))
    figure = draw_accuracy_by_epsilon(LINES, norm="linf", clean_accuracy=0.97, worst=worst)
    (axes,) = figure.axes
    assert data_of(axes) == {
        "pgd mmc": ([0.1, 0.2], [60.0, 20.0], [[57.0, 63.0], [18.0, 22.5]]),
        "fgsm mmc": ([0.1, 0.2], [80.0, 70.0], [[78.0, 82.0], [68.0, 72.0]]),
        "all of them": ([0.1, 0.2], [55.0, 15.0], [[50.0, 60.0], [12.0, 18.0]]),
    }
    (clean,) = [line for line in axes.lines if line.get_label() == "clean accuracy"]
    assert list(clean.get_ydata()) == [97.0, 97.0]
    assert axes.get_xlabel() == "radius ε, linf (pixels of [0, 1])"
    assert axes.get_ylabel() == "robust accuracy (%)"
    assert [text.get_text() for text in axes.get_xticklabels()] == ["0", "0.1", "0.2"]
    assert axes.get_ylim()[0] <= 0
    assert axes.get_ylim()[1] >= 100
    assert [text.get_text() for text in figure.legends[0].texts][-1] == "clean accuracy"


def test_radii_are_written_as_fractions_where_they_are_grey_levels():
    line = Line("pgd", None, (2 / 255, 8 / 255), (60.0, 20.0), (57.0, 18.0), (63.0, 22.5))
    (axes,) = draw_accuracy_by_epsilon([line], norm="linf", clean_accuracy=1.0).axes
    assert [text.get_text() for text in axes.get_xticklabels()] == ["0", "2/255", "8/255"]


def test_accuracy_against_the_steps():
    lines = [
        Line("pgd mmc", 0.1, (5, 10, 20), (70.0, 60.0, 58.0), (69.0, 59.0, 57.0), (71.0, 61.0, 59.0)),
        Line("pgd mmc", 0.2, (5, 10, 20), (40.0, 30.0, 28.0), (39.0, 29.0, 27.0), (41.0, 31.0, 29.0)),
    ]
    (axes,) = draw_accuracy_by_steps(lines, norm="linf", clean_accuracy=0.9).axes
    found = data_of(axes)
    assert set(found) == {"pgd mmc, ε 0.1", "pgd mmc, ε 0.2"}
    assert found["pgd mmc, ε 0.2"][:2] == ([5, 10, 20], [40.0, 30.0, 28.0])
    first, second = (bars[0] for bars in axes.containers)
    assert first.get_color() == second.get_color()  # one attack
    assert first.get_linestyle() != second.get_linestyle()  # two radii
    assert [text.get_text() for text in axes.get_xticklabels()] == ["5", "10", "20"]


@pytest.mark.parametrize("size", [1, 7, 3000])
def test_accuracy_within_a_distance_is_counted(size):
    distances = np.random.default_rng(size).gamma(2.0, size=size)
    where, accuracy = accuracy_within(distances, correct=size + 10, total=size + 30)
    assert len(where) == min(size + 1, MAX_POINTS)
    assert (where[0], where[-1]) == (0.0, distances.max())
    counted = [(size + 10 - (distances <= radius).sum()) / (size + 30) * 100 for radius in where]
    np.testing.assert_allclose(accuracy, counted)


def test_curves_are_of_the_examples_that_each_attack_broke():
    records = [
        record("ddn", 0, epsilon=None, norm="l2", radius="least", label="ddn", details=[]),
        record("pgd", 2, norm="l2", label="pgd 1", epsilon=1.0, details=[]),
        record("pgd", 1, norm="l2", label="pgd 2", epsilon=2.0, details=[]),
        record("fgsm", 1, norm="l2", label="fgsm", epsilon=2.0, details=[]),
    ]
    attacked = np.array([False, True, True, True])
    examples = {
        "label": np.array([0, 1, 2, 0]),
        "clean_prediction": np.array([1, 1, 2, 0]),
        "attacked": np.tile(attacked, (4, 1)),
        "found": np.array([[0, 1, 1, 1]] * 4, bool),
        "misclassified": np.array([[1, 1, 1, 1], [1, 0, 0, 1], [1, 1, 1, 0], [1, 1, 1, 0]], bool),
        "distance": np.array([[9, 3, 1, 2], [9, 9, 9, 1], [9, 1.5, 0.5, 9], [9, 2, 2, 9]], np.float32),
    }
    curves = curves_of(records, examples, "l2")
    # Of pgd the larger radius; fgsm's images all lie on the edge of its ball.
    assert [curve.name for curve in curves] == ["ddn", "pgd 2"]
    assert curves[0].distance.tolist() == [0, 1, 2, 3]
    assert curves[0].accuracy.tolist() == [75, 50, 25, 0]
    assert curves[1].distance.tolist() == [0, 0.5, 1.5]
    assert curves[1].accuracy.tolist() == [75, 50, 25]
    assert curves_of(records, examples, "linf") == []
    (axes,) = draw_distances(curves, norm="l2").axes
    np.testing.assert_allclose(axes.lines[1].get_xdata(), [0, 0.5, 1.5, 3.15])
    assert list(axes.lines[1].get_ydata()) == [75, 50, 25, 25]
    assert {line.get_drawstyle() for line in axes.lines} == {"steps-post"}
    assert axes.get_xlabel() == "distance, l2 (pixels of [0, 1])"


def test_confusion_is_scikit_learn_s():
    generator = np.random.default_rng(0)
    labels, predictions = generator.integers(4, size=(2, 60))
    counts = confusion_matrix(labels, predictions, 5)
    np.testing.assert_array_equal(counts, sklearn_confusion(labels, predictions, labels=range(5)))
    (axes,) = draw_confusion(counts, list("abcde")).axes
    shares = counts[:4] / counts[:4].sum(axis=1, keepdims=True)
    alpha = axes.images[0].get_array()[..., 3]
    np.testing.assert_allclose(alpha[:4] / alpha.max(), shares / shares.max())
    assert not alpha[4].any()  # a class without examples
    texts = {(int(t.get_position()[1]), int(t.get_position()[0])): t.get_text() for t in axes.texts}
    assert texts == {(i, j): f"{100 * shares[i, j]:.0f}" for i, j in np.argwhere(counts)}
    assert [t.get_text() for t in axes.get_yticklabels()] == list("abcde")


def test_many_classes_have_no_numbers_in_their_cells():
    (axes,) = draw_confusion(np.eye(100, dtype=int), [str(number) for number in range(100)]).axes
    assert len(axes.texts) == 0
    assert axes.images[0].get_array().shape == (100, 100, 4)


@pytest.mark.parametrize(("largest", "factor"), [(8 / 255, 15), (0.5, 1), (0.9, 1), (0.1, 5), (0.0, 1)])
def test_differences_are_magnified_to_fill_half_the_range(largest, factor):
    clean = np.full((2, 3, 3, 1), 0.5)
    adversarial = clean.copy()
    adversarial[1, 1, 1] += largest
    assert magnification(clean, adversarial) == factor
    shown = magnified_difference(clean, adversarial, factor)
    assert shown[0].min() == shown[0].max() == 0.5
    assert shown[1, 1, 1, 0] == pytest.approx(min(0.5 + factor * largest, 1.0))


@pytest.mark.parametrize("channels", [1, 3])
def test_images_stand_in_three_rows(channels):
    clean = np.random.default_rng(0).random((2, 4, 4, channels))
    adversarial = clean + 0.01
    figure = draw_images(
        clean,
        adversarial,
        names=["cat", "large_man-made_outdoor_things"],
        predicted=["dog", "large_man-made_outdoor_things"],
        fooled=[True, False],
        distances=[0.25, 0.125],
        norm="l2",
        factor=50,
    )
    (axes,) = figure.axes
    expected = [*clean, *np.clip(adversarial, 0, 1), *np.full_like(clean, 1.0)]
    assert len(axes.images) == 6
    for image, wanted in zip(axes.images, expected, strict=True):
        array = image.get_array()
        np.testing.assert_allclose(array, np.broadcast_to(wanted, array.shape), atol=1e-7)
    width, height = figure.get_size_inches()
    assert (axes.get_xlim(), axes.get_ylim()) == ((0, width), (0, height))  # its units are inches
    boxes = [image.get_extent() for image in axes.images]
    for left, right, bottom, top in boxes:
        assert right - left == pytest.approx(top - bottom)  # square
        assert 0 < left < right <= width
        assert 0 < bottom < top < height
    assert [box[0] for box in boxes] == [boxes[0][0], boxes[1][0]] * 3  # in columns
    assert boxes[0][2] == boxes[1][2] > boxes[2][3] > boxes[2][2] > boxes[4][3]  # and rows that do not touch
    texts = {text.get_text().replace("\n", " "): text.get_position() for text in axes.texts}
    assert set(texts) == {
        *("clean", "adversarial", "difference × 50"),
        *("cat", "large man-mad…", "→ dog", "l2 0.25", "l2 0.125"),
    }
    assert [text.get_text() for text in axes.texts].count("large man-mad…") == 2  # it survived
    for text, box in (("cat", boxes[0]), ("→ dog", boxes[2]), ("large man-mad…", boxes[3])):
        assert texts[text][0] == pytest.approx((box[0] + box[1]) / 2)
        assert texts[text][1] == pytest.approx(box[3], abs=0.1)  # above its image
    assert texts["l2 0.125"][1] < boxes[5][2]


def test_the_plane_is_scikit_learn_s():
    features = np.random.default_rng(1).normal(size=(50, 6)) * [5, 1, 3, 1, 1, 1]
    plane, reference = Plane.of(features), PCA(2).fit(features)
    np.testing.assert_allclose(plane.shares, reference.explained_variance_ratio_)
    others = np.random.default_rng(2).normal(size=(4, 6))
    found, expected = plane.project(others), reference.transform(others)
    np.testing.assert_allclose(np.abs(found), np.abs(expected), atol=1e-9)
    np.testing.assert_allclose(plane.axes.T @ plane.axes, np.eye(2), atol=1e-9)


@pytest.mark.parametrize("num_classes", [3, 4, 10])
def test_a_simplex_of_centers_is_seen_as_a_regular_polygon(num_classes):
    centers = make_centers("simplex", num_classes, 16, scale=10.0)
    features = np.repeat(centers, 5, axis=0)
    plane = choose_plane(features, centers)
    assert plane.is_polygon
    np.testing.assert_allclose(plane.axes.T @ plane.axes, np.eye(2), atol=1e-9)
    corners = plane.project(centers) @ [1, 1j]
    np.testing.assert_allclose(np.abs(corners), np.abs(corners[0]))
    np.testing.assert_allclose(corners[1:] / corners[:-1], np.exp(2j * np.pi / num_classes))
    np.testing.assert_allclose(plane.shares, 1 / (num_classes - 1))  # all directions are alike


def test_other_centers_are_seen_in_the_principal_plane():
    generator = np.random.default_rng(4)
    features = generator.normal(size=(20, 5))
    centers = make_centers("simplex", 4, 5, scale=1.0)
    centers[0] *= 1.1
    np.testing.assert_array_equal(choose_plane(features, centers).axes, Plane.of(features).axes)
    np.testing.assert_array_equal(choose_plane(features, None).axes, Plane.of(features).axes)
    assert not is_simplex(centers[:2])  # two points lie on a line


def test_centers_and_adversarial_features_are_in_the_same_plane():
    generator = np.random.default_rng(3)
    centers = generator.normal(size=(3, 5)) * 10
    labels = np.arange(30) % 3
    features = centers[labels] + generator.normal(size=(30, 5))
    moved = features[:2] + 5
    (axes,) = draw_features(
        features, labels, class_names=["a", "b", "c"], centers=centers, moves=(features[:2], moved)
    ).axes
    plane = Plane.of(features)
    for number in range(3):
        offsets = axes.collections[number].get_offsets()
        np.testing.assert_allclose(offsets, plane.project(features[labels == number]))
    np.testing.assert_allclose(axes.collections[3].get_offsets(), plane.project(centers))
    arrows = [text for text in axes.texts if text.arrow_patch is not None]
    np.testing.assert_allclose([arrow.xy for arrow in arrows], plane.project(moved))
    np.testing.assert_allclose([arrow.xyann for arrow in arrows], plane.project(features[:2]))
    assert [text.get_text() for text in axes.texts if text.get_text()] == ["a", "b", "c"]
    left, right = axes.get_xlim()
    assert all(left <= arrow.xy[0] <= right for arrow in arrows)


def test_without_centers_names_stand_at_the_means():
    features = np.array([[0.0, 0], [2, 0], [10, 4], [12, 4]])
    labels = np.array([0, 0, 2, 2])
    (axes,) = draw_features(features, labels, class_names=["a", "none", "c"]).axes
    places = {text.get_text(): text.xy for text in axes.texts}
    plane = Plane.of(features)
    assert set(places) == {"a", "c"}
    np.testing.assert_allclose(places["a"], plane.project(np.array([[1.0, 0]]))[0])


def test_names_are_moved_until_none_covers_another():
    spots = np.array([[0.0, 0.0], [0.2, 0.1], [0.1, 0.1], [5.0, 0.0]])
    places = keep_apart(spots, widths=np.array([2.0, 1.0, 1.0, 1.0]), height=0.5)
    assert places[:, 0].tolist() == spots[:, 0].tolist()
    assert places[3].tolist() == [5.0, 0.0]
    assert (np.diff(np.sort(places[:3, 1])) >= 0.5 - 1e-6).all()
    assert places[:3, 1].mean() == pytest.approx(spots[:3, 1].mean())


def test_two_features_are_enough():
    figure = draw_features(np.eye(2), np.arange(2), class_names=["a", "b"])
    assert len(figure.axes[0].collections) == 4  # the points of two classes, and their names' dots
