"""Switches of the original scripts that `--loss` and `--centers` replace.

The plain renamings (`mean_var`, `use_BN`, `use_target`, `num_iter`) are aliases where the flag itself is
defined; `flags.resolve` translates the ones below, so that the library never sees them.
"""

from __future__ import annotations

from absl import flags as absl_flags

from flags.flag import definer
from flags.parsers import Boolean

ROOM = "Switches of the original scripts"


def define(flag_values: absl_flags.FlagValues) -> None:
    """Enters the original's training switches under their own names."""
    define = definer(flag_values, ROOM)
    define(
        "use_mmlda",
        Boolean(),
        None,
        "True: --loss=MMC, or MMLDA with --use_ball=False. False: --loss=SCE.",
        aliases=("use_MMLDA",),
    )
    define(
        "use_ball", Boolean(), None, "True: --loss=MMC. False: --loss=MMLDA. Nothing with --use_mmlda=False."
    )
    define("use_random", Boolean(), None, "True: --centers=random.")
