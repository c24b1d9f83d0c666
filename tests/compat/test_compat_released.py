"""A network of a weight file and the images it is for: what fits, what does not, and where centers come from."""

import dataclasses

import numpy as np
import pytest
import scipy.io
from weight_files import LAMBDA, dense, network, write

from mmc_tf.centers import simplex_centers
from mmc_tf.checks import UserError
from mmc_tf.compat import prepare_released, read_findings
from mmc_tf.data import load


@pytest.fixture
def findings(tmp_path):
    def make(*end, **settings):
        return read_findings(write(tmp_path / "model.h5", network(end=end, **settings)))

    return make


def hundred(noise):
    return dataclasses.replace(
        noise, name="cifar100", num_classes=100, class_names=tuple(map(str, range(100)))
    )


def test_centers_of_algorithm_1_have_the_norm_mean_var(findings, noise):
    released = prepare_released(findings(dense(1, 64, 256), LAMBDA), noise, scale=100.0)
    np.testing.assert_allclose(
        released.centers @ released.centers.T, 1e4 * (np.eye(10) * 10 - 1) / 9, atol=1e-6
    )
    assert (released.loss, released.scale, released.training) == ("MMC", 100.0, "standard")
    assert "centers     simplex, 10 of norm 100" in released.describe()
    assert prepare_released(findings(LAMBDA), noise).scale == 10.0


def test_the_original_s_file_is_multiplied_by_mean_var(findings, noise, tmp_path):
    directions = np.roll(simplex_centers(10, 64), 1, axis=0)
    file = tmp_path / "meanvar1_featuredim64_class10.mat"
    scipy.io.savemat(file, {"mean_logits": directions})
    released = prepare_released(findings(LAMBDA), noise, scale=7.0, centers=str(file), loss="MMLDA")
    np.testing.assert_allclose(released.centers, 7 * directions)
    assert (released.loss, released.center_source) == ("MMLDA", str(file))
    assert released.summary()["centers"] == str(file)


def test_a_hundred_classes_in_64_dimensions_need_the_file(findings, noise, tmp_path):
    with pytest.raises(UserError) as caught:
        prepare_released(findings(dense(1, 64, 64), LAMBDA), hundred(noise))
    assert str(caught.value) == (
        "Invalid value for argument `centers`. Expected the original's file of its centers "
        "(--centers=meanvar1_featuredim64_class100.mat), since a simplex of 100 classes does not fit into 64 "
        "dimensions. Received: centers=simplex"
    )
    file = tmp_path / "c.mat"
    places = np.random.default_rng(0).normal(size=(100, 64))
    scipy.io.savemat(file, {"mean_logits": places})
    assert prepare_released(findings(LAMBDA), hundred(noise), centers=str(file)).centers.shape == (100, 64)
    with pytest.raises(UserError, match=r"`centers`. Expected a real array of shape \(10, 64\)"):
        prepare_released(findings(LAMBDA), noise, centers=str(file))


@pytest.mark.parametrize(
    ("end", "settings", "said"),
    [
        (
            [dense(1, 64, 100)],
            {},
            r"`released_weights`. Expected a network for 10 classes \(cifar10\).*, with 100",
        ),
        ([dense(1, 64, 10)], {"scale": 10.0}, "`scale`. Expected none, since .* softmax and no centers"),
        ([dense(1, 64, 10)], {"centers": "a.mat"}, "`centers`. Expected none"),
        (
            [dense(1, 64, 10)],
            {"loss": "MMC"},
            "`released_loss`. Expected SCE, since .* dense layer with softmax",
        ),
        (
            [LAMBDA],
            {"loss": "SCE"},
            "`released_loss`. Expected one of MMC, MMLDA, since .* a head of centers",
        ),
        ([LAMBDA], {"loss": "LGM"}, "`released_loss`. Expected one of MMC, MMLDA"),
        ([LAMBDA], {"centers": "random"}, "`centers`. Expected simplex, or the original's file"),
        ([LAMBDA], {"centers": "none.mat"}, "`centers`. Expected a .mat or .npy file"),
        ([LAMBDA], {"scale": 0.0}, "`scale`. Expected a number > 0"),
    ],
)
def test_what_does_not_fit(findings, noise, end, settings, said):
    with pytest.raises(UserError, match=said):
        prepare_released(findings(*end), noise, **settings)


def test_channels_must_be_the_images(findings, noise):
    with pytest.raises(
        UserError,
        match=r"`released_weights`. Expected a network for images of 3 channels \(cifar10\).*, for 1",
    ):
        prepare_released(findings(LAMBDA, channels=1), noise)
    digits = load("digits", train_size=20, test_size=5)
    for channels in (1, 3):  # grey images are repeated, as the original does
        prepare_released(findings(LAMBDA, channels=channels), digits)
    with pytest.raises(UserError, match="images of 1 channels"):
        prepare_released(findings(LAMBDA, channels=4), digits)
