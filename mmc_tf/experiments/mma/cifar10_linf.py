"""CIFAR-10 in linf: combined attacks, of all networks and of some, white-box attacks, and the gap between them.

paper     Ding et al., ICLR 2020, Tables 1 and 5 (combined), 9 (white box), 13 (TransferGap); WRN-28-4, 33 networks
command   python -m mmc_tf.experiments run mma-table-1 mma-table-5 mma-table-9 mma-table-13
          --budget=short --data_dir=DIR
cost      short: three networks and the protocol, an hour on two cores, for all four together; paper: 31 networks of
          50,000 steps and 10 runs of PGD-100 on each
published AvgAcc of MMA-32 29.39 %, PGD-16 28.28, PGDLS-16 28.44; PGD-24 fails to train (9.95)
measured  not yet on short; smoke shows that it runs
"""

from __future__ import annotations

from mmc_tf.experiments.mma.networks import Row, ensembles, fixed_radius, max_margin
from mmc_tf.experiments.mma.published import combined, gaps, white_box
from mmc_tf.experiments.mma.sets import NetworkSet
from mmc_tf.experiments.mma.tables import View, enter_views

LEVELS = ("4", "8", "12", "16", "20", "24", "28", "32")
HINGES = ("12", "20", "32")
NETWORKS = NetworkSet(
    dataset="cifar10",
    norm="linf",
    radii=tuple(f"{level}/255" for level in LEVELS),
    rows=(
        Row(name="STD"),
        *fixed_radius("PGD", LEVELS, unit="/255"),
        *fixed_radius("PGDLS", LEVELS, unit="/255"),
        *max_margin("MMA", HINGES, unit="/255"),
        *max_margin("OMMA", HINGES, unit="/255"),
        # PGD-24 to PGD-32 have learned nothing, and do not vote.
        *ensembles(LEVELS[:5], LEVELS),
        Row(
            name="PGD-Madry et al.",
            method="pgd",
            flags={"epsilon": "8/255", "step_size": "2/255", "objective": "ce"},
            steps=7,
        ),
        Row(name="TRADES", method="trades", flags={"epsilon": "0.031", "step_size": "0.007", "beta": 6}),
    ),
    short=("STD", "PGD-8", "MMA-12-sd0"),
    smoke=("PGD-8", "MMA-32-sd0"),
)
# Table 1's own names of networks.
REPRESENTATIVE = {
    **{name: name for name in ("PGD-8", "PGD-16", "PGD-24", "PGDLS-8", "PGDLS-16", "PGDLS-24")},
    **{f"MMA-{hinge}": f"MMA-{hinge}-sd0" for hinge in HINGES},
    **{name: name for name in ("PGD-ens", "PGDLS-ens", "TRADES")},
}
VIEWS = (
    View(number=1, kind="combined", published=combined.CIFAR10_LINF, names=REPRESENTATIVE),
    View(number=5, kind="combined", published=combined.CIFAR10_LINF),
    View(number=9, kind="white_box", published=white_box.CIFAR10_LINF),
    View(number=13, kind="transfer_gap", published=gaps.CIFAR10_LINF),
)

enter_views(__name__, NETWORKS, VIEWS)
