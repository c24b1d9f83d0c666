"""MMC-C under the PyTorch reimplementation's attacks in l2, which climb cross-entropy, and under one that does not.

paper     README of the PyTorch reimplementation of MMC, CIFAR-10, l2 0.5; ResNet-32
command   python -m mmc_tf.experiments run pytorch-table-2 --budget=short --data_dir=DIR
cost      short: 15 minutes on one core beside the network of mmc-table-1; paper: the same attacks on 10,000 images
published PGD-50 88.02 %, DeepFool 53.38, C&W 2.41, AutoAttack 0.09
measured  not yet on short; smoke shows that it runs
"""

from __future__ import annotations

from mmc_tf.experiments.experiment import experiment
from mmc_tf.experiments.lab import Lab
from mmc_tf.experiments.outcome import Outcome
from mmc_tf.experiments.pytorch.attacks import make


@experiment("pytorch-table-2", source="PyTorch README, l2", datasets=("cifar10",))
def run(lab: Lab) -> Outcome:
    """The table, with a column for the margin."""
    return make(lab, "l2")
