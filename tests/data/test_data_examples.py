import doctest
import importlib
import pkgutil

import numpy as np
import pytest
import tensorflow as tf

from mmc_tf import data

MODULES = sorted(module.name for module in pkgutil.walk_packages(data.__path__, "mmc_tf.data."))


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_docstrings_are_true(name):
    module = importlib.import_module(name)
    result = doctest.testmod(module, extraglobs={"np": np, "tf": tf})
    assert result.failed == 0


def test_lazy_names_are_all_there():
    assert set(data.__all__) == set(data._MODULES)
    for name in data.__all__:
        assert getattr(data, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = data.nothing
