"""Makes the table and figure of experiments.

What is missing is trained and evaluated; what is there is used; an interrupted experiment goes on where it stopped when
it is run again. Several may run at the same time in one work_dir: they wait for each other's networks. Each writes
<work_dir>/<budget>/results/NAME/ with table.md, table.tex, results.json, data.npz and PNGs.

python -m mmc_tf.experiments run mmc-table-1 --budget=short --data_dir=data
python -m mmc_tf.experiments run all --budget=smoke
"""

from __future__ import annotations

import argparse

from mmc_tf.experiments.commands.arguments import define_lab

SUMMARY = "make the table and figure of experiments"


def define(parser: argparse.ArgumentParser) -> None:
    """Enters the command's arguments."""
    parser.add_argument("names", nargs="+", metavar="NAME", help="experiments (see list), or all")
    define_lab(parser)
    parser.add_argument("--data_dir", help="folder with the data sets' files (default: $MMC_DATA_DIR)")
    parser.add_argument("--seed", type=int, default=0, help="of training and attacks (default: 0)")


def run(arguments: argparse.Namespace) -> str:
    """Runs them, and returns their pages."""
    from mmc_tf.experiments.runner import run_experiments

    return run_experiments(
        arguments.names,
        budget=arguments.budget,
        work_dir=arguments.work_dir,
        data_dir=arguments.data_dir,
        seed=arguments.seed,
    )
