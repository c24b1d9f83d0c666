"""With batch norm, every replica's network is the same wherever it is evaluated or saved."""

import numpy as np
import pytest
from toy import toy_loop, weights_of

from mmc_tf.models import BackboneOptions
from mmc_tf.training import checkpoints
from mmc_tf.training.runs import RunFolder


def _loop(strategy, folder):
    options = BackboneOptions(use_bn=True)
    return toy_loop(
        strategy=strategy, folder=RunFolder(folder), options=options, max_steps=8, checkpoint_every=4
    )


def _copies(strategy, loop):
    layer = next(layer for layer in loop.model.layers if layer.name.startswith("batch_normalization"))
    return [copy.numpy() for copy in strategy.experimental_local_results(layer.moving_mean.value)]


def test_replicas_agree_and_a_resumed_run_is_the_same(mirrored, tmp_path):
    whole = _loop(mirrored, tmp_path / "whole")
    before = _copies(mirrored, whole)
    whole.run()
    copies = _copies(mirrored, whole)
    assert len(copies) == 2
    assert np.abs(copies[0] - before[0]).max() > 0
    np.testing.assert_array_equal(copies[0], copies[1])

    class KilledError(Exception):
        pass

    def killed(step, loss):
        if step == 5:
            raise KilledError

    with pytest.raises(KilledError):
        _loop(mirrored, tmp_path / "parts").run(on_step=killed)
    resumed = _loop(mirrored, tmp_path / "parts")
    resumed.restore(checkpoints.path_of(tmp_path / "parts" / "checkpoints", 4))
    resumed.run()
    for mine, other in zip(weights_of(resumed), weights_of(whole), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-6, atol=1e-7)
