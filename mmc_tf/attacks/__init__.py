"""Attacks on classifiers: configuration objects with a call, by name."""

from mmc_tf import tensorflow_backend  # noqa: F401  before Keras is imported
from mmc_tf.attacks.an_pgd import ANPGD
from mmc_tf.attacks.apgd_ce import APGDCE
from mmc_tf.attacks.apgd_dlr import APGDDLR
from mmc_tf.attacks.apgd_t import APGDT
from mmc_tf.attacks.autoattack import AutoAttack
from mmc_tf.attacks.base import Attack
from mmc_tf.attacks.bim import BIM
from mmc_tf.attacks.cw import CW
from mmc_tf.attacks.ddn import DDN
from mmc_tf.attacks.deepfool import DeepFool
from mmc_tf.attacks.ead import EAD
from mmc_tf.attacks.ensemble import Ensemble
from mmc_tf.attacks.fab import FAB
from mmc_tf.attacks.fab_t import FABT
from mmc_tf.attacks.fgsm import FGSM
from mmc_tf.attacks.gaussian import Gaussian
from mmc_tf.attacks.mim import MIM
from mmc_tf.attacks.mt_pgd import MultiTargetedPGD
from mmc_tf.attacks.objectives import objectives
from mmc_tf.attacks.pgd import PGD
from mmc_tf.attacks.registry import attacks, describe, get, make, names
from mmc_tf.attacks.result import AttackResult
from mmc_tf.attacks.rotation import Rotation
from mmc_tf.attacks.shortest import Shortest, shortest_perturbation
from mmc_tf.attacks.slide import SLIDE
from mmc_tf.attacks.spsa import SPSA
from mmc_tf.attacks.square import Square
from mmc_tf.attacks.starts import random_targets
from mmc_tf.attacks.transfer import Source, Transfer
from mmc_tf.attacks.vote_pgd import VotePGD
from mmc_tf.attacks.worst import Worst

__all__ = [
    "ANPGD",
    "APGDCE",
    "APGDDLR",
    "APGDT",
    "BIM",
    "CW",
    "DDN",
    "EAD",
    "FAB",
    "FABT",
    "FGSM",
    "MIM",
    "PGD",
    "SLIDE",
    "SPSA",
    "Attack",
    "AttackResult",
    "AutoAttack",
    "DeepFool",
    "Ensemble",
    "Gaussian",
    "MultiTargetedPGD",
    "Rotation",
    "Shortest",
    "Source",
    "Square",
    "Transfer",
    "VotePGD",
    "Worst",
    "attacks",
    "describe",
    "get",
    "make",
    "names",
    "objectives",
    "random_targets",
    "shortest_perturbation",
]
