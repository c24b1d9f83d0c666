"""MNIST in linf: combined attacks, white-box attacks, and the gap between them.

paper     Ding et al., ICLR 2020, Tables 4 (combined), 8 (white box), 12 (TransferGap); LeNet5, 19 networks
command   python -m mmc_tf.experiments run mma-table-4 mma-table-8 mma-table-12
          --budget=short --data_dir=DIR
cost      short: seven networks of 8 epochs and the protocol, 70 minutes on two cores, for all three together; paper: 17
          networks of 100,000 steps and 50 runs of PGD-100 on each
published AvgAcc of MMA-0.45 94.13 %, PGDLS-0.45 94.74, PGD-0.3 76.97; PGD-0.45 fails to train (11.35)
measured  docs/RESULTS.md has seven of these networks, trained by hand for 10,240 steps; not run on short
"""

from __future__ import annotations

from mmc_tf.experiments.mma.networks import GROWING, Row, ensembles, fixed_radius, max_margin
from mmc_tf.experiments.mma.published import combined, gaps, white_box
from mmc_tf.experiments.mma.sets import NetworkSet
from mmc_tf.experiments.mma.tables import View, enter_views

RADII = ("0.1", "0.2", "0.3", "0.4")
TRAINED = (*RADII, "0.45")
NETWORKS = NetworkSet(
    dataset="mnist",
    norm="linf",
    radii=RADII,
    rows=(
        Row(name="STD"),
        *fixed_radius("PGD", TRAINED, growing=("0.3",)),
        *fixed_radius("PGDLS", TRAINED),
        *max_margin("MMA", ("0.45",)),
        *max_margin("OMMA", ("0.45",)),
        *ensembles(RADII, RADII),
        Row(
            name="PGD-Madry et al.",
            method="pgd",
            flags={"epsilon": "0.3", "step_size": "0.01", "objective": "ce"},
        ),
        Row(name="TRADES", method="trades", flags={"epsilon": "0.3", "beta": 1}, more=GROWING),
    ),
    short=("STD", "PGD-0.3", "PGD-0.45", "PGDLS-0.4", "MMA-0.45-sd0", "OMMA-0.45-sd0", "TRADES"),
    smoke=("STD", "MMA-0.45-sd0"),
)
VIEWS = (
    View(number=4, kind="combined", published=combined.MNIST_LINF),
    View(number=8, kind="white_box", published=white_box.MNIST_LINF),
    View(number=12, kind="transfer_gap", published=gaps.MNIST_LINF),
)

enter_views(__name__, NETWORKS, VIEWS)
