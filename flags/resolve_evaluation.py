"""What a command line of `eval_attacks.py` means: dependent defaults filled in, contradictions refused."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from flags.attack_parameters import PARAMETERS
from flags.cli import Flags
from flags.names import ATTACK_NORMS, ENSEMBLE_ATTACKS, LEAST_DISTANCE, SETTING_ATTACKS, UNBOUNDED
from flags.refusals import check_default_epsilon, check_norm, contradiction
from flags.resolve_original import translate
from flags.resolve_released import check_released
from mmc_tf.checks import argument_error, check_epsilon, format_number

# What a preset sets; its attacks can still be chosen by name, norm and radius.
PRESET_SETS = {"adaptive", "transfer_from", *SETTING_ATTACKS, *PARAMETERS} - {"epsilon", "norm"}


def resolve_evaluation(flags: Flags) -> Flags:
    """The flags of `eval_attacks.py`, checked against each other, defaults filled in, the original's translated.

    Raises:
        UserError: for a shard that is not one of them; if an attack does not know the norm, or the norm has no
            default radius; for settings beside a preset; for transfer without a network to craft on; for an attack
            along gradients on an ensemble; for settings that no attack takes.
    """
    check_released(flags)
    flags = translate(flags)
    attacks = flags.attack or ([] if flags.preset else ["vote_pgd" if flags.ensemble else "pgd"])
    values = flags.as_dict() | {"attack": attacks}
    if "help" not in attacks:
        _check_shard(flags.num_shards, flags.shard_index)
        _check_norms(attacks, flags.norm)
        _check_members(flags.ensemble, flags.checkpoint)
        if flags.preset:
            _check_preset(flags.preset, flags.given)
        else:
            _check_transfer(attacks, flags.transfer_from or (["--model_1"] if flags.source_run else None))
            _check_ensemble(attacks, flags.ensemble)
            _check_settings(attacks, {name: values[name] for name in flags.given})
            _check_radii(attacks, flags.norm, flags.epsilon)
    return Flags(**values, given=flags.given, command=flags.command)


def _check_norms(attacks: Iterable[str], norm: str | None) -> None:
    for attack in attacks:
        if norm is not None and attack not in UNBOUNDED:
            check_norm(attack, norm)


def _check_shard(num_shards: int | None, shard_index: int | None) -> None:
    for name, value, other in (
        ("shard_index", shard_index, num_shards),
        ("num_shards", num_shards, shard_index),
    ):
        if value is None and other is not None:
            raise argument_error(name, "a value, since of num_shards and shard_index one is given", "None")
    if num_shards is not None and shard_index >= num_shards:
        raise argument_error(
            "shard_index", f"0 to {num_shards - 1} with --num_shards={num_shards}", shard_index
        )


def _check_radii(attacks: Iterable[str], norm: str | None, epsilon: Sequence[float] | None) -> None:
    for attack in attacks:
        if attack not in UNBOUNDED:
            for radius in epsilon or ():
                check_epsilon("epsilon", radius, norm=norm or ATTACK_NORMS[attack][0])
        if epsilon is None and attack not in (*UNBOUNDED, *LEAST_DISTANCE):
            check_default_epsilon(norm or ATTACK_NORMS[attack][0])


def _check_preset(preset: str, given: Iterable[str]) -> None:
    settings = sorted(PRESET_SETS.intersection(given))
    if settings:
        raise contradiction("preset", f"--preset={preset}, which sets everything", f"--{settings[0]}")


def _check_transfer(attacks: Sequence[str], sources: Sequence[str] | None) -> None:
    if "transfer" in attacks and not sources:
        raise argument_error(
            "transfer_from", "runs or .keras files to craft on, for --attack=transfer", "none"
        )
    if sources and "transfer" not in attacks:
        raise contradiction(
            "transfer_from",
            _shown("transfer_from", sources),
            _shown("attack", attacks),
            expected="--attack=transfer beside it",
        )


def _check_members(members: Sequence[str] | None, checkpoint: str | None) -> None:
    if members is None:
        return
    if checkpoint is not None:
        received = (_shown("checkpoint", checkpoint), _shown("ensemble", members))
        raise contradiction("ensemble", *received, expected="one of the two")
    if len(set(members)) < max(len(members), 2):
        expected = "two runs or .keras files or more, each once"
        raise argument_error("ensemble", expected, ",".join(members))


def _check_ensemble(attacks: Sequence[str], members: Sequence[str] | None) -> None:
    """Refuses attacks along the gradient of a vote, which has none, and attacks on members where there are none."""
    if members is None:
        if "vote_pgd" in attacks:
            expected = "runs or .keras files whose vote is attacked, for --attack=vote_pgd"
            raise argument_error("ensemble", expected, "none")
        return
    blind = [name for name in attacks if name not in (*ENSEMBLE_ATTACKS, "worst")]
    if attacks == ["worst"]:
        blind = attacks
    if blind:
        names = ", ".join(ENSEMBLE_ATTACKS)
        expected = f"attacks that a majority vote, which has no gradient, does not blind ({names})"
        raise argument_error("attack", expected, ",".join(blind))


def _check_settings(attacks: Sequence[str], given: dict[str, Any]) -> None:
    """Refuses settings that would change nothing, and targets where any wrong class counts."""
    takers = SETTING_ATTACKS | {name: parameter.attacks for name, parameter in PARAMETERS.items()}
    for name in sorted(takers.keys() & given.keys()):
        value = given[name]
        if (name, value) in (("targeted", False), ("iterate", "any")):
            continue
        if not set(takers[name]).intersection(attacks):
            which = "" if len(takers[name]) == 1 else "one of "
            expected = f"{which}{', '.join(sorted(takers[name]))} in --attack beside it"
            raise contradiction(name, _shown(name, value), _shown("attack", attacks), expected=expected)
        if name == "targeted" and "worst" in attacks:
            expected = "attacks without worst, which counts any wrong class"
            raise contradiction(name, _shown(name, value), _shown("attack", attacks), expected=expected)


def _shown(name: str, value: Any) -> str:
    """A flag as one types it."""
    if isinstance(value, bool):
        return f"--{name}" if value else f"--no{name}"
    items = value if isinstance(value, list) else [value]
    return f"--{name}=" + ",".join(
        format_number(item) if isinstance(item, float) else str(item) for item in items
    )
