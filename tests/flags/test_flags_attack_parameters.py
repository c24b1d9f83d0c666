"""The tables of the flags against the attacks' classes."""

import dataclasses
from types import SimpleNamespace

import pytest

from flags.attack_parameters import PARAMETERS, TABLE
from flags.cli import define_all, parse
from flags.flag import own_flags
from flags.names import ATTACK_FAMILIES, LEAST_DISTANCE, SETTING_ATTACKS, UNBOUNDED
from flags.parsers import Boolean, Even, Integer, Name, Number
from flags.resolve_evaluation import resolve_evaluation
from flags.scripts import EVAL_ATTACKS
from mmc_tf import attacks
from mmc_tf.attacks.registry import SHARED_SETTINGS
from mmc_tf.checks import UserError
from mmc_tf.evaluation.plan import plan_attacks
from mmc_tf.evaluation.presets import PRESETS, Subject, find_entries

SOURCE = attacks.Source("other", lambda images: images)
# One flag of each of these serves all attacks.
SHARED = {"epsilon", "norm", "targeted", "objective", "adaptive", "iterate"} | set(SHARED_SETTINGS)
# What no text can say: networks and other attacks.
ONLY_IN_PYTHON = {"transfer": {"source"}, "worst": {"members"}}
# Without the flag the plan takes every method.
DEFAULT_OF_THE_PLAN = {
    "transfer_method": "both, one after the other",
    "vote_pgd_strategy": "all, one after the other",
}
NUMBERS = (-1.0, 0.0, 1e-6, 0.05, 0.5, 0.999, 0.9999, 1.0, 1.05, 2.5, 1e6)
COUNTS = (-1, 0, 1, 2, 3, 5, 127, 128, 10_001)


def own_fields(name):
    """The fields that an attack does not share with others."""
    own = {field.name: field.default for field in dataclasses.fields(attacks.get(name))}
    return {key: own[key] for key in own.keys() - SHARED - ONLY_IN_PYTHON.get(name, set())}


def test_no_field_is_without_a_flag_and_no_flag_without_a_field():
    flagged = {name: {} for name in attacks.names()}
    for parameter in TABLE:
        for name in parameter.attacks:
            flagged[name][parameter.field] = parameter.default
    assert flagged == {name: own_fields(name) for name in attacks.names()}


def test_families_are_the_classes():
    families = {name: attacks.get(name).family or name for name in attacks.names()}
    assert families == {name: ATTACK_FAMILIES.get(name, name) for name in attacks.names()}
    assert len(PARAMETERS) == len(TABLE)
    assert all(families[name] == parameter.family for parameter in TABLE for name in parameter.attacks)


def test_defaults_are_shown_and_left_to_the_library():
    flags = {flag.name: flag for flag in own_flags(define_all(EVAL_ATTACKS.definitions))}
    for name, parameter in PARAMETERS.items():
        assert flags[name].default is None
        text = flags[name].default_text
        if name in DEFAULT_OF_THE_PLAN:
            assert text == DEFAULT_OF_THE_PLAN[name]
        elif parameter.default is not None:
            assert parameter.parser.parse(text) == parameter.default


def candidates(parser):
    if isinstance(parser, Name):
        return (*parser.choices, "best", "")
    if isinstance(parser, Boolean):
        return ()
    return COUNTS if isinstance(parser, Integer) else NUMBERS


def takes(parameter, name, value):
    """Whether the attack's class takes the value."""
    # A radius so small that every other one is a larger one.
    others = {} if name in UNBOUNDED else {"epsilon": 1e-9}
    if name == "transfer":
        others["source"] = SOURCE
    if parameter.field == "initial_radius":
        others["max_radius"] = 1e9
    try:
        attacks.get(name)(**others, **{parameter.field: value})
    except UserError:
        return False
    return True


@pytest.mark.parametrize("parameter", TABLE, ids=PARAMETERS)
def test_a_flag_refuses_what_the_attack_refuses(parameter):
    def reads(value):
        try:
            return parameter.parser.parse(str(value)) == value
        except ValueError:
            return False

    for name in parameter.attacks:
        for value in candidates(parameter.parser):
            assert reads(value) == takes(parameter, name, value), (name, value)


