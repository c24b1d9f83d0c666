"""What goes with `--released_weights`, and what does not."""

from __future__ import annotations

from flags.cli import Flags
from flags.refusals import contradiction

_NEEDED_BY = ("released_loss", "released_training", "centers")
# The original's flags that describe how a network was trained, or name another one.
_OTHERS = (
    "checkpoint",
    "ensemble",
    "model_1",
    "use_mmlda",
    "use_ball",
    "use_random",
    "version",
    "use_bn",
    "use_dense",
    "use_leaky",
    "optimizer",
    "lr",
    "use_advtrain",
    "attack_method_for_advtrain",
    "use_target",
    "adv_ratio",
    "epoch",
)


def check_released(flags: Flags) -> None:
    """Refuses a second network, a second description of the same one, and settings of a weight file without one.

    Raises:
        UserError: for those.
    """
    if flags.released_weights is None:
        for name in _NEEDED_BY:
            if name in flags.given:
                expected = "--released_weights beside it"
                raise contradiction(name, f"--{name}={getattr(flags, name)} alone", expected=expected)
        return
    for name in _OTHERS:
        if name in flags.given:
            said = f"--released_weights={flags.released_weights}", f"--{name}={getattr(flags, name)}"
            if name in ("checkpoint", "ensemble", "model_1"):
                raise contradiction("released_weights", *said, expected="one network")
            expected = "--released_loss, --released_training and --mean_var at most; the file says the rest"
            raise contradiction("released_weights", *said, expected=expected)
