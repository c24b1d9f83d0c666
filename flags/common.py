"""Flags of all three scripts."""

from __future__ import annotations

from absl import flags as absl_flags

from flags.flag import definer
from flags.names import DATASET_SPELLINGS, DATASETS
from flags.parsers import Boolean, Integer, Name, Parser

ROOM = "All scripts"


def define(flag_values: absl_flags.FlagValues) -> None:
    """Enters the flags that every script has."""
    define = definer(flag_values, ROOM)
    define(
        "dataset",
        Name(DATASET_SPELLINGS, choices=DATASETS),
        None,
        "The images.",
        default_text="cifar10, or mnist with MMC-M; in evaluation the run's own",
    )
    define(
        "data_dir",
        Parser(),
        None,
        "Folder with the data set's official files; without it they are downloaded into Keras' cache.",
    )
    define("runs_dir", Parser(), "runs", "Folder that holds one folder for every trained network.")
    define("seed", Integer(minimum=0, maximum=2**31 - 1), 0, "Start of every random draw.")
    define(
        "batch_size",
        Integer(minimum=1),
        50,
        "Images in a batch; on several devices, in all of them together.",
        default_text="50; in evaluation 100",
        aliases=("b",),
    )
    define("test_size", Integer(minimum=1), None, "Use only so many test images.", default_text="all")
    define("dry_run", Boolean(), False, "Check and build everything, print the plan, touch nothing.")
    define("verbose", Boolean(), False, "Say more, and show the traceback of an error.")
