"""MMC-C under the PyTorch reimplementation's attacks in l1, which climb cross-entropy, and under one that does not.

paper     README of the PyTorch reimplementation of MMC, CIFAR-10, l1 12; ResNet-32
command   python -m mmc_tf.experiments run pytorch-table-3 --budget=short --data_dir=DIR
cost      short: two minutes on one core beside the network of mmc-table-1; paper: the same attacks on 10,000 images
published PGD-50 88.30 %, SLIDE 86.80
measured  not yet on short; smoke shows that it runs
"""

from __future__ import annotations

from mmc_tf.experiments.experiment import experiment
from mmc_tf.experiments.lab import Lab
from mmc_tf.experiments.outcome import Outcome
from mmc_tf.experiments.pytorch.attacks import make


@experiment("pytorch-table-3", source="PyTorch README, l1", datasets=("cifar10",))
def run(lab: Lab) -> Outcome:
    """The table, with a column for the margin."""
    return make(lab, "l1")
