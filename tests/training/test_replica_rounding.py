"""One and two replicas differ by rounding alone; Adam, and the sign in crafting, can make that large in a few steps."""

import numpy as np
import pytest
from test_methods import recipe_of
from toy import losses_of, toy_loop


def first_gradients(method, strategy):
    """The gradient of the first step, out of Adam's first moment (1 − β₁)·g."""
    loop = toy_loop(
        loss="SCE", recipe=recipe_of(method), max_steps=1, warmup_steps=0, optimizer="adam", strategy=strategy
    )
    loop.run()
    return np.concatenate([10 * moment.numpy().ravel() for moment in loop.optimizer._momentums])


@pytest.mark.slow
@pytest.mark.parametrize("method", ["trades", "free"])
def test_the_gradient_of_the_same_weights_is_the_same_on_two_replicas(method, mirrored):
    alone, together = first_gradients(method, None), first_gradients(method, mirrored)
    assert np.abs(together - alone).max() <= 1e-6 * np.abs(alone).max()


@pytest.mark.slow
def test_adam_that_does_not_divide_by_rounding_takes_the_steps_of_one_replica(mirrored):
    """At Adam's own ε of 1e-7 a gradient of 1e-8, all rounding, moves a weight by a tenth of the learning rate."""
    losses = []
    for strategy in (None, mirrored):
        loop = toy_loop(
            loss="SCE",
            recipe=recipe_of("free"),
            max_steps=4,
            warmup_steps=0,
            optimizer="adam",
            strategy=strategy,
        )
        loop.optimizer.epsilon = 0.1
        losses.append(losses_of(loop))
    np.testing.assert_allclose(*losses, rtol=1e-6)
