"""What a training command means: switches of the original translated, dependent defaults filled in."""

from __future__ import annotations

from collections.abc import Set
from typing import Any

from flags.cli import Flags
from flags.names import CENTER_FLAGS, LOSS_FLAGS, is_cifar
from flags.refusals import contradiction
from flags.resolve_methods import resolve_method, resolve_selection
from mmc_tf.checks import argument_error

POLICY_LOSSES = ("MMC-C", "MMC-M")
_SWITCHES = ("use_mmlda", "use_ball", "use_random")


def resolve_training(flags: Flags) -> Flags:
    """A copy of a training script's flags in which nothing is left to guess.

    The original's switches disappear: they have become `loss` and `centers`. `loss` is one of SCE, MMC,
    MMLDA, LGM, Center, EMC, HMMC: `MMC-C` and `MMC-M` have become MMC and a learning policy.
    Still None: what the network, the loss or the data set brings along (`feature_dim`, `use_bn`, `dropout`,
    `emc_alpha`, `train_size`, ...), what the run's length decides
    (`epsilon_warmup_steps`), and `epochs` of the policies that count steps.

    Raises:
        UserError: if two flags contradict each other.

    Example:
        >>> from flags.cli import parse
        >>> from flags.scripts import TRAIN_STD
        >>> flags = resolve_training(parse(["train_std.py", "--loss=MMC-C"], TRAIN_STD.definitions))
        >>> flags.loss, flags.model, flags.dataset, flags.epochs
        ('MMC', 'resnet32', 'cifar10', 200)
    """
    values = flags.as_dict()
    switches = {name: values.pop(name) for name in _SWITCHES}
    values |= _loss_and_policy(values["loss"], values["learning_policy"], switches)
    values |= _dataset_and_model(values)
    values |= _policy_and_epochs(values)
    values |= _features_and_centers(values, use_random=switches["use_random"])
    _check_loss_flags(values, flags.given)
    cifar, digits = is_cifar(values["dataset"]), values["dataset"] == "digits"
    _fill(values, flip=cifar, shift=0.0 if digits else 0.1)
    if "method" in values:
        values |= resolve_method(values, flags.given)
    values |= resolve_selection(values)
    return Flags(**values, given=flags.given, command=flags.command)


def _fill(values: dict[str, Any], **defaults: Any) -> None:
    values |= {name: default for name, default in defaults.items() if values[name] is None}


def _loss_and_policy(
    loss: str | None, policy: str | None, switches: dict[str, bool | None]
) -> dict[str, Any]:
    """The loss by --loss, else by the switches, else by the policy; a policy hidden in the loss's name."""
    by_switch, said = loss_of_switches(switches["use_mmlda"], switches["use_ball"])
    if loss in POLICY_LOSSES:
        if policy not in (None, loss):
            raise contradiction("learning_policy", f"--loss={loss}", f"--learning_policy={policy}")
        loss, policy, shown = "MMC", loss, loss
    else:
        shown = loss
    if by_switch is not None and loss not in (None, by_switch):
        raise contradiction("loss", f"--loss={shown}", f"{said}, which means {by_switch}")
    return {"loss": loss or by_switch or "MMC", "learning_policy": policy}


def _check_loss_flags(values: dict[str, Any], given: Set[str]) -> None:
    """Raises a UserError for a parameter of another loss, or of other centers, which would change nothing."""
    loss, centers = values["loss"], values["centers"]
    for name, losses in LOSS_FLAGS.items():
        # The original's command lines hold the norm of the centers whatever the loss.
        if name not in given or loss in losses or (name == "scale" and "use_mmlda" in given):
            continue
        expected = f"one of the losses {', '.join(losses)}" if len(losses) > 1 else f"--loss={losses[0]}"
        raise contradiction(name, f"--{name} with --loss={loss}", expected=f"{expected} with it")
    for name, kinds in CENTER_FLAGS.items():
        if name in given and centers not in kinds:
            expected = f"centers that are {' or '.join(kinds)}"
            raise contradiction(name, f"--{name} with --centers={centers}", expected=f"{expected} with it")


def loss_of_switches(mmlda: bool | None, ball: bool | None) -> tuple[str | None, str]:
    """What use_MMLDA and use_ball mean in the original, and the words the user said it with."""
    if mmlda is False:
        return "SCE", "--use_MMLDA=False"
    said = " ".join(
        f"--{name}={value}" for name, value in (("use_MMLDA", mmlda), ("use_ball", ball)) if value is not None
    )
    return (None, "") if not said else ("MMLDA" if ball is False else "MMC", said)


def _dataset_and_model(values: dict[str, Any]) -> dict[str, Any]:
    dataset, model, version = values["dataset"], values["model"], values["version"]
    if dataset is None:
        wants_mnist = values["is_2d_demo"] or values["learning_policy"] in ("MMC-M", "MMA-MNIST")
        dataset = "mnist" if wants_mnist or model == "mnist" else "cifar10"
    if model is None:
        own = "resnet32" if is_cifar(dataset) else "lenet5" if dataset == "digits" else "mnist"
        # --version is a ResNet's: with it the original builds five blocks a stage on every data set.
        model = own if version is None else "resnet32"
    elif version is not None and not model.startswith("resnet"):
        raise argument_error("version", f"none, because {model} is not a ResNet", str(version))
    return {"dataset": dataset, "model": model}


def _policy_and_epochs(values: dict[str, Any]) -> dict[str, Any]:
    cifar = is_cifar(values["dataset"])
    policy = values["learning_policy"] or ("MMC-C" if cifar else "MMC-M")
    if policy == "MMA":
        policy = "MMA-CIFAR" if cifar else "MMA-MNIST"
    return {
        "learning_policy": policy,
        "epochs": values["epochs"] or _library_epochs(policy),
    }


def _library_epochs(policy: str) -> int | None:
    """The length that a schedule of the library brings with it; None if it counts steps."""
    from mmc_tf.training.schedules import POLICIES

    return POLICIES.get(policy).epochs


def _features_and_centers(values: dict[str, Any], *, use_random: bool | None) -> dict[str, Any]:
    feature_dim, centers, loss = values["feature_dim"], values["centers"], values["loss"]
    if values["is_2d_demo"]:
        if feature_dim not in (None, 2):
            raise contradiction("feature_dim", "--is_2d_demo", f"--feature_dim={feature_dim}")
        feature_dim = 2
    if use_random is not None and centers is not None and use_random != (centers == "random"):
        raise contradiction("centers", f"--use_random={use_random}", f"--centers={centers}")
    if loss == "HMMC" and (use_random or centers in ("simplex", "random", "spread")):
        raise contradiction("centers", "--loss=HMMC", f"--centers={centers or 'random'}")
    if centers is None:
        defaults = {
            "random": use_random,
            "hierarchical": loss == "HMMC" or values["hierarchy"],
            "spread": values["is_2d_demo"],
        }
        centers = next((kind for kind, wanted in defaults.items() if wanted), "simplex")
    return {"feature_dim": feature_dim, "centers": centers}
