"""MMC-C under the PyTorch reimplementation's attacks in linf, which climb cross-entropy, and under one that does not.

paper     README of the PyTorch reimplementation of MMC, CIFAR-10, linf 8/255 and 16/255; ResNet-32
command   python -m mmc_tf.experiments run pytorch-table-1 --budget=short --data_dir=DIR
cost      short: 15 minutes on one core beside the network of mmc-table-1; paper: the same attacks on 10,000 images
published 8/255: FGSM 86.33 %, PGD-10 84.71, PGD-40 84.31, DeepFool 34.35, AutoAttack 0.00
measured  not yet on short; smoke shows that it runs
"""

from __future__ import annotations

from mmc_tf.experiments.experiment import experiment
from mmc_tf.experiments.lab import Lab
from mmc_tf.experiments.outcome import Outcome
from mmc_tf.experiments.pytorch.attacks import make


@experiment("pytorch-table-1", source="PyTorch README, linf", datasets=("cifar10",))
def run(lab: Lab) -> Outcome:
    """The table, with a column for the margin."""
    return make(lab, "linf")
