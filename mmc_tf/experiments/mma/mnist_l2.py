"""MNIST in l2: combined attacks, white-box attacks, the gap between them, and the distances that C&W finds.

paper     Ding et al., ICLR 2020, Tables 6 (combined), 10 (white box), 14 (TransferGap), 2 (C&W); LeNet5, 24 networks
command   python -m mmc_tf.experiments run mma-table-6 mma-table-10 mma-table-14 mma-table-2
          --budget=short --data_dir=DIR
cost      short: three networks of 8 epochs and the protocol, 40 minutes on two cores, for all four together; paper: 22
          networks of 100,000 steps and 50 runs of PGD-100 on each
published AvgAcc of MMA-4.0 62.25 %, PGD-3.0 60.36; C&W's mean distance 2.67 and 2.54
measured  docs/RESULTS.md has three of these networks, trained by hand for 5,120 steps; not run on short
"""

from __future__ import annotations

from mmc_tf.experiments.mma.networks import Row, ensembles, fixed_radius, max_margin
from mmc_tf.experiments.mma.published import combined, distances, gaps, white_box
from mmc_tf.experiments.mma.sets import NetworkSet
from mmc_tf.experiments.mma.tables import DistanceView, View, enter_views

RADII = ("1.0", "2.0", "3.0", "4.0")
HINGES = ("2.0", "4.0", "6.0")
NETWORKS = NetworkSet(
    dataset="mnist",
    norm="l2",
    radii=RADII,
    rows=(
        Row(name="STD"),
        *fixed_radius("PGD", RADII),
        *fixed_radius("PGDLS", RADII),
        *max_margin("MMA", HINGES),
        *max_margin("OMMA", HINGES),
        *ensembles(RADII, RADII),
        Row(name="DDN-Rony et al.", method="ddn", steps=100),
    ),
    short=("STD", "PGD-1.0", "MMA-2.0-sd0"),
    smoke=("STD", "PGD-1.0"),
    smoke_vote="PGD-ens",
)
VIEWS = (
    DistanceView(number=2, published=distances.MNIST_L2),
    View(number=6, kind="combined", published=combined.MNIST_L2),
    View(number=10, kind="white_box", published=white_box.MNIST_L2),
    View(number=14, kind="transfer_gap", published=gaps.MNIST_L2),
)

enter_views(__name__, NETWORKS, VIEWS)
