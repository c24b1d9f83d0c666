"""Every attack on a network as it is and through every wrapper: the same head is found, and the verdicts are equal."""

import warnings

import numpy as np
import pytest
from small_models import predictions, small_images, small_model
from traits import build
from wrappers import OPAQUE, WRAPPERS

from mmc_tf import attacks
from mmc_tf.classifier import Classifier
from mmc_tf.classifier.notes import NetworkWarning

NETWORK = small_model("mmc", scale=4.0)
IMAGES = small_images(12)
LABELS = predictions(NETWORK, IMAGES)
# In `make test`: one attack through every wrapper, and through a few the other kinds of question to a network.
FEW = ("sum with zero", "graph", "SavedModel")
COMMON = {("pgd", wrapper) for wrapper in WRAPPERS} | {
    (name, few) for name in ("deepfool", "square") for few in FEW
}
_MADE = {}


@pytest.fixture
def wrapped(request, tmp_path_factory):
    """The network behind a wrapper, one for all attacks."""
    if request.param not in _MADE:
        _MADE[request.param] = WRAPPERS[request.param](NETWORK, str(tmp_path_factory.mktemp("saved") / "a"))
    return request.param, _MADE[request.param]


def run(name, network, *, seen):
    """The attack with its own objective, or along the margin where no head can be seen."""
    kind = attacks.get(name)
    objective = {"objective": None if seen else "margin"} if kind.takes_objective else {}
    attack = build(name, kind.norms[0], **objective)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NetworkWarning)
        return attack(network, IMAGES, LABELS, seed=3)


PAIRS = [
    pytest.param(name, wrapper, marks=[] if (name, wrapper) in COMMON else [pytest.mark.slow])
    for name in attacks.names()
    for wrapper in WRAPPERS
]


@pytest.mark.parametrize(("name", "wrapped"), PAIRS, indirect=["wrapped"])
def test_a_wrapper_changes_no_verdict(name, wrapped):
    wrapper, network = wrapped
    seen = wrapper not in OPAQUE
    expected, result = (run(name, each, seen=seen) for each in (NETWORK, network))
    np.testing.assert_array_equal(result.misclassified, expected.misclassified)
    np.testing.assert_array_equal(result.success, expected.success)
    np.testing.assert_array_equal(result.clean_prediction, LABELS)
    assert result.objective == expected.objective


@pytest.mark.parametrize("wrapped", WRAPPERS, indirect=True)
def test_the_head_behind_a_wrapper_is_found(wrapped):
    wrapper, network = wrapped
    classifier = Classifier.of(network)
    run("pgd", network, seen=True)
    assert classifier.head is (None if wrapper in OPAQUE else NETWORK.layers[-1])
