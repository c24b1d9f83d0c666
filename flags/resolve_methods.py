"""What the flags of adversarial training come to for each method, and which of them a method has no use for."""

from __future__ import annotations

from collections.abc import Set
from typing import Any

from flags.names import METHOD_FLAGS, METHOD_NORMS, METHODS, is_cifar
from flags.refusals import check_default_epsilon, check_norm, contradiction
from mmc_tf.checks import argument_error, check_epsilon

# MMA, Appendix C, and its authors' code where the two differ: d_max and e_min by norm and kind of images.
_MARGINS = {
    ("linf", False): (0.45, 0.1),
    ("l2", False): (2.0, 0.5),
    ("linf", True): (12 / 255, 0.005),
    ("l2", True): (1.0, 0.5),
}
_DDN_RADII = {False: 2.4, True: 1.0}  # Rony et al., CVPR 2019, Section 5
MARGIN_METHODS = ("mma", "omma")
ONE_STEP_METHODS = ("free", "fast")
GROWTH_FLAGS = ("epsilon_delay_steps", "epsilon_warmup_steps")
HELD_OUT = 5000  # MMA, Appendix C
HELD_OUT_DIGITS = 200


def resolve_method(values: dict[str, Any], given: Set[str]) -> dict[str, Any]:
    """The flags of a method with its own defaults.

    Args:
        values: all flags of `train_at.py`.
        given: names that the command line holds.

    Raises:
        UserError: for a flag that the method has no use for, or a norm that it does not have.
    """
    method = values["method"]
    _check_flags(method, given)
    norm = values["norm"] or METHOD_NORMS[method][0]
    if norm not in METHOD_NORMS[method]:
        raise argument_error(
            "norm", f"one of {', '.join(METHOD_NORMS[method])} for the method {method}", norm
        )
    if method in METHOD_FLAGS["attack_method"]:
        check_norm(values["attack_method"], norm)
    return {"norm": norm} | _lengths(values, norm) | _margins(values, norm) | _growth(method)


def resolve_selection(values: dict[str, Any]) -> dict[str, Any]:
    """How the finished weights are chosen, and what is held out for it.

    Raises:
        UserError: for a selection without images to select on.
    """
    method = values.get("method", "standard")
    selection = values["selection"] or ("margin" if method in MARGIN_METHODS else "last")
    size = values["validation_size"]
    if selection == "margin":
        if size == 0:
            raise argument_error("validation_size", "images to select on with --selection=margin", 0)
        size = size or (HELD_OUT_DIGITS if values["dataset"] == "digits" else HELD_OUT)
    norm = values["margin_norm"] or (values.get("norm") if values.get("norm") != "l1" else None) or "linf"
    if values["margin_attack"] == "ddn" and values["track_margins"] and norm != "l2":
        raise argument_error("margin_norm", "l2 with --margin_attack=ddn", norm)
    return {"selection": selection, "validation_size": size or 0, "margin_norm": norm}


def _check_flags(method: str, given: Set[str]) -> None:
    for name, methods in METHOD_FLAGS.items():
        if name in given and method not in methods:
            able = ", ".join(each for each in METHODS if each in methods)
            raise contradiction(
                name, f"--{name} with --method={method}", expected=f"one of the methods {able}"
            )


def _lengths(values: dict[str, Any], norm: str) -> dict[str, Any]:
    """Radius, step and number of steps; a method with a radius for each example has no ε."""
    method, cifar = values["method"], is_cifar(values["dataset"])
    epsilon, step_size, num_steps = values["epsilon"], values["step_size"], values["num_steps"]
    if method in MARGIN_METHODS:
        return {"epsilon": None, "step_size": None, "num_steps": num_steps or (10 if cifar else 40)}
    if method == "ddn":
        return {"epsilon": epsilon or _DDN_RADII[cifar], "step_size": None, "num_steps": num_steps or 100}
    if epsilon is None:
        check_default_epsilon(norm)
        epsilon = 8 / 255 if cifar else 0.3
    check_epsilon("epsilon", epsilon, norm=norm)
    if method == "free":
        return {"epsilon": epsilon, "num_steps": 1, "step_size": step_size or epsilon}
    if method == "fast":
        return {"epsilon": epsilon, "num_steps": 1, "step_size": step_size or 1.25 * epsilon}
    if method in METHOD_FLAGS["attack_method"] and values["attack_method"] == "fgsm":
        if num_steps not in (None, 1):
            raise contradiction("num_steps", "--attack_method=fgsm (one step)", f"--num_steps={num_steps}")
        return {"epsilon": epsilon, "num_steps": 1, "step_size": step_size or epsilon}
    num_steps = num_steps or 10
    default_step = 2 / 255 if cifar and norm == "linf" else 2.5 * epsilon / num_steps
    return {"epsilon": epsilon, "num_steps": num_steps, "step_size": step_size or default_step}


def _growth(method: str) -> dict[str, Any]:
    """No growth where a method has none; elsewhere the plan knows the default, which depends on the run's length."""
    return {name: 0 for name in GROWTH_FLAGS if method not in METHOD_FLAGS[name]}


def _margins(values: dict[str, Any], norm: str) -> dict[str, Any]:
    """d_max and e_min."""
    if values["method"] not in MARGIN_METHODS:
        return {}
    max_margin, min_radius = _MARGINS[norm, is_cifar(values["dataset"])]
    return {
        "max_margin": values["max_margin"] or max_margin,
        "min_radius": values["min_radius"] or min_radius,
    }
