"""The benchmark of max-margin training: its loop does the work, its table does the arithmetic."""

import numpy as np
from max_margin import contest

from mmc_tf.data import Split


def _split(size: int) -> Split:
    generator = np.random.default_rng(0)
    return Split(generator.integers(0, 256, (size, 8, 8, 1), np.uint8), generator.integers(0, 10, size))


def test_the_work_stays_what_it_is():
    """Weights hardly move, so that every round costs the same."""
    loop = contest.make_loop(_split(60), contest.recipe("mma", 2))
    before = [weight.numpy() for weight in loop.model.weights]
    assert loop.seconds(3) > 0
    for old, new in zip(before, loop.model.weights, strict=True):
        np.testing.assert_allclose(old, new, atol=1e-7)


def test_ratios():
    milliseconds = {
        "PGD step": 100.0,
        "MMA step": 120.0,
        "MMA step, bfloat16": 60.0,
        "PyTorch, float32": 240.0,
        "PyTorch, channels last, bfloat16": 90.0,
    }
    lines = contest.table(milliseconds, num_steps=40).splitlines()
    assert lines[0].startswith("LeNet5, MNIST, batch 50, 40 attack steps, ")
    assert lines[2].split()[2:] == ["120.0", "ms", "416.7", "images/s"]
    assert [line.split()[-4] for line in lines[-3:]] == ["1.20", "2.00", "1.50"]
    alone = contest.table({"PGD step": 100.0, "MMA step": 120.0}, num_steps=40)
    assert "PyTorch" not in alone
