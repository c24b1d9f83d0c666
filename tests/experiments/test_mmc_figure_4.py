"""The transfer matrix: records in their cells, and the numbers that are drawn."""

import numpy as np

from mmc_tf.experiments.mmc.figure_4 import draw_matrices, matrix_of


def record(source, method, epsilon, accuracy):
    parameters = {"source": source, "method": method}
    return {"epsilon": epsilon, "parameters": parameters, "robust_accuracy": accuracy}


def test_rows_are_substitutes_and_columns_the_networks_attacked():
    results = [
        {
            "attacks": [
                record(source, method, epsilon, target / 10 + source_place / 100 + (method == "mim") / 2)
                for epsilon in (8 / 255, 16 / 255)
                for method in ("pgd", "mim")
                for source_place, source in enumerate("ab")
            ]
        }
        for target in (1, 2, 3)
    ]
    expected = [[10, 20, 30], [11, 21, 31]]
    np.testing.assert_allclose(matrix_of(results, ["a", "b"], "pgd", 8 / 255), expected)
    np.testing.assert_allclose(matrix_of(results, ["a", "b"], "mim", 16 / 255), np.add(expected, 50))


def test_the_picture_has_every_number_and_every_name():
    matrix = np.arange(16.0).reshape(4, 4) * 6
    names = ("SCE", "MMLDA", "L-GM", "MMC-10")
    figure = draw_matrices([("first", matrix), ("second", 100 - matrix)], names)
    first, second = figure.axes
    assert [text.get_text() for text in first.texts] == [f"{value:.0f}" for value in matrix.flat]
    assert [text.get_text() for text in second.texts] == [f"{100 - value:.0f}" for value in matrix.flat]
    assert [label.get_text() for label in first.get_xticklabels()] == list(names)
    # The same accuracy has the same shade in both, and a higher one a deeper shade.
    shades = first.images[0].get_array()[..., 3], second.images[0].get_array()[..., 3]
    np.testing.assert_allclose(shades[0] + shades[1], shades[0].max() / 0.9)
    assert (np.diff(np.asarray(shades[0]).ravel()) > 0).all()
