"""Training methods, one a file."""

from mmc_tf.training.recipes.base import METHODS, Recipe
from mmc_tf.training.recipes.pgd import FixedEpsilonTraining
from mmc_tf.training.recipes.standard import StandardTraining

__all__ = ["METHODS", "FixedEpsilonTraining", "Recipe", "StandardTraining"]
