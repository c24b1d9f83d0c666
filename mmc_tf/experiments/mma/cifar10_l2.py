"""CIFAR-10 in l2: combined attacks, white-box attacks, the gap between them, and the distances that C&W finds.

paper     Ding et al., ICLR 2020, Tables 7 (combined), 11 (white box), 15 (TransferGap), 3 (C&W); WRN-28-4, 26 networks
command   python -m mmc_tf.experiments run mma-table-7 mma-table-11 mma-table-15 mma-table-3
          --budget=short --data_dir=DIR
cost      short: three networks and the protocol, an hour on two cores, for all four together; paper: 24 networks of
          50,000 steps and 10 runs of PGD-100 on each
published AvgAcc of MMA-3.0 41.59 %, PGD-2.0 41.78; C&W's mean distance 1.09 and 1.16
measured  not yet on short; smoke shows that it runs
"""

from __future__ import annotations

from mmc_tf.experiments.mma.networks import Row, ensembles, fixed_radius, max_margin
from mmc_tf.experiments.mma.published import combined, distances, gaps, white_box
from mmc_tf.experiments.mma.sets import NetworkSet
from mmc_tf.experiments.mma.tables import DistanceView, View, enter_views

RADII = ("0.5", "1.0", "1.5", "2.0", "2.5")
HINGES = ("1.0", "2.0", "3.0")
# Those of Figure 4.
TRACKED = ("PGD-2.5", "MMA-3.0-sd0")
NETWORKS = NetworkSet(
    dataset="cifar10",
    norm="l2",
    radii=RADII,
    rows=(
        Row(name="STD"),
        *fixed_radius("PGD", RADII, tracked=("2.5",)),
        *fixed_radius("PGDLS", RADII),
        *max_margin("MMA", HINGES, tracked=TRACKED),
        *max_margin("OMMA", HINGES),
        *ensembles(RADII, RADII),
        Row(name="DDN-Rony et al.", method="ddn", steps=100),
    ),
    short=("STD", *TRACKED),
    smoke=TRACKED,
)
VIEWS = (
    DistanceView(number=3, published=distances.CIFAR10_L2),
    View(number=7, kind="combined", published=combined.CIFAR10_L2),
    View(number=11, kind="white_box", published=white_box.CIFAR10_L2),
    View(number=15, kind="transfer_gap", published=gaps.CIFAR10_L2),
)

enter_views(__name__, NETWORKS, VIEWS)
