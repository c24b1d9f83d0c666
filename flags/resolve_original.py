"""What a command line of the original's evaluation scripts means here: an attack with its settings, and a run.

What a script fixes in its code, and the defaults of the flags that decide the attack, are the script's. Of a run only
what the user says is asked. Nothing is understood in silence: the plan that an evaluation prints holds what is noted
here.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from flags.cli import Flags
from flags.names import SETTING_ATTACKS
from flags.refusals import contradiction
from flags.resolve_runs import runs_asked
from mmc_tf.checks import argument_error

_ONLY_THEIRS = (
    "use_mmlda",
    "use_ball",
    "use_random",
    "use_advtrain",
    "attack_method_for_advtrain",
    "use_target",
    "epoch",
    "attack_method",
    "spsa_epsilon",
    "normalize_output_for_ball",
    "model_1",
    "model_2",
    "is_auc_metric_softmax_for_mmc",
)
_LEVELS = 256  # grey levels, as the original counts them
_WHITE_BOX, _BLACK_BOX, _DETECTION = (8, 16, 24, 32), (8, 16), (8,)
_STEPPED = {"step_size": 2 / _LEVELS, "iterate": "last"}


class Script(NamedTuple):
    """What the original's scripts give one attack.

    Attributes:
        settings: what their code fixes, under our names.
        can_target: whether `--target` changes anything.
        images: how many test images are attacked; None: all.
        is_bounded: whether it is run for several radii.
    """

    settings: dict[str, Any]
    can_target: bool = False
    images: int | None = None
    is_bounded: bool = False


_SCRIPTS = {
    "fgsm": Script({}, can_target=True, is_bounded=True),
    "bim": Script(_STEPPED, can_target=True, is_bounded=True),
    "pgd": Script(_STEPPED, can_target=True, is_bounded=True),
    "mim": Script(_STEPPED, can_target=True, is_bounded=True),
    "cw": Script({"cw_abort_early": True}, can_target=True, images=500),
    "ead": Script(
        {
            "ead_binary_search_steps": 1,
            "ead_initial_const": 1.0,
            "ead_confidence": 0.1,
            "ead_abort_early": True,
        },
        images=1000,
    ),
    # Its one candidate would leave no class to go to; two are the true class and the next.
    "deepfool": Script({"num_steps": [10], "deepfool_num_candidates": 2}, images=1000),
    "spsa": Script({"iterate": "last"}, can_target=True, images=1000),
    "gaussian": Script({"gaussian_clip": False}, images=1000),
    "rotation": Script({}, images=1000),
}


def translate(flags: Flags) -> Flags:
    """The flags of `eval_attacks.py` without the original's own.

    Beside the settings of the attack there are `run` and `source_run`, what is asked of the run that is attacked and
    of the one that images are crafted on (None: nothing, the user names them or takes the newest), `epoch`,
    `most_images`, how many images the original attacks where none are asked for, and `original`, what was understood,
    one line each.

    Raises:
        UserError: if two flags contradict each other, or the original could not do it either.

    Example:
        >>> from flags.cli import parse
        >>> from flags.scripts import EVAL_ATTACKS
        >>> line = ["eval_attacks.py", "--attack_method=SPSA", "--target=False", "--SPSA_epsilon=8", "--mean_var=10"]
        >>> flags = translate(parse(line, EVAL_ATTACKS.definitions))
        >>> flags.attack, flags.epsilon, flags.run
        (['spsa'], [0.03125], {'scale': 10.0})
    """
    values, given = flags.as_dict(), set(flags.given)
    said = {name: values.pop(name) for name in _ONLY_THEIRS}
    given -= set(_ONLY_THEIRS)
    notes: list[str] = []
    run, source_run = runs_asked(said, values, given, notes)
    _attack(said, values, given, notes, loss=(run or {}).get("loss"))
    epoch = None if said["epoch"] == "last" else said["epoch"]
    images = _SCRIPTS[said["attack_method"]].images if said["attack_method"] else None
    if said["attack_method"] and values["detection"]:
        images = 1000
    values |= {"run": run, "source_run": source_run, "epoch": epoch, "original": notes}
    values["most_images"] = None if "test_size" in given else images
    return Flags(**values, given=frozenset(given), command=flags.command)


def _attack(
    said: dict[str, Any], values: dict[str, Any], given: set[str], notes: list[str], *, loss: str | None
) -> None:
    """Enters the attack and its settings into `values` and `given`."""
    method, levels, softmax = (
        said[name] for name in ("attack_method", "spsa_epsilon", "normalize_output_for_ball")
    )
    if method is None and said["model_1"]:
        raise argument_error("attack_method", "MadryEtAl or MomentumIterativeMethod, with model_1", "none")
    if softmax is not None:
        if "adaptive" in given and values["adaptive"] == softmax:
            received = (f"--normalize_output_for_ball={softmax}", f"--adaptive={values['adaptive']}")
            raise contradiction("adaptive", *received)
        values["adaptive"] = not softmax
        notes.append(f"read as {'--adaptive' if not softmax else '--noadaptive'}") if not method else None
    if method is None:
        if levels is not None:
            _spsa_radius(levels, values, given, notes)
        return
    _check_free(method, values)
    changes, defaults = _black_box(said, values, given) if said["model_1"] else _white_box(said, given, loss)
    for name, value in changes.items():
        if name not in given:
            values[name] = value
            given.add(name)
    _ignore(method, said, values, given, notes)
    takes_objective = values["attack"][0] in SETTING_ATTACKS["objective"]
    if softmax is None and takes_objective and not said["model_1"]:
        values["adaptive"] = False
        defaults.append("--normalize_output_for_ball=True")
    words = [
        _word(name, values[name]) for name in dict.fromkeys(("attack", "targeted", *changes, "num_steps"))
    ]
    words.append(("--adaptive" if values["adaptive"] else "--noadaptive") if takes_objective else "")
    notes.insert(0, "read as " + " ".join(word for word in words if word))
    if defaults:
        notes.append("by the original's defaults: " + " ".join(defaults))


def _check_free(method: str, values: dict[str, Any]) -> None:
    """Raises a UserError if something else says what is run."""
    if values["attack"] not in (None, [method]):
        raise contradiction("attack", f"--attack={','.join(values['attack'])}", f"--attack_method={method}")
    for name in ("preset", "ensemble"):
        if values[name]:
            shown = values[name] if name == "preset" else ",".join(values[name])
            raise contradiction(name, f"--{name}={shown}", f"--attack_method={method}")


def _white_box(said: dict[str, Any], given: set[str], loss: str | None) -> tuple[dict[str, Any], list[str]]:
    """The settings of the attack that are not given, and the defaults among them, as the user would type them."""
    method = said["attack_method"]
    script, defaults = _SCRIPTS[method], []
    changes = {"attack": [method]} | script.settings
    if script.can_target and "targeted" not in given:
        changes["targeted"] = True
        defaults.append("--target=True")
    if method in ("bim", "pgd", "mim") and "num_steps" not in given:
        changes["num_steps"] = [10]
        defaults.append("--num_iter=10")
    if method == "cw" and "cw_confidence" not in given:
        changes["cw_confidence"] = 1.0
        defaults.append("--CW_confidence=1")
    if script.is_bounded:
        changes["epsilon"] = _radii(_DETECTION if "detection" in given else _WHITE_BOX)
    if method == "spsa":
        if said["spsa_epsilon"] is None and "epsilon" not in given:
            defaults.append("--SPSA_epsilon=8")
        if said["spsa_epsilon"] is not None and "epsilon" in given:
            raise contradiction("epsilon", "--epsilon", "--SPSA_epsilon")
        changes["epsilon"] = _radii([said["spsa_epsilon"] or 8])
        # CleverHans' margin, but un1 and tar1 by the patch for networks of the MMC loss.
        if loss is not None or said["normalize_output_for_ball"] is not False:
            patched = loss == "MMC" and said["normalize_output_for_ball"] is False
            changes["objective"] = "mmc" if patched else "margin"
    return changes, defaults


def _black_box(
    said: dict[str, Any], values: dict[str, Any], given: set[str]
) -> tuple[dict[str, Any], list[str]]:
    """As `_white_box`, for images that are crafted on `--model_1`."""
    method, defaults = said["attack_method"], []
    if method not in ("pgd", "mim"):
        raise argument_error("attack_method", "MadryEtAl or MomentumIterativeMethod, with model_1", method)
    if values["targeted"]:
        raise contradiction("targeted", "--target=True", "--model_1", expected="--target=False with model_1")
    changes = {
        "attack": ["transfer"],
        "transfer_method": method,
        "step_size": _STEPPED["step_size"],
        "epsilon": _radii(_BLACK_BOX),
    }
    if "num_steps" not in given:
        changes["num_steps"] = [10]
        defaults.append("--num_iter=10")
    return changes, defaults


def _ignore(
    method: str, said: dict[str, Any], values: dict[str, Any], given: set[str], notes: list[str]
) -> None:
    """Drops what the original lets one say without effect."""
    attack = values["attack"][0]
    ignored = []
    if attack != "transfer" and not _SCRIPTS[method].can_target and "targeted" in given:
        ignored.append(("targeted", "--target", False))
    if attack == "transfer" and "targeted" in given:
        given.discard("targeted")
    if "num_steps" in given and attack not in SETTING_ATTACKS["num_steps"]:
        ignored.append(("num_steps", "--num_iter", None))
    if "cw_confidence" in given and method != "cw":
        ignored.append(("cw_confidence", "--CW_confidence", None))
    for name, _, default in ignored:
        values[name] = default
        given.discard(name)
    words = [word for _, word, _ in ignored]
    if said["spsa_epsilon"] is not None and method != "spsa":
        words.append("--SPSA_epsilon")
    if said["is_auc_metric_softmax_for_mmc"] is not None:
        words.append("--is_auc_metric_softmax_for_MMC (every score is reported)")
    if words:
        notes.append(f"ignored, as the original does with this attack: {' '.join(words)}")


def _spsa_radius(levels: float, values: dict[str, Any], given: set[str], notes: list[str]) -> None:
    """`--SPSA_epsilon` beside `--attack=spsa`."""
    shown = f"--SPSA_epsilon={levels:g}"
    if "spsa" not in (values["attack"] or ()) or "epsilon" in given:
        other = "--epsilon" if "epsilon" in given else "no --attack=spsa"
        raise contradiction(
            "spsa_epsilon", shown, other, expected="--attack=spsa beside it, and no --epsilon"
        )
    values["epsilon"] = _radii([levels])
    given.add("epsilon")
    notes.append(f"read as {_word('epsilon', values['epsilon'])}")


def _radii(levels: Any) -> list[float]:
    """Grey levels as pixels."""
    return [level / _LEVELS for level in levels]


def _word(name: str, value: Any) -> str:
    """A setting as one types it; radii in 256ths where they are whole ones."""
    if value is None or (name == "targeted" and not value):
        return ""
    if isinstance(value, bool):
        return f"--{name}" if value else f"--no{name}"
    items = value if isinstance(value, list) else [value]
    return f"--{name}=" + ",".join(_number(item) if isinstance(item, float) else str(item) for item in items)


def _number(value: float) -> str:
    levels = value * _LEVELS
    return f"{levels:g}/{_LEVELS}" if value < 1 and levels == round(levels) else f"{value:g}"