def test_parsers_fit_the_types():
    kinds = {bool: Boolean, int: Integer, float: Number, str: Name}
    for parameter in TABLE:
        annotation = next(
            field.type
            for field in dataclasses.fields(attacks.get(parameter.attacks[0]))
            if field.name == parameter.field
        )
        kind = {"bool": bool, "int": int, "float": float, "str": str}[annotation.removesuffix(" | None")]
        assert type(parameter.parser) in (kinds[kind], Even if kind is int else kinds[kind])


def test_which_attacks_a_shared_setting_reaches():
    classes = {name: attacks.get(name) for name in attacks.names()}
    fields = {name: {field.name for field in dataclasses.fields(kind)} for name, kind in classes.items()}
    reached = {setting: {name for name in classes if setting in fields[name]} for setting in SHARED_SETTINGS}
    reached["targeted"] = {name for name, kind in classes.items() if kind.can_target}
    reached["iterate"] = {name for name, kind in classes.items() if kind.takes_iterate}
    reached["objective"] = {name for name, kind in classes.items() if kind.takes_objective}
    reached["epsilon"] = reached["norm"] = {name for name, kind in classes.items() if kind.radius != "none"}
    assert {setting: set(names) for setting, names in SETTING_ATTACKS.items()} == reached


def test_kinds_of_radii():
    kinds = {name: attacks.get(name).radius for name in attacks.names()}
    assert {name for name, kind in kinds.items() if kind == "none"} == set(UNBOUNDED)
    assert {name for name, kind in kinds.items() if kind == "least"} == set(LEAST_DISTANCE)


def another(parameter):
    """A text for the flag that does not mean the default."""
    parser, default = parameter.parser, parameter.default
    if isinstance(parser, Boolean):
        return str(not default).lower()
    if isinstance(parser, Name):
        return next(choice for choice in parser.choices if choice != default)
    if isinstance(parser, Integer):
        return str(2 * (default or 4))
    return "1" if parameter.field in ("overshoot", "max_radius") else "0.011"


@pytest.mark.parametrize("parameter", TABLE, ids=PARAMETERS)
def test_a_flag_reaches_its_attacks(parameter):
    text = another(parameter)
    for name in parameter.attacks:
        line = f"eval_attacks.py --attack={name} --{parameter.flag}={text}"
        line += "" if name in UNBOUNDED else " --epsilon=0.1"
        line += {"transfer": " --transfer_from=a", "vote_pgd": " --ensemble=a,b"}.get(name, "")
        flags = resolve_evaluation(parse(line.split(), EVAL_ATTACKS.definitions))
        ((_, attack),) = plan_attacks(flags, dataset="mnist", sources=[SOURCE])
        assert getattr(attack, parameter.field) == parameter.parser.parse(text) != parameter.default


@pytest.mark.parametrize(
    ("line", "field", "value"),
    [
        ("--attack=pgd --norandom_start", "random_start", False),
        ("--attack=pgd", "random_start", True),
        ("--attack=slide --epsilon=12 --random_start", "random_start", True),
        ("--attack=mim --decay=1/2", "decay", 0.5),
    ],
)
def test_a_shared_flag_reaches_its_attacks(line, field, value):
    flags = resolve_evaluation(parse(["eval_attacks.py", *line.split()], EVAL_ATTACKS.definitions))
    ((_, attack),) = plan_attacks(flags, dataset="mnist")
    assert getattr(attack, field) == value


@pytest.mark.parametrize("dataset", ["mnist", "cifar10"])
@pytest.mark.parametrize("objective", ["ce", "mmc"])
@pytest.mark.parametrize("preset", PRESETS)
def test_every_attack_of_a_preset_can_be_built(preset, objective, dataset):
    flags = resolve_evaluation(parse(["eval_attacks.py", f"--preset={preset}"], EVAL_ATTACKS.definitions))
    head = SimpleNamespace(has_centers=objective == "mmc", adaptive_objective=objective)
    planned = plan_attacks(flags, dataset=dataset, head=head)
    # Each under a label of its own.
    assert len(planned) == len(find_entries(flags, Subject(dataset, objective)))
