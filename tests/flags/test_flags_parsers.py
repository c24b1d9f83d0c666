import pytest
from absl import flags as absl_flags

from flags.flag import aliases_of, definer, own_flags
from flags.parsers import Boolean, Centers, Even, Integer, ListOf, Name, Number, Parser
from mmc_tf.checks import UserError


@pytest.mark.parametrize(
    ("parser", "text", "value"),
    [
        (Number(above=0), "8/255", 8 / 255),
        (Number(above=0), ".01", 0.01),
        (Number(above=0), "1e-4", 1e-4),
        (Number(minimum=0, maximum=1), "1", 1.0),
        (Integer(minimum=1), "50", 50),
        (Even(minimum=2), "8192", 8192),
        (Boolean(), "False", False),
        (Boolean(), "TRUE", True),
        (Boolean(), "1", True),
        (Parser(), "/some/Where", "/some/Where"),
        (Name({"mom": "sgd"}, choices=("sgd", "adam")), "mom", "sgd"),
        (Name({"mom": "sgd"}, choices=("sgd", "adam")), "Adam", "adam"),
        (Name(choices=("Center", "MMC-C")), "center", "Center"),
        (Name(), "ResNet32", "resnet32"),
        (Name({"mmc-c": "MMC-C"}, keep_case=True), "Mine", "Mine"),
        (Centers(), "Spread", "spread"),
        (Centers(), "Folder/Means.MAT", "Folder/Means.MAT"),
        (ListOf(Number(above=0)), "8/255,16/255", [8 / 255, 16 / 255]),
        (ListOf(Integer(minimum=1)), "10, 50", [10, 50]),
        (ListOf(Name({"madryetal": "pgd"})), "FGSM,MadryEtAl", ["fgsm", "pgd"]),
    ],
)
def test_reads(parser, text, value):
    assert parser.parse(text) == value
    assert type(parser.parse(text)) is type(value)


@pytest.mark.parametrize(
    ("parser", "text", "expected"),
    [
        (Number(above=0), "0", "a number > 0"),
        (Number(above=0), "-8/255", "a number > 0"),
        (Number(above=0), "nan", "a number > 0"),
        (Number(above=0), "1/0", "a number > 0"),
        (Number(minimum=0, maximum=1), "1.01", "a number >= 0 and <= 1"),
        (Number(minimum=0, below=1), "1", "a number >= 0 and < 1"),
        (Integer(minimum=1), "0", "an integer >= 1"),
        (Integer(minimum=1), "50.0", "an integer >= 1"),
        (Even(minimum=2), "3", "an even integer >= 2"),
        (Even(minimum=2), "0", "an even integer >= 2"),
        (Boolean(), "maybe", "true or false"),
        (Name(), "", "a name"),
        (Name(choices=("linf", "l2")), "l3", "one of linf, l2"),
        (Centers(), "means.csv", "one of simplex, random, hierarchical, spread, or a .mat or .npy file"),
        (ListOf(Number(above=0)), "8/255,0", "a number > 0, or several separated by commas"),
        (ListOf(Number(above=0)), "8/255,,1", "a number > 0, or several separated by commas"),
        (ListOf(Name()), "", "a name, or several separated by commas"),
    ],
)
def test_a_bad_value_says_which_flag_what_is_expected_and_what_came(parser, text, expected):
    flag_values = absl_flags.FlagValues()
    definer(flag_values, "Room")("thing", parser, None, "Help.")
    with pytest.raises(UserError) as error:
        flag_values(["script", f"--thing={text}"])
    assert (
        str(error.value) == f"Invalid value for argument `thing`. Expected {expected}. Received: thing={text}"
    )


def test_a_bad_value_under_an_alias_is_reported_under_the_name_that_was_typed():
    flag_values = absl_flags.FlagValues()
    definer(flag_values, "Room")("scale", Number(above=0), 10.0, "Help.", aliases=("mean_var",))
    with pytest.raises(UserError, match="`mean_var`"):
        flag_values(["script", "--mean_var=-1"])


@pytest.mark.parametrize(
    ("parser", "value", "shown"),
    [
        (Number(), 8 / 255, "8/255"),
        (Number(), 10.0, "10"),
        (Number(), 1e-4, "0.0001"),
        (Number(), 0.2, "0.2"),
        (Integer(), 100000, "100000"),
        (Boolean(), False, "false"),
        (ListOf(Number()), [8 / 255, 0.5], "8/255,0.5"),
    ],
)
def test_shows_values_as_they_are_typed(parser, value, shown):
    assert parser.show(value) == shown
    assert parser.parse(shown) == pytest.approx(value)


def test_a_flag_knows_its_default_and_its_other_names():
    flag_values = absl_flags.FlagValues()
    define = definer(flag_values, "Room")
    define("size", Integer(), None, "Help.", default_text="all", aliases=("b", "examples"))
    define("lr", Number(), 0.01, "Help.")
    define("folder", Parser(), None, "Help.")
    assert [flag.name for flag in own_flags(flag_values)] == ["size", "lr", "folder"]
    assert [flag.default_text for flag in own_flags(flag_values)] == ["all", "0.01", "none"]
    assert [alias.name for alias in aliases_of(flag_values, "size")] == ["b", "examples"]
