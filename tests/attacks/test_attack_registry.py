"""Attacks by name: defaults of their sources, refused settings, the listing."""

from __future__ import annotations

import dataclasses

import pytest

from mmc_tf import attacks
from mmc_tf.checks import UserError


@pytest.mark.parametrize(
    ("name", "settings", "expected"),
    [
        # MMC, Section 4.3: step 2/255 at both radii.
        ("pgd", {"epsilon": 8 / 255, "num_steps": 10}, 2 / 255),
        ("pgd", {"epsilon": 16 / 255, "num_steps": 50}, 2 / 255),
        ("bim", {"epsilon": 16 / 255}, 2 / 255),
        ("mim", {"epsilon": 8 / 255}, 2 / 255),
        # Ten such steps do not cross MNIST's ball.
        ("pgd", {"epsilon": 0.3}, 0.075),
        ("pgd", {"epsilon": 1 / 255}, 1 / 255),
        # The PyTorch reimplementation: l2 ε/10 and l1 ε/20 in 50 steps.
        ("pgd", {"epsilon": 0.5, "norm": "l2", "num_steps": 50}, 0.05),
        ("pgd", {"epsilon": 12.0, "norm": "l1", "num_steps": 50}, 0.6),
        ("pgd", {"epsilon": 0.5, "norm": "l2", "num_steps": 10}, 0.125),
        ("pgd", {"epsilon": 0.5, "step_size": 0.2}, 0.2),
    ],
)
def test_default_steps(name, settings, expected):
    assert attacks.make(name, **settings).settings()["step_size"] == pytest.approx(expected, rel=1e-12)


def test_settings_hold_every_parameter():
    assert attacks.make("pgd", epsilon=8 / 255, targeted=True).settings() == {
        "attack": "pgd",
        "epsilon": 8 / 255,
        "norm": "linf",
        "targeted": True,
        "objective": None,
        "adaptive": True,
        "iterate": "any",
        "step_size": 2 / 255,
        "num_steps": 10,
        "num_restarts": 1,
        "random_start": True,
    }
    assert attacks.make("mim", epsilon=0.1).settings()["decay"] == 1.0
    assert attacks.make("fgsm", epsilon=0.1).settings()["num_steps"] == 1


def test_none_is_the_default_and_shared_settings_serve_a_list():
    shared = {"step_size": 0.01, "num_steps": 7, "num_restarts": 3, "random_start": None, "decay": None}
    listed = [name for name in attacks.names() if name not in ("slide", "transfer")]
    made = {name: attacks.make(name, epsilon=0.1, **shared).settings() for name in listed}
    stepping = {name: settings["num_steps"] for name, settings in made.items() if "num_steps" in settings}
    assert stepping == {"fgsm": 1} | {
        name: 7
        for name in (
            *("an_pgd", "apgd_ce", "apgd_dlr", "apgd_t", "bim", "cw", "ddn", "deepfool", "ead"),
            *("fab", "fab_t", "mim", "mt_pgd", "pgd", "spsa", "vote_pgd"),
        )
    }
    assert made["pgd"]["num_restarts"] == 3
    assert made["bim"]["num_restarts"] == 1
    assert {name: made[name]["epsilon"] for name in ("pgd", "cw", "gaussian")} == {
        "pgd": 0.1,
        "cw": 0.1,
        "gaussian": None,
    }


def test_the_whole_suite_is_registered():
    gradient = {"fgsm", "bim", "pgd", "mim", "slide", "apgd_ce", "apgd_dlr", "apgd_t", "mt_pgd"}
    least_distance = {"cw", "ead", "deepfool", "ddn", "fab", "fab_t", "an_pgd"}
    others = {"spsa", "square", "transfer", "gaussian", "rotation", "autoattack", "worst", "vote_pgd"}
    assert set(attacks.names()) == gradient | least_distance | others


def test_attacks_are_frozen_and_keyword_only():
    attack = attacks.make("pgd", epsilon=0.1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        attack.epsilon = 0.2
    with pytest.raises(TypeError, match="positional"):
        attacks.PGD(0.1)
    assert dataclasses.replace(attack, epsilon=0.02).settings()["step_size"] == 2 / 255


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("pdg", {"epsilon": 0.1}, r"`attack`.*one of an_pgd, apgd_ce.*pgd.*attack=pdg"),
        ("pgd", {"epsilon": -0.1}, r"`epsilon`.*>= 0.*epsilon=-0.1"),
        ("pgd", {"epsilon": float("nan")}, r"`epsilon`"),
        ("pgd", {"epsilon": float("inf")}, r"`epsilon`"),
        ("pgd", {"epsilon": 0.1, "step_size": 0.0}, r"`step_size`.*> 0"),
        ("pgd", {"epsilon": 0.1, "num_steps": -1}, r"`num_steps`.*>= 0"),
        ("pgd", {"epsilon": 0.1, "num_steps": 2.5}, r"`num_steps`.*integer"),
        ("pgd", {"epsilon": 0.1, "num_restarts": 0}, r"`num_restarts`.*>= 1"),
        ("pgd", {"epsilon": 0.1, "num_restarts": 2, "random_start": False}, r"`num_restarts`.*the same"),
        ("pgd", {"epsilon": None}, r"`epsilon`.*>= 0.*None"),
        ("cw", {"epsilon": 0.1, "norm": "linf"}, r"`norm`.*one of l2 for the attack cw.*norm=linf"),
        ("fab", {"epsilon": -1.0}, r"`epsilon`.*>= 0"),
        ("mim", {"epsilon": 0.1, "decay": -1.0}, r"`decay`.*>= 0"),
        ("mim", {"epsilon": 0.1, "norm": "l1"}, r"`norm`.*one of linf, l2 for the attack mim.*norm=l1"),
        ("pgd", {"epsilon": 0.1, "norm": "l7"}, r"`norm`.*linf, l2, l1"),
        ("pgd", {"epsilon": 0.1, "iterate": "best"}, r"`iterate`.*any, last"),
        ("pgd", {"epsilon": 0.1, "objective": "loss"}, r"`objective`.*ce, margin, cw"),
        (
            "pgd",
            {"epsilon": 0.1, "alpha": 0.1},
            r"`settings`.*settings of pgd: epsilon, norm.*settings=alpha",
        ),
    ],
)
def test_refused_settings(name, settings, message):
    with pytest.raises(UserError, match=message):
        attacks.make(name, **settings)


def test_listing():
    lines = attacks.describe().splitlines()
    assert [line.split()[0] for line in lines] == attacks.names()
    assert any(
        line.startswith("pgd") and "linf, l2, l1" in line and "random starts" in line for line in lines
    )
