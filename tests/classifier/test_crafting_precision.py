import keras
import pytest

from mmc_tf.checks import UserError
from mmc_tf.classifier.crafting_precision import faster_for_all, faster_precision
from mmc_tf.models.folding import COMPUTED, PRECISIONS, folded_copy


@pytest.fixture(scope="module")
def network():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 1))
    x = keras.layers.Conv2D(4, 3, use_bias=False)(inputs)
    x = keras.layers.BatchNormalization()(x)
    return keras.Model(inputs, keras.layers.Dense(10)(keras.layers.Flatten()(x)))


def test_both_precisions_are_timed_on_the_network_itself(network):
    choice = faster_precision(network, (8, 8, 1))
    assert choice.precision in COMPUTED
    assert set(choice.seconds) == set(COMPUTED)
    assert all(0 < seconds < 1 for seconds in choice.seconds.values())
    assert choice.reason.startswith(f"{choice.precision}: ")


def test_what_cannot_be_copied_is_not_measured(network):
    dense = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(10)])
    choice = faster_precision(dense, (8, 8, 1))
    assert (choice.precision, choice.seconds) == ("float32", {})
    assert (
        faster_for_all([dense, dense], (8, 8, 1)).reason == "float32: these networks have no copy in bfloat16"
    )
    assert set(faster_for_all([dense, network], (8, 8, 1)).seconds) == set(COMPUTED)


def test_a_copy_is_made_of_a_precision_that_was_settled(network):
    assert "auto" in PRECISIONS
    with pytest.raises(UserError, match=r"Expected one of bfloat16, float32\. Received: precision=auto"):
        folded_copy(network, precision="auto")
