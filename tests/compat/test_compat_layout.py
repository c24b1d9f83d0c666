"""The order of layers in a weight file, against orders worked out by hand and Keras' own."""

import pytest

from mmc_tf.compat.layout import resnet_layers, stored_order

originals = pytest.importorskip("originals", reason="needs tf_keras")


def convolutions(version, blocks, use_bn):
    layers = resnet_layers(version, blocks, use_bn=use_bn)
    return [int(layer.name.rpartition("_")[2]) for layer in layers if layer.kind == "conv2d"]


def test_the_longest_path_to_the_output_decides_and_then_the_walk_back_from_it():
    #   0 - 1 - 2 - 5      5 adds 3 and 2, in this order: 3 is met first, although it was made last.
    #    \- - - 3 - /      4 is joined nowhere.
    assert stored_order([(), (0,), (1,), (0,), (), (3, 2)]) == [0, 1, 3, 2, 5]
    assert stored_order([(), (0,), (1,), (0,), (), (2, 3)]) == [0, 1, 2, 3, 5]
    assert stored_order([(), (0,), (1,), (2,), (0,), (4, 3)]) == [0, 1, 2, 4, 3, 5]


def test_the_shortcut_of_version_1_stands_where_batch_norm_puts_it():
    # With batch norm the main path is longer by one layer: bn - add against the shortcut's - add.
    assert convolutions(1, 1, True) == [1, 2, 3, 4, 5, 6, 7, 8, 9]
    assert convolutions(1, 1, False) == [1, 2, 3, 4, 6, 5, 7, 9, 8]


@pytest.mark.parametrize("use_bn", [True, False])
def test_the_shortcut_of_version_2_comes_before_the_last_convolution_of_its_shape(use_bn):
    assert convolutions(2, 1, use_bn) == [1, 2, 3, 5, 4, 6, 7, 9, 8, 10, 11, 13, 12]
    layers = {layer.name: layer for layer in resnet_layers(2, 1, use_bn=use_bn)}
    for main, shortcut in ((4, 5), (8, 9), (12, 13)):
        assert layers[f"conv2d_{main}"].shapes == layers[f"conv2d_{shortcut}"].shapes


def test_parameters_are_those_that_he_et_al_count():
    def parameters(blocks):
        layers = resnet_layers(1, blocks, use_bn=False)
        sizes = (layer.shapes["kernel"] for layer in layers if layer.shapes["kernel"][0] == 3)
        return sum(a * b * c * d for a, b, c, d in sizes)

    # Their Table 6, without the shortcuts' projections: 0.27, 0.46 and 1.7 million.
    assert [round(parameters(blocks) / 1e6, 2) for blocks in (3, 5)] == [0.27, 0.46]
    assert round(parameters(18) / 1e6, 1) == 1.7


@pytest.mark.parametrize("use_bn", [True, False])
@pytest.mark.parametrize(("version", "blocks"), [(1, 3), (2, 2)])
def test_it_is_keras_own_order(version, blocks, use_bn):
    model = originals.resnet(version, blocks, use_bn=use_bn, dense=None)
    theirs = [layer for layer in model.layers if layer.weights][:-1]
    ours = resnet_layers(version, blocks, use_bn=use_bn)
    assert [[tuple(w.shape) for w in layer.weights] for layer in theirs] == [
        list(layer.shapes.values()) for layer in ours
    ]

    def ranks(numbers):
        return [sorted(numbers).index(number) for number in numbers]

    for kind in ("conv2d", "batch_normalization"):
        # Keras numbers the layers as they are made; the first has no number in a fresh process.
        numbers = [f"{each.name}_0".removeprefix(kind).split("_")[1] for each in theirs if kind in each.name]
        ordered = [int(each.name.rpartition("_")[2]) for each in ours if each.kind == kind]
        assert ranks([int(number) for number in numbers]) == ranks(ordered)
