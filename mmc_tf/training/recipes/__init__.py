"""Training methods, one a file."""

from mmc_tf.training.recipes.base import METHODS, Recipe
from mmc_tf.training.recipes.mma import MaxMarginTraining, OnlyMaxMarginTraining
from mmc_tf.training.recipes.pgd import FixedEpsilonTraining
from mmc_tf.training.recipes.pgdls import LinearlyScaledTraining
from mmc_tf.training.recipes.settings import MethodSettings
from mmc_tf.training.recipes.standard import StandardTraining
from mmc_tf.training.recipes.trades import TradesTraining

__all__ = [
    "METHODS",
    "FixedEpsilonTraining",
    "LinearlyScaledTraining",
    "MaxMarginTraining",
    "MethodSettings",
    "OnlyMaxMarginTraining",
    "Recipe",
    "StandardTraining",
    "TradesTraining",
]
