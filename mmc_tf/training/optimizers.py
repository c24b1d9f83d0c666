"""Optimizers by name, and the precision of a run."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mmc_tf.checks import check_choice
from mmc_tf.registry import Registry

if TYPE_CHECKING:
    import keras

# From our settings to the name and the arguments of a class in `keras.optimizers`.
OPTIMIZERS: Registry[Callable[..., tuple[str, dict[str, Any]]]] = Registry("optimizer")
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")


@OPTIMIZERS.register("sgd")
def _sgd(*, momentum: float, nesterov: bool):
    return "SGD", {"momentum": momentum, "nesterov": nesterov}


@OPTIMIZERS.register("adam")
def _adam(*, momentum: float, nesterov: bool):
    del nesterov
    return "Adam", {"beta_1": momentum}


@OPTIMIZERS.register("rmsprop")
def _rmsprop(*, momentum: float, nesterov: bool):
    del (
        momentum,
        nesterov,
    )  # Keras' default of 0 as in the original: 0.9 on top of RMSprop diverges at lr 0.01.
    return "RMSprop", {}


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
    import keras  # here, so that settings are checked without TensorFlow

    check_choice("precision", precision, PRECISIONS)
    class_name, arguments = OPTIMIZERS.get(name)(momentum=momentum, nesterov=nesterov)
    optimizer = getattr(keras.optimizers, class_name)(learning_rate, **arguments)
    return keras.optimizers.LossScaleOptimizer(optimizer) if precision == "mixed_float16" else optimizer
