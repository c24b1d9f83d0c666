"""Flags of the evaluation of a weight file of the original code."""

from __future__ import annotations

from absl import flags as absl_flags

from flags.flag import definer
from flags.names import RELEASED_LOSSES, RELEASED_TRAININGS
from flags.parsers import Centers, Name, Parser

ROOM = "Released checkpoints"


def define(flag_values: absl_flags.FlagValues) -> None:
    """Enters what a weight file of the original does not say; to be called after the evaluation's flags."""
    define = definer(flag_values, ROOM)
    define(
        "released_weights",
        Parser(),
        None,
        "What is attacked: a weight file of the original Keras code (model.200.h5).",
        default_text="what --checkpoint says",
    )
    define(
        "released_loss",
        Name(choices=RELEASED_LOSSES),
        None,
        "The loss it was trained with; the file says whether it has centers, but not whether MMC or MMLDA.",
        default_text="MMC with centers, SCE with a softmax layer",
    )
    define(
        "released_training",
        Name(choices=RELEASED_TRAININGS),
        "standard",
        "How it was trained: the standard way, or on targeted or untargeted PGD-10; decides which published row "
        "it is compared with.",
    )
    define(
        "centers",
        Centers(),
        None,
        "The centers it was trained with: simplex, or the original's .mat file of unit vectors, which --scale "
        "(mean_var) multiplies.",
        default_text="simplex",
    )
