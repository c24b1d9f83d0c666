"""Least distances that C&W finds in l2 on the first 1,000 test images: Ding et al., ICLR 2020, Tables 2 and 3.

Columns: network, Cln Acc (%), then mean, 25 %, 50 % and 75 % quantile of the distances.
"""

from __future__ import annotations

from mmc_tf.experiments.mma.published.reading import read_distances

# Table 2
MNIST_L2 = read_distances("""
STD        99.0  1.57  1.19  1.57  1.95
PGD-1.0    99.2  1.95  1.58  1.95  2.33
PGD-2.0    98.6  2.32  1.85  2.43  2.82
PGD-3.0    96.8  2.54  1.79  2.76  3.39
PGD-4.0    91.8  2.53  1.38  2.75  3.75
PGDLS-1.0  99.3  1.88  1.53  1.88  2.24
PGDLS-2.0  99.3  2.23  1.82  2.30  2.68
PGDLS-3.0  96.9  2.51  1.81  2.74  3.29
PGDLS-4.0  91.8  2.53  1.46  2.79  3.72
MMA-2.0    99.3  2.15  1.81  2.22  2.58
MMA-4.0    98.5  2.67  1.86  2.72  3.52
MMA-6.0    97.7  2.76  1.84  2.72  3.61
""")

# Table 3
CIFAR10_L2 = read_distances("""
STD        95.1  0.09  0.05  0.08  0.13
PGD-0.5    89.2  0.80  0.32  0.76  1.21
PGD-1.0    83.8  1.01  0.30  0.91  1.62
PGD-1.5    76.0  1.11  0.04  0.96  1.87
PGD-2.0    71.6  1.16  0.00  0.96  2.03
PGD-2.5    65.2  1.19  0.00  0.88  2.10
PGDLS-0.5  90.5  0.79  0.34  0.76  1.17
PGDLS-1.0  83.8  1.00  0.30  0.91  1.59
PGDLS-1.5  77.6  1.10  0.11  0.97  1.83
PGDLS-2.0  73.1  1.16  0.00  0.98  2.02
PGDLS-2.5  66.0  1.19  0.00  0.88  2.13
MMA-1.0    88.4  0.85  0.32  0.80  1.27
MMA-2.0    84.2  1.03  0.26  0.92  1.62
MMA-3.0    81.2  1.09  0.21  0.92  1.73
""")
