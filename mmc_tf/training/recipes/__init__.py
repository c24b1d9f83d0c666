"""Training methods, one a file."""

from mmc_tf.training.recipes.alp import LogitPairing
from mmc_tf.training.recipes.base import METHODS, Recipe
from mmc_tf.training.recipes.ddn import NearestImageTraining
from mmc_tf.training.recipes.fast import FastTraining
from mmc_tf.training.recipes.free import FreeTraining
from mmc_tf.training.recipes.mma import MaxMarginTraining, OnlyMaxMarginTraining
from mmc_tf.training.recipes.pgd import FixedEpsilonTraining
from mmc_tf.training.recipes.pgdls import LinearlyScaledTraining
from mmc_tf.training.recipes.settings import MethodSettings
from mmc_tf.training.recipes.standard import StandardTraining
from mmc_tf.training.recipes.trades import TradesTraining

__all__ = [
    "METHODS",
    "FastTraining",
    "FixedEpsilonTraining",
    "FreeTraining",
    "LinearlyScaledTraining",
    "LogitPairing",
    "MaxMarginTraining",
    "MethodSettings",
    "NearestImageTraining",
    "OnlyMaxMarginTraining",
    "Recipe",
    "StandardTraining",
    "TradesTraining",
]
