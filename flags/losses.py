"""Flags of what both training scripts minimize."""

from __future__ import annotations

from absl import flags as absl_flags

from flags.flag import definer
from flags.names import LOSS_SPELLINGS, LOSSES
from flags.parsers import Centers, Integer, Name, Number, Parser


def define(flag_values: absl_flags.FlagValues) -> None:
    """Enters the loss, its settings, and its centers."""
    define = definer(flag_values, "Loss and centers")
    define(
        "loss",
        Name(LOSS_SPELLINGS, choices=LOSSES),
        None,
        "MMC-C and MMC-M are MMC with CIFAR's and MNIST's learning policy; MMC chooses by data set.",
        default_text="MMC",
    )
    define(
        "scale",
        Number(above=0),
        10.0,
        "C_MM, the norm of every center; for hierarchical centers that of the first level.",
        aliases=("mean_var",),
    )
    define(
        "centers",
        Centers(),
        None,
        "Where the centers lie.",
        default_text="simplex; hierarchical for HMMC and --hierarchy, spread for --is_2d_demo",
    )
    define(
        "sub_scale",
        Number(above=0),
        None,
        "Norm of the second level of hierarchical centers.",
        default_text="a tenth of --scale",
    )
    define(
        "hierarchy",
        Parser(),
        None,
        "JSON file with a tree of class indices for hierarchical centers.",
        default_text="the data set's coarse labels",
    )
    define("center_seed", Integer(minimum=0), 0, "Seed of random and spread centers, apart from --seed.")
    define(
        "center_weight",
        Number(minimum=0),
        None,
        "Weight λ of the center loss beside SCE.",
        default_text="0.003",
    )
    define(
        "center_alpha",
        Number(minimum=0, maximum=1),
        None,
        "Rate at which the centers of the center loss follow the features.",
        default_text="0.5",
    )
    define("lgm_margin", Number(minimum=0), None, "Margin α of L-GM, a factor.", default_text="0.3")
    define(
        "lgm_weight",
        Number(minimum=0),
        None,
        "Weight λ of L-GM's likelihood term.",
        default_text="0.1",
    )
    define(
        "emc_alpha",
        Number(above=0),
        None,
        "Prior variance α of EMC's centers; towards 0 it becomes MMC.",
        default_text="0.1",
    )
    define(
        "mmc_form",
        Name(choices=("squared", "absolute", "huber")),
        None,
        "Form of the MMC loss in the distance r of the features to their center: r², r, or r² up to δ and straight "
        "beyond (the paper's Appendix B.2).",
        default_text="squared",
    )
    define(
        "mmc_delta",
        Number(above=0),
        None,
        "δ of --mmc_form=huber, in units of the features.",
        default_text="1",
    )
