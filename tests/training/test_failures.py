"""Divergence and collapse are recognized, and nothing else is taken for them."""

import numpy as np
import pytest
import tensorflow as tf
from toy import toy_loop

from mmc_tf.centers import make_centers
from mmc_tf.losses.functions import emc_loss
from mmc_tf.training import checkpoints
from mmc_tf.training.failures import CollapseDetector, TrainingFailedError, check_divergence
from mmc_tf.training.runs import RunFolder


def feed(detector, intervals):
    for step, (loss, norm) in enumerate(intervals):
        detector.check(loss, norm, num_steps=20, step=step, learning_rate=0.01)


def test_collapse_needs_a_loss_near_the_squared_scale_and_vanishing_features():
    feed(CollapseDetector(10.0), [(100.0, 3.0)] * 500)
    feed(CollapseDetector(10.0), [(90.0, 0.001)] * 500)
    feed(CollapseDetector(None), [(100.0, 0.0)] * 500)
    with pytest.raises(TrainingFailedError, match=r"C_MM² = 100.*--warmup_steps=200"):
        feed(CollapseDetector(10.0), [(99.5, 0.01)] * 500)


@pytest.mark.parametrize("alpha", [0.1, 1.0])
def test_elastic_centers_follow_collapsed_features(alpha):
    """Gradient descent on Eq. 21 with the features at the origin ends at C²/(1 + α), where the detector looks."""
    prior = make_centers("simplex", 10, 20, scale=10.0).astype(np.float32)
    centers, labels = tf.Variable(prior), tf.range(10)
    for _ in range(200):
        with tf.GradientTape() as tape:
            loss = 2.0 * emc_loss(
                labels, tf.zeros_like(prior), tf.convert_to_tensor(centers), prior, alpha=alpha
            )
        centers.assign_sub(0.04 * tape.gradient(loss, centers))
    value = float(tf.reduce_mean(loss))
    assert value == pytest.approx(100.0 / (1.0 + alpha), rel=1e-3)
    feed(CollapseDetector(10.0), [(value, 0.01)] * 500)
    with pytest.raises(TrainingFailedError, match=rf"C_MM²/\(1 \+ α\) = {100 / (1 + alpha):.4g}"):
        feed(CollapseDetector(10.0, alpha=alpha), [(value, 0.01)] * 500)
    feed(CollapseDetector(10.0, alpha=alpha), [(value, 3.0), (100.0, 0.01)] * 500)


def test_a_passing_dip_is_no_collapse():
    intervals = [(100.0, 0.01), (100.0, 2.0)] * 200
    feed(CollapseDetector(10.0), intervals)


@pytest.mark.parametrize(("loss", "alpha"), [("MMC", 0.0), ("EMC", 0.1)])
def test_a_loop_looks_where_its_loss_stays(loss, alpha):
    """α is the loss's own default here."""
    assert toy_loop(loss=loss)._collapse.alpha == alpha


@pytest.mark.slow
@pytest.mark.parametrize(
    ("loss", "words"), [("MMC", "by step 500: "), ("EMC", r"within 2 % of C_MM²/\(1 \+ α\)")]
)
def test_network_of_dead_units_is_recognized(loss, words):
    loop = toy_loop(loss=loss, batch_size=50, epochs=200)
    loop.model.get_layer("dense_1").bias.assign(np.full(1024, -1e3, np.float32))
    with pytest.raises(TrainingFailedError, match=f"the features collapsed to the origin .*{words}"):
        loop.run()


def test_divergence_names_step_rate_and_checkpoint():
    where = {"what": "loss", "step": 7, "learning_rate": 0.5, "kept": "the last good checkpoint is a.npz"}
    with pytest.raises(
        TrainingFailedError, match=r"loss became nan at step 7 with learning rate 0.5; .* a\.npz\. Remedy"
    ):
        check_divergence(float("nan"), **where)
    check_divergence(1e9, **where)


def test_diverging_loop_stops_at_once_and_keeps_only_good_checkpoints(tmp_path):
    loop = toy_loop(
        folder=RunFolder(tmp_path),
        learning_rate=1e4,
        warmup_steps=0,
        clip_norm=0.0,
        checkpoint_every=1,
        epochs=3,
    )
    losses = []
    with pytest.raises(TrainingFailedError, match="the last good checkpoint is") as failure:
        loop.run(on_step=lambda step, loss: losses.append(loss))
    assert np.isfinite(losses).all()
    kept = checkpoints.newest(tmp_path / "checkpoints")
    assert str(kept) in str(failure.value)
    toy_loop().restore(kept)
    with np.load(kept) as stored:
        assert all(np.isfinite(stored[name]).all() for name in stored.files if name != "state")
