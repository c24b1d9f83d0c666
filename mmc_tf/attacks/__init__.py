"""Attacks on classifiers: configuration objects with a call, by name."""

from mmc_tf.attacks.base import Attack
from mmc_tf.attacks.bim import BIM
from mmc_tf.attacks.fgsm import FGSM
from mmc_tf.attacks.mim import MIM
from mmc_tf.attacks.objectives import objectives
from mmc_tf.attacks.pgd import PGD
from mmc_tf.attacks.registry import attacks, describe, get, make, names
from mmc_tf.attacks.result import AttackResult
from mmc_tf.attacks.starts import random_targets

__all__ = [
    "BIM",
    "FGSM",
    "MIM",
    "PGD",
    "Attack",
    "AttackResult",
    "attacks",
    "describe",
    "get",
    "make",
    "names",
    "objectives",
    "random_targets",
]
