"""How the radius of adversarial training grows unless the command says it. Imports no TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping

# The flags of growth: steps on clean images first, then steps of linear growth to the whole radius.
DELAY, GROWTH = "epsilon_delay_steps", "epsilon_warmup_steps"
DEFAULTS = {DELAY: 300, GROWTH: 1200}
# Of a short training, each is at most this share, so that the last third has the whole radius.
LARGEST_SHARE = 1 / 3
# Losses whose features gather around centers. Under the whole radius at once they fall to the origin, where the
# centers' pulls cancel and the features stay.
GROWING_LOSSES = ("MMC", "HMMC", "MMLDA", "EMC", "LGM", "Center")
# Methods of one radius for all images, which can grow.
GROWING_METHODS = ("pgd", "trades", "alp", "free", "fast")


def default_growth(loss: str, planned_steps: int) -> dict[str, int]:
    """Return the steps of growth by flag, all 0 where the whole radius is there at once.

    Args:
        loss: a name of `mmc_tf.losses.LOSSES`.
        planned_steps: epochs times the steps of an epoch, whether or not a run is to stop before.

    Example:
        >>> default_growth("MMC", 60_000)
        {'epsilon_delay_steps': 300, 'epsilon_warmup_steps': 1200}
        >>> default_growth("SCE", 60_000)
        {'epsilon_delay_steps': 0, 'epsilon_warmup_steps': 0}
    """
    grows = loss in GROWING_LOSSES
    return {
        name: min(steps, int(LARGEST_SHARE * planned_steps)) if grows else 0
        for name, steps in DEFAULTS.items()
    }


def complete_growth(
    flags: Mapping[str, object], *, loss: str, planned_steps: int
) -> tuple[dict[str, int], dict[str, int]]:
    """Fill in the steps of growth that a command leaves open.

    A command that says how long the radius grows has no delay unless it says that, too; so 0 steps of growth are the
    whole radius from the first step on.

    Args:
        flags: all flags; `None` in what is left open, and no entry where there is no radius that could grow.
        loss: a name of `mmc_tf.losses.LOSSES`.
        planned_steps: see `default_growth`.

    Returns:
        The flags of growth, and those of them that are not 0 and that the command did not ask for.
    """
    if GROWTH not in flags:
        return {}, {}
    defaults = default_growth(loss, planned_steps)
    if flags[GROWTH] is not None:
        defaults[DELAY] = 0
    complete = {name: steps if flags[name] is None else flags[name] for name, steps in defaults.items()}
    return complete, {name: complete[name] for name in defaults if flags[name] is None and complete[name]}


def describe_growth(delay: int, growth: int) -> str:
    """What is said of a radius that grows; nothing where it does not.

    Example:
        >>> describe_growth(300, 1200)
        'epsilon 0 for 300 steps, then growing over 1200 steps'
    """
    parts = [f"epsilon 0 for {delay} steps, then "] if delay else ["epsilon "]
    if growth:
        return f"{parts[0]}{'growing' if delay else 'from 0'} over {growth} steps"
    return f"{parts[0]}whole at once" if delay else ""


def describe_default(flags: Mapping[str, int], *, num_steps: int) -> str:
    """What a plan says of a growth that the defaults added.

    Args:
        flags: of growth.
        num_steps: of the run.
    """
    delay, growth = flags[DELAY], flags[GROWTH]
    short = ""
    if num_steps < delay + growth:
        share = max(num_steps - delay, 0) / max(growth, 1)
        short = f"; the run ends at step {num_steps} with {share:.0%} of the radius"
    return (
        f"{describe_growth(delay, growth)}: under the whole radius at once features around centers collapse to the "
        f"origin{short} (--{GROWTH}=0 is the papers' bare recipe)"
    )
