"""Trains a classifier with the MMC loss or one of the losses it is compared with.

Examples:
    python train_std.py --loss=MMC-C --scale=10
    python train_std.py mnist mnist --epochs=50 -lp=MMC-M -b=50 --optimizer=sgd -wd=1e-4 -lr=0.01 --scale=10
"""

import sys

from flags.cli import Flags, run_script
from flags.resolve import resolve_training
from flags.scripts import TRAIN_STD
from flags.startup import quiet_imports


def main(flags: Flags):
    """Trains by the flags."""
    from mmc_tf.training.plan import make_plan

    plan = make_plan(resolve_training(flags), adversarial=False)
    with quiet_imports():
        from mmc_tf.training.entry import train_from_flags
    return train_from_flags(plan, adversarial=False)


if __name__ == "__main__":
    sys.exit(run_script(TRAIN_STD.definitions, main, positionals=TRAIN_STD.positionals, summary=__doc__))
