"""Our networks with the weights of Keras 2's files compute what Keras 2 computes."""

import itertools

import h5py
import keras
import numpy as np
import pytest

from mmc_tf.centers import simplex_centers
from mmc_tf.compat import build_released, find, prepare_released, read_findings
from mmc_tf.compat.weight_file import read_weights

originals = pytest.importorskip("originals", reason="needs tf_keras")

CASES = [
    # Both versions at two depths; with and without batch norm, auxiliary layer and centers.
    *itertools.product([(1, 1), (2, 1)], [True, False], [256, None], [True, False]),
    ((1, 2), True, 256, True),
    ((1, 2), False, 64, False),
    ((2, 2), True, 256, True),
    ((2, 2), False, None, False),
]


def written(path, version, blocks, *, dense=256, has_centers=False, **settings):
    width = dense or (64 if version == 1 else 256)
    centers = simplex_centers(10, width, scale=10.0) if has_centers else None
    twin = originals.randomize(originals.resnet(version, blocks, dense=dense, centers=centers, **settings))
    twin.save_weights(path)
    return twin


def compare(twin, findings, noise, *, eager=False, **settings):
    """The largest difference of logits relative to the largest logit of an image."""
    ours = build_released(prepare_released(findings, noise, **settings), noise)
    images = noise.test.images.astype(np.float64) / 255
    shifted = (images - images.mean(axis=0)).astype(np.float32)
    theirs = originals.scores(twin, shifted, eager=eager)
    images = images.astype(np.float32)
    logits = np.asarray(ours(images)) if eager else ours.predict(images, verbose=0)
    assert np.ptp(theirs, axis=1).min() > 1e-3 * np.abs(theirs).max()  # there is something to compare
    return (np.abs(logits - theirs).max(axis=1) / np.abs(theirs).max(axis=1)).max()


@pytest.mark.parametrize(("network", "use_bn", "dense", "has_centers"), CASES)
def test_logits_agree(tmp_path, noise, network, use_bn, dense, has_centers):
    path = tmp_path / "model.200.h5"
    twin = written(path, *network, use_bn=use_bn, dense=dense, has_centers=has_centers)
    found = read_findings(path)
    version, blocks = network
    assert (found.version, found.depth) == (version, blocks * (6 if version == 1 else 9) + 2)
    assert (found.use_bn, found.dense_units, found.head) == (
        use_bn,
        dense,
        "centers" if has_centers else "softmax",
    )
    assert found.num_classes == (None if has_centers else 10)
    assert (found.channels, found.use_leaky) == (3, False)
    assert found.feature_dim == (dense or (64 if version == 1 else 256))
    assert compare(twin, found, noise) < 1e-5


def test_a_wrong_order_would_show(tmp_path, noise):
    path = tmp_path / "model.h5"
    twin = written(path, 2, 1)
    found = read_findings(path)
    # What reading in the order of creation would do: the shortcut's kernel and its neighbour's have one shape.
    weights = found.weights
    weights["conv2d_4"], weights["conv2d_5"] = weights["conv2d_5"], weights["conv2d_4"]
    assert compare(twin, found, noise) > 1e-2


def test_epsilon_and_statistics_of_batch_norm_count(tmp_path, noise):
    path = tmp_path / "model.h5"
    twin = written(path, 1, 1)
    for layer in twin.layers:
        if isinstance(layer, originals.layers.BatchNormalization):
            gamma, beta, mean, variance = layer.get_weights()
            layer.set_weights([gamma * 0.1, beta, mean, variance * 1e-3])  # of the order of epsilon
    twin.save_weights(path)
    assert compare(twin, read_findings(path), noise) < 1e-5


def test_leaky_relu_leaves_its_name_alone(tmp_path, noise):
    path = tmp_path / "model.h5"
    twin = written(path, 1, 1, use_leaky=True, has_centers=True)
    found = read_findings(path)
    assert found.use_leaky
    # TensorFlow 2.21 with oneDNN fuses convolution, sum and leaky ReLU in graphs, and gets it wrong in either Keras.
    assert compare(twin, found, noise, eager=True) < 1e-5


