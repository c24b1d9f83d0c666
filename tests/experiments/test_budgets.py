import dataclasses

import pytest

from mmc_tf.experiments.budgets import BUDGETS
from mmc_tf.experiments.commands import arguments


def with_rows(number):
    return dataclasses.replace(BUDGETS.get("smoke"), max_rows=number)


def test_the_command_line_offers_the_budgets_there_are():
    assert list(arguments.BUDGETS) == BUDGETS.names()


@pytest.mark.parametrize(
    ("number", "kept"),
    [(None, "abcde"), (9, "abcde"), (1, "e"), (2, "ae"), (3, "ace")],
)
def test_rows_are_spread_over_the_table(number, kept):
    assert "".join(with_rows(number).rows("abcde")) == kept


def test_steps_are_cut_to_the_limit():
    assert [BUDGETS.get("smoke").steps(steps) for steps in (1, 2, 50)] == [1, 2, 2]
    assert BUDGETS.get("paper").steps(1000) == 1000


@pytest.mark.parametrize("name", BUDGETS.names())
def test_every_data_set_has_a_plan_on_every_budget(name):
    budget = BUDGETS.get(name)
    assert set(budget.plans) == {"digits", "mnist", "cifar10", "cifar100"}
    assert budget.pick(smoke="smoke", short="short", paper="paper") == name


def test_no_budget_asks_for_bfloat16_unasked():
    for name in BUDGETS.names():
        budget = BUDGETS.get(name)
        asked = [budget.evaluation.get("attack_precision")]
        asked += [
            part.get("precision")
            for plan in budget.plans.values()
            for part in (plan.standard, plan.adversarial)
        ]
        assert set(asked) <= {None, "float32", "auto"}
