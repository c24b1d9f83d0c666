"""What is found in a weight file, and what is said of files that belong to no such network."""

import pytest
from weight_files import ACTIVATION, LAMBDA, dense, network, write

from mmc_tf.checks import UserError
from mmc_tf.compat import read_findings


def found(path, layers, **attributes):
    return read_findings(write(path / "model.200.h5", layers, **attributes))


@pytest.mark.parametrize(
    ("end", "head", "classes", "auxiliary", "features"),
    [
        ([dense(1, 64, 256), dense(2, 256, 10), ACTIVATION], "softmax", 10, 256, 256),
        ([dense(1, 64, 256), dense(2, 256, 100)], "softmax", 100, 256, 256),
        ([dense(7, 64, 10), ACTIVATION], "softmax", 10, None, 64),
        # A dense layer that applies its softmax itself leaves nothing behind it, whatever its width.
        ([dense(7, 64, 12)], "softmax", 12, None, 64),
        ([dense(7, 64, 256), LAMBDA], "centers", None, 256, 256),
        # As many features as classes, and other names for the layers: the head decides, then the width.
        ([dense(7, 64, 10), LAMBDA], "centers", None, 10, 10),
        ([dense(7, 64, 10), ("out", {})], "softmax", 10, None, 64),
        ([dense(7, 64, 256), ("out", {})], "centers", None, 256, 256),
        ([("flatten_1", {}), LAMBDA], "centers", None, None, 64),
        ([], "centers", None, None, 64),
    ],
)
def test_the_head(tmp_path, end, head, classes, auxiliary, features):
    network_found = found(tmp_path, network(end=end))
    assert (network_found.head, network_found.num_classes) == (head, classes)
    assert (network_found.dense_units, network_found.feature_dim) == (auxiliary, features)
    last = {"softmax": "logits", "centers": "features"}[head]
    assert (last in network_found.weights) == (head == "softmax" or auxiliary is not None)


@pytest.mark.parametrize(
    ("version", "blocks", "depth", "name"),
    [
        (1, 5, 32, "resnet32v1"),
        (1, 18, 110, "resnet110v1"),
        (2, 5, 47, "resnet47v2"),
        (2, 18, 164, "resnet164v2"),
    ],
)
def test_the_papers_networks(tmp_path, version, blocks, depth, name):
    end = [dense(1, 64 if version == 1 else 256, 256), LAMBDA]
    result = found(tmp_path, network(version, blocks, end=end))
    assert (result.version, result.depth, result.blocks, result.model_name) == (version, depth, blocks, name)
    text = result.describe()
    assert f"ResNet-{depth} version {version} (n = {blocks}), with batch norm" in text
    assert "written by Keras 2.2.4" in text
    assert "auxiliary dense layer: 256 units" in text


def test_no_batch_norm_other_channels_and_leaky_relu(tmp_path):
    layers = network(2, 1, use_bn=False, channels=1, end=[dense(1, 256, 10)])
    result = found(tmp_path, [("leaky_re_lu_4", {}), *layers])
    assert (result.use_bn, result.channels, result.use_leaky) == (False, 1, True)
    assert "1 channels" in result.describe()
    assert "without batch norm, leaky ReLU" in result.describe()


def changed(layers, name, **shapes):
    return [(each, own | shapes if each == name else own) for each, own in layers]


def without(layers, *names):
    return [layer for layer in layers if layer[0] not in names]


def moved(layers, name, *, to):
    rest = without(layers, name)
    place = [each for each, _ in rest].index(to)
    return [*rest[:place], *(layer for layer in layers if layer[0] == name), *rest[place:]]


PLAIN = network()
PLAIN_2 = network(2, 1, use_bn=False)
OTHERS = {
    "a convolution too few": (
        without(PLAIN, "conv2d_9"),
        "with 8 convolutions where such a network has 6n+3 (version 1) or 9n+4 (version 2)",
    ),
    "no convolution": ([dense(1, 784, 10)], "with 0 convolutions"),
    "a wider network": (
        changed(PLAIN, "conv2d_1", kernel=(3, 3, 3, 64), bias=(64,)),
        "whose conv2d_1 has a kernel of shape (3, 3, 3, 64) where ResNet-8 version 1 has (3, 3, 3, 16)",
    ),
    "kernels of 5x5": (changed(PLAIN, "conv2d_3", kernel=(5, 5, 16, 16)), "whose conv2d_3 has a kernel"),
    "a shortcut in the place where the code makes it": (
        moved(network(use_bn=False), "conv2d_6", to="conv2d_9"),
        "whose conv2d_5 has a kernel of shape (3, 3, 32, 32) where ResNet-8 version 1 has (1, 1, 16, 32)",
    ),
    "a batch norm too few": (
        without(PLAIN, "batch_normalization_7"),
        "with 6 batch norms where ResNet-8 version 1 has 7",
    ),
    "a batch norm of another width": (
        changed(PLAIN, "batch_normalization_1", moving_mean=(32,)),
        "whose batch_normalization_1 has a moving_mean of shape (32,)",
    ),
    "a bias too few": (
        [(name, {"kernel": own["kernel"]} if name == "conv2d_2" else own) for name, own in PLAIN],
        "whose layer conv2d_2 has the weights kernel (3, 3, 16, 16)",
    ),
    "another kind of layer": (
        [*PLAIN, ("lstm", {"kernel": (4, 4), "recurrent_kernel": (4, 4)})],
        "layer lstm",
    ),
    "three dense layers": (
        [*PLAIN, dense(1, 64, 256), dense(2, 256, 64), dense(3, 64, 10)],
        "with 3 dense layers where such a network has two at most",
    ),
    "a dense layer after a pooling of 4x4": (
        [*PLAIN, dense(1, 256, 10)],
        "whose dense_1 has kernel (256, 10)",
    ),
    "a dense layer before the classes that is too wide": (
        [*PLAIN, dense(1, 64, 256), dense(2, 64, 10)],
        "whose dense_2 has kernel (64, 10), bias (10,) after 256 features",
    ),
}


@pytest.mark.parametrize("case", OTHERS)
def test_other_networks_are_refused(tmp_path, case):
    layers, said = OTHERS[case]
    with pytest.raises(UserError) as caught:
        found(tmp_path, layers)
    message = str(caught.value)
    assert message.startswith(
        "Invalid value for argument `released_weights`. Expected the weights of a ResNet of the original code. "
        f"Received: released_weights={tmp_path / 'model.200.h5'}, "
    )
    assert said in message
