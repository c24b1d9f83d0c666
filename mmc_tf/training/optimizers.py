"""Optimizers by name, and the precision of a run."""

from __future__ import annotations

from collections.abc import Callable

import lazy_loader

from mmc_tf.checks import check_choice
from mmc_tf.registry import Registry

keras = lazy_loader.load("keras")  # so that settings can be checked without importing TensorFlow

OPTIMIZERS: Registry[Callable[..., keras.optimizers.Optimizer]] = Registry("optimizer")
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")


@OPTIMIZERS.register("sgd")
def _sgd(*, learning_rate: float, momentum: float, nesterov: bool) -> keras.optimizers.Optimizer:
    return keras.optimizers.SGD(learning_rate, momentum=momentum, nesterov=nesterov)


@OPTIMIZERS.register("adam")
def _adam(*, learning_rate: float, momentum: float, nesterov: bool) -> keras.optimizers.Optimizer:
    del nesterov
    return keras.optimizers.Adam(learning_rate, beta_1=momentum)


@OPTIMIZERS.register("rmsprop")
def _rmsprop(*, learning_rate: float, momentum: float, nesterov: bool) -> keras.optimizers.Optimizer:
    del (
        momentum,
        nesterov,
    )  # Keras' default, 0, as the original: momentum 0.9 on top of RMSprop diverges at lr 0.01.
    return keras.optimizers.RMSprop(learning_rate)


def make_optimizer(
    name: str,
    *,
    learning_rate: float,
    momentum: float = 0.9,
    nesterov: bool = False,
    precision: str = "float32",
) -> keras.optimizers.Optimizer:
    """The optimizer of a name, with loss scaling where the precision is `mixed_float16`.

    Args:
        name: `sgd` (with momentum), `adam` (`momentum` is its β₁), `rmsprop`.
        learning_rate: > 0; the loop sets it anew at every step.
        momentum: in [0, 1).
        nesterov: whether `sgd` uses Nesterov's form.
        precision: `float32`, `mixed_bfloat16` or `mixed_float16`.

    Raises:
        UserError: for another name or precision.
    """
    check_choice("precision", precision, PRECISIONS)
    optimizer = OPTIMIZERS.get(name)(learning_rate=learning_rate, momentum=momentum, nesterov=nesterov)
    return keras.optimizers.LossScaleOptimizer(optimizer) if precision == "mixed_float16" else optimizer
