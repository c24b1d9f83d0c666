import numpy as np
import pytest
from scipy.spatial import cKDTree

from mmc_tf.evaluation.neighbours import class_neighbour_distances, least_class_distance, neighbour_distances


@pytest.mark.parametrize("rank", [1, 4])
def test_distances_are_those_of_a_tree(rank):
    points = np.random.default_rng(0).standard_normal((1200, 3)) + 100
    expected = cKDTree(points).query(points, k=rank + 1)[0][:, -1]
    assert neighbour_distances(points, rank=rank) == pytest.approx(expected, abs=1e-6)


def test_twins_are_each_others_neighbours():
    assert neighbour_distances(np.array([[1.0, 2.0], [1.0, 2.0], [4.0, 6.0]])).tolist() == [0, 0, 5]


def test_only_the_own_class_counts_and_too_few_have_no_neighbour():
    features = np.array([[0.0], [1.0], [3.0], [3.1]])
    found = class_neighbour_distances(features, np.array([0, 1, 0, 2]))
    assert found[[0, 2]].tolist() == [3, 3]
    assert np.isnan(found[[1, 3]]).all()


def test_least_class_distance_by_hand():
    features = np.array([[0.0, 0.0], [2.0, 0.0], [1.0, 4.0], [1.0, 9.0]])
    distance, classes = least_class_distance(features, np.array([2, 2, 5, 7]))
    assert (distance, classes) == (4.0, (2, 5))
