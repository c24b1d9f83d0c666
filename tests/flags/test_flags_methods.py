"""The flags of training methods: whom each one reaches, what they come to."""

import pytest

from flags import names
from flags.cli import define_all, parse
from flags.resolve import resolve_training
from flags.scripts import TRAIN_AT
from mmc_tf.checks import UserError
from mmc_tf.training.monitors.overfitting_guard import ACTIONS
from mmc_tf.training.recipes import METHODS

# A value for every flag that only some methods have.
VALUES = {
    "adaptive": "False",
    "adv_ratio": "0.5",
    "attack_method": "mim",
    "beta": "1",
    "clean_weight": "0.5",
    "correct_by": "prediction",
    "epsilon": "0.1",
    "epsilon_delay_steps": "4",
    "epsilon_warmup_epochs": "3",
    "epsilon_warmup_steps": "9",
    "margin_loss": "ce",
    "max_margin": "0.2",
    "min_radius": "0.01",
    "num_bisections": "5",
    "num_replays": "2",
    "num_steps": "3",
    "objective": "margin",
    "overfitting_guard": "stop",
    "pairing_weight": "1",
    "step_size": "0.01",
    "targeted": "True",
    "temperature": "2",
}
REFUSED = [
    (method, name)
    for name, methods in names.METHOD_FLAGS.items()
    for method in names.METHODS
    if method not in methods
]


def resolved(*words):
    return resolve_training(
        parse(["train_at.py", *words], TRAIN_AT.definitions, positionals=TRAIN_AT.positionals)
    )


def test_flags_and_library_know_the_same_methods_and_guards():
    assert set(names.METHODS) == set(METHODS.names()) - {"standard"}
    assert set(names.GUARDS) == set(ACTIONS)
    assert set(names.METHOD_NORMS) == set(names.METHODS)


def test_every_flag_of_single_methods_exists_and_is_tried_here():
    assert set(VALUES) == set(names.METHOD_FLAGS)
    assert set(names.METHOD_FLAGS) <= set(define_all(TRAIN_AT.definitions))


@pytest.mark.parametrize(("method", "name"), REFUSED)
def test_a_flag_without_use_is_refused(method, name):
    with pytest.raises(
        UserError, match=f"Expected one of the methods .*Received: --{name} with --method={method}"
    ):
        resolved(f"--method={method}", f"--{name}={VALUES[name]}")


@pytest.mark.parametrize("method", names.METHODS)
def test_every_flag_that_a_method_has_is_accepted(method):
    words = [
        f"--{name}={VALUES[name]}"
        for name, methods in names.METHOD_FLAGS.items()
        if method in methods and name != "targeted"
    ]
    flags = resolved("--dataset=mnist", f"--method={method}", *words).as_dict()
    assert flags["method"] == method
    for name in ("epsilon", "step_size"):
        if method in names.METHOD_FLAGS[name]:
            assert flags[name] == float(VALUES[name])


@pytest.mark.parametrize(
    ("method", "dataset", "expected"),
    [
        (
            "pgdls",
            "mnist",
            {"epsilon": 0.3, "num_steps": 10, "step_size": 0.075, "epsilon_warmup_epochs": 50},
        ),
        ("mma", "mnist", {"epsilon": None, "max_margin": 0.45, "min_radius": 0.1, "num_steps": 40}),
        ("omma", "cifar10", {"max_margin": 12 / 255, "min_radius": 0.005, "num_steps": 10}),
        ("trades", "mnist", {"epsilon": 0.3, "num_steps": 10, "step_size": 0.075, "beta": 6.0}),
        ("trades", "cifar10", {"epsilon": 8 / 255, "step_size": 2 / 255, "temperature": None}),
        ("alp", "mnist", {"epsilon": 0.3, "num_steps": 10, "pairing_weight": 0.5, "attack_method": "pgd"}),
        ("ddn", "mnist", {"norm": "l2", "epsilon": 2.4, "num_steps": 100, "step_size": None}),
        ("ddn", "cifar10", {"norm": "l2", "epsilon": 1.0, "num_steps": 100}),
        ("free", "cifar10", {"epsilon": 8 / 255, "step_size": 8 / 255, "num_replays": 8}),
        ("fast", "mnist", {"epsilon": 0.3, "step_size": 0.375, "overfitting_guard": "rollback"}),
    ],
)
def test_defaults(method, dataset, expected):
    flags = resolved(f"--dataset={dataset}", f"--method={method}").as_dict()
    assert {name: flags[name] for name in expected} == {
        name: pytest.approx(value) if isinstance(value, float) else value for name, value in expected.items()
    }


@pytest.mark.parametrize(
    ("method", "selection", "held_out"),
    [("mma", "margin", 5000), ("omma", "margin", 5000), ("trades", "last", 0)],
)
def test_max_margin_training_selects_by_margin(method, selection, held_out):
    flags = resolved("--dataset=mnist", f"--method={method}")
    assert (flags.selection, flags.validation_size) == (selection, held_out)


@pytest.mark.parametrize(
    "method", [method for method in names.METHODS if "l1" not in names.METHOD_NORMS[method]]
)
def test_a_norm_that_a_method_does_not_have(method):
    with pytest.raises(
        UserError, match=f"`norm`. Expected one of .* for the method {method}. Received: norm=l1"
    ):
        resolved(f"--method={method}", "--norm=l1")
