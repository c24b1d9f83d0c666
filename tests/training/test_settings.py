"""Settings out of range are refused before anything is built."""

import pytest

from mmc_tf.checks import UserError
from mmc_tf.training.optimizers import make_optimizer
from mmc_tf.training.settings import LoopSettings


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("epochs", 0, "epochs=0"),
        ("batch_size", -1, "batch_size=-1"),
        ("learning_rate", 0.0, "lr=0.0"),
        ("momentum", 1.0, "momentum=1.0"),
        ("warmup_steps", -5, "warmup_steps=-5"),
        ("clip_norm", -1.0, "clip_norm=-1.0"),
        ("optimizer", "lion", "sgd, adam, rmsprop"),
        ("precision", "float8", "mixed_bfloat16"),
        ("learning_policy", "step", "MMC-C"),
        ("shift", 1.0, "shift=1.0"),
    ],
)
def test_out_of_range(name, value, shown):
    with pytest.raises(UserError, match="Expected") as error:
        LoopSettings(**{"epochs": 1, name: value})
    assert shown in str(error.value)


def test_length_in_steps():
    settings = LoopSettings(epochs=3, max_steps=25)
    assert settings.num_steps(10) == 25
    assert LoopSettings(epochs=3).num_steps(10) == 30


def test_half_precision_scales_the_loss_and_bfloat16_does_not():
    names = [
        type(make_optimizer("sgd", learning_rate=0.1, precision=precision)).__name__
        for precision in ("float32", "mixed_bfloat16", "mixed_float16")
    ]
    assert names == ["SGD", "SGD", "LossScaleOptimizer"]
