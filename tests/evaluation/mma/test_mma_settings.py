"""The protocol's defaults against the paper's Appendix D."""

import pytest

from mmc_tf.checks import UserError
from mmc_tf.evaluation.mma.settings import Margins, make_protocol


@pytest.mark.parametrize(
    ("dataset", "norm", "epsilon", "step", "runs", "grid"),
    [
        ("mnist", "linf", 0.3, 0.0075, 50, (0.1, 0.2, 0.3, 0.4)),
        ("mnist", "l2", 1.0, 0.25, 50, (1, 2, 3, 4)),
        ("cifar10", "linf", 8 / 255, 2 / 255, 10, tuple(e / 255 for e in (4, 8, 12, 16, 20, 24, 28, 32))),
        ("cifar10", "l2", 1.0, 0.25, 10, (0.5, 1, 1.5, 2, 2.5)),
    ],
)
def test_the_paper_s_settings(dataset, norm, epsilon, step, runs, grid):
    protocol = make_protocol(dataset, norm=norm)
    assert protocol.epsilons == pytest.approx(grid, rel=1e-12)
    assert protocol.step_size(epsilon) == pytest.approx(step, rel=1e-12)
    assert protocol.step_size(epsilon / 2) == pytest.approx(step / 2, rel=1e-12)
    assert (protocol.runs_per_model, protocol.num_steps) == (runs, 100)
    assert protocol.objectives() == ["ce", "cw"] * (runs // 2)


@pytest.mark.parametrize(("num_steps", "share"), [(100, 1 / 40), (50, 1 / 20), (10, 1 / 4), (200, 1 / 40)])
def test_fewer_steps_are_longer(num_steps, share):
    assert make_protocol("mnist", num_steps=num_steps).step_share == pytest.approx(share)


def test_what_is_given_replaces_the_paper_s():
    protocol = make_protocol("mnist", epsilons=(0.05,), runs_per_model=3, adaptive=False, only_survivors=True)
    assert (protocol.epsilons, protocol.objectives()) == ((0.05,), ["ce", "cw", "ce"])
    assert protocol.as_dict() == {
        "norm": "linf",
        "epsilons": [0.05],
        "step_share": 1 / 40,
        "runs_per_model": 3,
        "num_steps": 100,
        "adaptive": False,
        "only_survivors": True,
        "attack_precision": "float32",
    }


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"norm": "l1"}, r"`norm`. Expected one of l2, linf. Received: norm=l1"),
        ({"epsilons": ()}, r"`epsilon`. Expected one radius or more. Received: epsilon=none"),
        ({"epsilons": (0.1, 0.0)}, r"`epsilon`. Expected a number > 0"),
        (
            {"epsilons": (0.1, 0.2, 0.1)},
            r"`epsilon`. Expected radii that differ. Received: epsilon=0.1, 0.2, 0.1",
        ),
        ({"runs_per_model": 0}, r"`runs_per_model`. Expected an integer >= 1. Received: runs_per_model=0"),
        ({"num_steps": 0}, r"`num_steps`. Expected an integer >= 1"),
    ],
)
def test_refused_settings(settings, message):
    with pytest.raises(UserError, match=message):
        make_protocol("mnist", **settings)
    with pytest.raises(UserError, match=r"`cw_steps`. Expected an integer >= 1"):
        Margins(num_steps=0)
