"""Names are unique, unknown ones list the choices, and the order is that of registration."""

import pytest

from mmc_tf.checks import UserError
from mmc_tf.registry import Registry


@pytest.fixture
def attacks():
    registry = Registry("attack")
    registry.register("pgd")("PGD's class")
    registry.register("fgsm")("FGSM's class")
    return registry


def test_registering_returns_the_thing_itself():
    registry = Registry("loss")

    @registry.register("MMC")
    class Loss:
        pass

    assert registry.get("MMC") is Loss
    assert Loss.__name__ == "Loss"


def test_names_in_the_order_of_registration(attacks):
    assert attacks.names() == list(attacks) == ["pgd", "fgsm"]
    assert "pgd" in attacks
    assert "bim" not in attacks
    attacks.names().clear()
    assert attacks.names() == ["pgd", "fgsm"]


def test_unknown_names_list_the_choices(attacks):
    message = "Invalid value for argument `attack`. Expected one of pgd, fgsm. Received: attack=PGD"
    with pytest.raises(UserError) as caught:
        attacks.get("PGD")
    assert str(caught.value) == message


def test_a_name_is_taken_once(attacks):
    with pytest.raises(ValueError, match="attack 'pgd' is registered already, as \"PGD's class\"") as caught:
        attacks.register("pgd")("another")
    assert not isinstance(caught.value, UserError)  # a mistake in the program, not of its user
    assert attacks.get("pgd") == "PGD's class"


def test_registries_do_not_share_names(attacks):
    Registry("model").register("pgd")("a model")
    assert attacks.get("pgd") == "PGD's class"
