"""What a command line of the original's evaluation scripts asks of the run that it attacks.

Only what the user says is asked; a network of the black-box script stands for several settings.
"""

from __future__ import annotations

from typing import Any

from flags.refusals import contradiction
from flags.resolve import loss_of_switches
from mmc_tf.checks import argument_error

_OF_A_RUN = ("version", "use_bn", "use_dense", "use_leaky", "optimizer", "lr")
# The networks of the black-box script, as settings of a run.
_STANDARD = {"training": "standard"}
_ADVERSARIAL = {"training": "adversarial", "attack_method": "pgd", "targeted": True, "adv_ratio": 1.0}
_MODELS = {
    "SCE": {"loss": "SCE"} | _STANDARD,
    "MMC-10": {"loss": "MMC", "scale": 10.0} | _STANDARD,
    "MMC-100": {"loss": "MMC", "scale": 100.0} | _STANDARD,
    "AT-SCE": {"loss": "SCE"} | _ADVERSARIAL,
    "AT-MMC-10": {"loss": "MMC", "scale": 10.0} | _ADVERSARIAL,
    "AT-MMC-100": {"loss": "MMC", "scale": 100.0} | _ADVERSARIAL,
}


def runs_asked(
    said: dict[str, Any], values: dict[str, Any], given: set[str], notes: list[str]
) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """What is asked of the run that is attacked and of the one to craft on.

    Args:
        said: the original's own flags.
        values: the others.
        given: those of them that the command line holds.
        notes: gets what was understood, one line each.

    Returns:
        Settings by their names in `mmc_tf.evaluation.finding_runs`; None where nothing is asked.

    Raises:
        UserError: for one network of two, or a network that is described in two ways.
    """
    own = _training(said, values, given, notes)
    common = {name: values[name] for name in _OF_A_RUN if values[name] is not None}
    if said["use_random"] is not None and own.get("loss") != "SCE":
        common["random_centers"] = said["use_random"]
    asked = bool(own or common or said["epoch"] or said["attack_method"] or said["model_1"])
    common |= {name: values[name] for name in ("dataset", "batch_size") if name in given}
    names = [said["model_1"], said["model_2"]]
    if any(names):
        if None in names:
            missing = f"model_{1 + names.index(None)}"
            raise argument_error(missing, "a network beside the other one's, such as MMC-10", "none")
        if own:
            raise contradiction("model_2", f"--model_2={said['model_2']}", f"a run with {_listed(own)}")
        # The centers of SCE are none: random or not says nothing of such a run.
        source, target = (
            {key: value for key, value in (_MODELS[name] | common).items() if _concerns(key, name)}
            for name in names
        )
        return target, source
    if not asked or values["ensemble"] or values.get("released_weights"):
        return None, None  # networks that are named, and described by other means
    return own | common, None


def _concerns(setting: str, model: str) -> bool:
    return setting != "random_centers" or "SCE" not in model


def _training(
    said: dict[str, Any], values: dict[str, Any], given: set[str], notes: list[str]
) -> dict[str, Any]:
    """Loss and way of training."""
    own: dict[str, Any] = {}
    loss, _ = loss_of_switches(said["use_mmlda"], said["use_ball"])
    if loss:
        own["loss"] = loss
    if values["scale"] is not None and loss != "SCE":
        own["scale"] = values["scale"]
    of_the_attack = {
        "attack_method": said["attack_method_for_advtrain"],
        "targeted": said["use_target"],
        "adv_ratio": values["adv_ratio"],
    }
    if of_the_attack["attack_method"] == "none":
        of_the_attack["attack_method"] = None
    if said["use_advtrain"] is not None:
        own["training"] = "adversarial" if said["use_advtrain"] else "standard"
    if said["use_advtrain"] is False:
        if any(value is not None for value in of_the_attack.values()):
            notes.append("ignored: what is said of adversarial training, with --use_advtrain=False")
        return own
    return own | {name: value for name, value in of_the_attack.items() if value is not None}


def _listed(settings: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in settings.items())
