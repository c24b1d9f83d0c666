"""The features that SCE and MMC learn on MNIST.

paper     reproducibility report, Figure 2 (Section 4.7)
command   python -m mmc_tf.experiments run report-figure-2 --budget=short --data_dir=DIR
cost      short: two LeNet5 of 2,040 steps, which the report's tables have too; 14 minutes on a busy core
published pictures without numbers: "the sample density is higher in the case of MMC"
measured  short: neighbours at 82.8 (SCE) and 2.7 % (MMC) of the least distance of two classes
"""

from __future__ import annotations

from mmc_tf.experiments.experiment import experiment
from mmc_tf.experiments.lab import Lab, Network
from mmc_tf.experiments.outcome import Outcome
from mmc_tf.experiments.reproducibility.feature_plots import LOSSES, compare_features


@experiment("report-figure-2", source="Reproducibility report, Figure 2", datasets=("mnist",))
def run(lab: Lab) -> Outcome:
    """Both pictures."""
    networks = {loss: Network(dataset="mnist", loss=loss, model="mnist") for loss in LOSSES}
    return compare_features(lab, networks, dataset="mnist")