def test_centers_of_another_norm_or_from_a_file(tmp_path, noise):
    path, file = tmp_path / "model.h5", tmp_path / "centers.npy"
    directions = np.roll(simplex_centers(10, 256), 3, axis=0)
    np.save(file, directions)
    twin = originals.randomize(originals.resnet(1, 1, centers=100 * directions))
    twin.save_weights(path)
    assert compare(twin, read_findings(path), noise, scale=100.0, centers=str(file)) < 1e-5
    assert compare(twin, read_findings(path), noise, scale=100.0) > 1e-3


def rewrite(source, target, *, offset, as_model):
    """The file as Keras 2.2.4 leaves it in a long-lived process: other numbers in the names, fixed-length bytes."""

    def rename(name):
        stem, _, number = name.rpartition("_")
        known = stem and number.isdigit()
        return f"{stem}_{int(number) + offset}" if known else f"{name}_{offset}"

    with h5py.File(source) as old, h5py.File(target, "w") as new:
        group = new.create_group("model_weights") if as_model else new
        names = [rename(_text(name)) for name in old.attrs["layer_names"]]
        group.attrs["layer_names"] = np.array([name.encode() for name in names])
        group.attrs["backend"], group.attrs["keras_version"] = np.bytes_("tensorflow"), np.bytes_("2.2.4")
        for old_name, name in zip(old.attrs["layer_names"], names, strict=True):
            layer = old[old_name]
            parts = [_text(weight).rpartition("/")[2] for weight in layer.attrs["weight_names"]]
            weights = group.create_group(name)
            weights.attrs["weight_names"] = np.array([f"{name}/{part}".encode() for part in parts])
            for weight, part in zip(layer.attrs["weight_names"], parts, strict=True):
                weights.create_dataset(f"{name}/{part}", data=layer[weight][()])


def _text(name):
    return name.decode() if isinstance(name, bytes) else name


@pytest.mark.parametrize(("offset", "as_model"), [(17, False), (5, True)])
def test_names_with_suffixes_and_whole_models(tmp_path, noise, offset, as_model):
    twin = written(tmp_path / "plain.h5", 2, 1, has_centers=True)
    rewrite(tmp_path / "plain.h5", tmp_path / "real.h5", offset=offset, as_model=as_model)
    found = read_findings(tmp_path / "real.h5")
    assert found.keras_version == "2.2.4"
    assert found.head == "centers"
    assert compare(twin, found, noise) < 1e-5


def test_a_whole_saved_model_of_keras_2(tmp_path, noise):
    twin = written(tmp_path / "weights.h5", 1, 1)
    with pytest.warns(UserWarning, match="HDF5"):
        twin.save(tmp_path / "model.h5")
    assert compare(twin, read_findings(tmp_path / "model.h5"), noise) < 1e-5


def test_grey_images_with_one_channel_and_with_three(tmp_path):
    from mmc_tf.data import load

    digits = load("digits", train_size=50, test_size=6)
    images = digits.test.as_float()
    shifted = images - digits.train.as_float().mean(axis=0, dtype=np.float64).astype(np.float32)
    for channels in (1, 3):
        twin = written(tmp_path / "grey.h5", 1, 1, side=8, channels=channels)
        ours = build_released(prepare_released(read_findings(tmp_path / "grey.h5"), digits), digits)
        theirs = originals.scores(twin, np.repeat(shifted, channels, axis=-1))
        np.testing.assert_allclose(
            ours.predict(images, verbose=0), theirs, rtol=1e-5, atol=1e-5 * np.abs(theirs).max()
        )


def test_a_model_used_as_a_layer_is_read_through(tmp_path, noise):
    twin = written(tmp_path / "plain.h5", 1, 1)
    inputs = originals.layers.Input((32, 32, 3))
    originals.tf_keras.Model(inputs, twin(inputs)).save_weights(tmp_path / "nested.h5")
    found = find(read_weights(tmp_path / "nested.h5"))
    assert compare(twin, found, noise) < 1e-5


def test_the_head_is_the_logits_before_the_softmax(tmp_path, noise):
    path = tmp_path / "model.h5"
    twin = written(path, 1, 1)
    ours = build_released(prepare_released(read_findings(path), noise), noise)
    images = noise.test.as_float()
    shifted = images - noise.train.as_float().mean(axis=0)
    softmax = keras.ops.softmax(ours.predict(images, verbose=0))
    np.testing.assert_allclose(softmax, twin.predict(shifted, verbose=0), atol=1e-5)
