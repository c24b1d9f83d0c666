"""The examples in the docstrings of the attacks."""

from __future__ import annotations

import doctest
import importlib

import pytest


@pytest.mark.parametrize(
    "name",
    [
        "an_pgd",
        "apgd_ce",
        "apgd_dlr",
        "apgd_t",
        "bim",
        "deepfool",
        "fab",
        "fab_t",
        "fgsm",
        "hyperplane",
        "mim",
        "mt_pgd",
        "pgd",
        "projections",
        "registry",
        "slide",
        "target_runs",
    ],
)
def test_docstring_examples(name):
    outcome = doctest.testmod(importlib.import_module(f"mmc_tf.attacks.{name}"))
    assert outcome.attempted > 0
    assert outcome.failed == 0
