"""The features that SCE and MMC learn on CIFAR-10.

paper     reproducibility report, Figure 3 (Section 4.7); ResNet-32
command   python -m mmc_tf.experiments run report-figure-3 --budget=short --data_dir=DIR
cost      short: two networks of mmc-table-1, and two minutes
published pictures without numbers: higher density with MMC; cat and dog near each other with SCE alone
measured  short: neighbours at 178.0 (SCE) and 47.2 % (MMC) of the least distance of two classes
"""

from __future__ import annotations

from mmc_tf.experiments.experiment import experiment
from mmc_tf.experiments.lab import Lab
from mmc_tf.experiments.mmc.networks import STANDARD_METHODS
from mmc_tf.experiments.outcome import Outcome
from mmc_tf.experiments.reproducibility.feature_plots import LOSSES, compare_features


@experiment("report-figure-3", source="Reproducibility report, Figure 3", datasets=("cifar10",))
def run(lab: Lab) -> Outcome:
    """Both pictures."""
    networks = {
        method.loss: method.network("cifar10") for method in STANDARD_METHODS if method.loss in LOSSES
    }
    return compare_features(lab, networks, dataset="cifar10")
