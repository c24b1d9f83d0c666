"""What a command line of `eval_attacks.py` means: dependent defaults filled in, contradictions refused."""

from __future__ import annotations

from collections.abc import Sequence

from flags.attack_parameters import PARAMETERS
from flags.cli import Flags
from flags.names import ATTACK_NORMS, LEAST_DISTANCE, UNBOUNDED
from flags.resolve import check_default_epsilon, check_norm, contradiction
from mmc_tf.checks import argument_error

SHARED = ("adaptive", "iterate", "num_restarts", "num_steps", "objective", "step_size", "targeted")


def resolve_evaluation(flags: Flags) -> Flags:
    """The flags of `eval_attacks.py`, checked against each other, defaults filled in.

    Raises:
        UserError: if an attack does not know the norm, or the norm has no default radius; for settings beside
            a preset; for transfer without a network to craft on; for settings that no attack takes.
    """
    attacks = flags.attack or ([] if flags.preset else ["pgd"])
    if "help" not in attacks:
        _check_preset(flags)
        for attack in attacks:
            if flags.norm is not None and attack not in UNBOUNDED:
                check_norm(attack, flags.norm)
            bounded = attack not in (*UNBOUNDED, *LEAST_DISTANCE)
            if flags.epsilon is None and bounded and flags.preset is None:
                check_default_epsilon(flags.norm or ATTACK_NORMS[attack][0])
        _check_transfer(attacks, flags.transfer_from)
    values = flags.as_dict() | {"attack": attacks}
    return Flags(**values, given=flags.given, command=flags.command)


def _check_preset(flags: Flags) -> None:
    settings = sorted({*SHARED, *PARAMETERS} & flags.given)
    if flags.preset and settings:
        raise contradiction("preset", f"--preset={flags.preset}, which sets everything", f"--{settings[0]}")


def _check_transfer(attacks: Sequence[str], sources: Sequence[str] | None) -> None:
    if "transfer" in attacks and not sources:
        raise argument_error(
            "transfer_from", "runs or .keras files to craft on, for --attack=transfer", "none"
        )
    if sources and "transfer" not in attacks:
        raise argument_error("transfer_from", "--attack=transfer beside it", f"--attack={','.join(attacks)}")
