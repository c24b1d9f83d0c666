"""Learning policies against their sources."""

import math

import pytest

from mmc_tf.checks import UserError
from mmc_tf.training.schedules import POLICIES, default_epochs, make_schedule


def at_epochs(policy, epochs, *, num_epochs, steps_per_epoch=10):
    rate = make_schedule(
        policy, learning_rate=1.0, steps_per_epoch=steps_per_epoch, num_steps=num_epochs * steps_per_epoch
    )
    return [pytest.approx(rate(epoch * steps_per_epoch)) for epoch in epochs]


@pytest.mark.parametrize(
    ("policy", "length", "epochs", "expected"),
    [
        ("MMC-C", 200, (0, 99, 100, 149, 150, 199), (1, 1, 0.1, 0.1, 0.01, 0.01)),
        ("MMC-M", 50, (0, 29, 30, 39, 40, 49), (1, 1, 0.1, 0.1, 0.01, 0.01)),
        ("STD", 164, (81, 82, 123), (1, 0.1, 0.01)),
        ("AT", 200, (101, 102, 154), (1, 0.1, 0.01)),
        ("TRADES", 110, (74, 75, 90, 100), (1, 0.1, 0.01, 0.001)),
    ],
)
def test_milestones_are_those_of_the_source(policy, length, epochs, expected):
    assert at_epochs(policy, epochs, num_epochs=length) == list(expected)


def test_mma_counts_steps():
    rate = make_schedule("MMA-CIFAR", learning_rate=0.3, steps_per_epoch=390, num_steps=50_000)
    steps = (0, 19_999, 20_000, 30_000, 40_000)
    assert [rate(step) for step in steps] == pytest.approx([0.3, 0.3, 0.09, 0.03, 0.009])


def test_cosine_starts_at_one_and_passes_the_middle_at_a_half():
    rate = make_schedule("cosine", learning_rate=2.0, steps_per_epoch=10, num_steps=100)
    assert [rate(0), rate(50), rate(99)] == pytest.approx([2.0, 1.0, 1 + math.cos(math.pi * 0.99)])


def test_warmup_is_linear_and_ends_at_the_full_rate():
    rate = make_schedule("constant", learning_rate=1.0, steps_per_epoch=10, num_steps=100, warmup_steps=4)
    assert [rate(step) for step in range(6)] == pytest.approx([0.25, 0.5, 0.75, 1, 1, 1])


def test_default_lengths():
    assert [default_epochs(name) for name in ("MMC-C", "MMC-M")] == [200, 50]
    assert default_epochs("MMA-MNIST", steps_per_epoch=1100) == 91


def test_unknown_policy_lists_the_choices():
    with pytest.raises(UserError, match="MMC-C, MMC-M, STD, AT, TRADES"):
        POLICIES.get("step")
