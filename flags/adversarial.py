"""Flags of adversarial training: the attack that makes the training images."""

from __future__ import annotations

from absl import flags as absl_flags

from flags.flag import definer
from flags.names import ATTACK_SPELLINGS, METHODS, NORMS, OBJECTIVES, TRAINING_ATTACKS
from flags.parsers import Boolean, Integer, Name, Number

ROOM = "Adversarial training"


def define(flag_values: absl_flags.FlagValues) -> None:
    """Enters the flags of `train_at.py` alone."""
    define = definer(flag_values, ROOM)
    define(
        "method",
        Name(choices=METHODS),
        "pgd",
        "The recipe: pgd trains on images that --attack_method made.",
    )
    define(
        "attack_method",
        Name({k: v for k, v in ATTACK_SPELLINGS.items() if v in TRAINING_ATTACKS}, choices=TRAINING_ATTACKS),
        "pgd",
        "The inner attack; CleverHans' class names (MadryEtAl, ...) are understood.",
    )
    define("norm", Name(choices=NORMS), "linf", "Norm that bounds the perturbation.")
    define(
        "epsilon",
        Number(above=0),
        None,
        "Largest perturbation, in pixels of [0, 1].",
        default_text="8/255 for CIFAR, else 0.3 (linf); must be given for other norms",
    )
    define(
        "step_size",
        Number(above=0),
        None,
        "Length of a step, in pixels of [0, 1].",
        default_text="2/255 for CIFAR in linf, else 2.5 epsilon / num_steps; epsilon for fgsm",
    )
    define(
        "num_steps",
        Integer(minimum=1),
        None,
        "Steps of the attack.",
        default_text="10; 1 for fgsm",
        aliases=("num_iter", "steps"),
    )
    define(
        "adv_ratio",
        Number(minimum=0, maximum=1),
        1.0,
        "Weight of the loss on adversarial images; the rest is on clean ones.",
    )
    define(
        "epsilon_warmup_steps",
        Integer(minimum=0),
        0,
        "Training steps over which the radius grows linearly from 0; 0: the full radius at once.",
    )
    define(
        "targeted",
        Boolean(),
        False,
        "Attack towards random classes instead of away from the true one.",
        aliases=("use_target",),
    )
    define(
        "objective",
        Name(choices=OBJECTIVES),
        None,
        "What the attack climbs.",
        default_text="the one that fits the head",
    )
    define("adaptive", Boolean(), True, "Fit the objective to the head; otherwise softmax cross-entropy.")
