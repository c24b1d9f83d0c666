"""Flags of adversarial training: the attack that makes the training images."""

from __future__ import annotations

from absl import flags as absl_flags

from flags.flag import Define, definer
from flags.names import ATTACK_SPELLINGS, GUARDS, MARGIN_LOSSES, METHODS, NORMS, OBJECTIVES, TRAINING_ATTACKS
from flags.parsers import Boolean, Integer, Name, Number

ROOM = "Adversarial training"


def define(flag_values: absl_flags.FlagValues) -> None:
    """Enters the flags of `train_at.py` alone."""
    define = definer(flag_values, ROOM)
    define(
        "method",
        Name(choices=METHODS),
        "pgd",
        "The recipe. pgd: images that --attack_method made within epsilon; pgdls: epsilon grows from 0; mma, omma: "
        "each example's own shortest perturbation, with and without the clean loss; trades: KL-regularized; alp: "
        "logit (or feature) pairing; ddn: nearest l2 images; free: replayed batches; fast: one step from a random "
        "start.",
    )
    define(
        "attack_method",
        Name({k: v for k, v in ATTACK_SPELLINGS.items() if v in TRAINING_ATTACKS}, choices=TRAINING_ATTACKS),
        "pgd",
        "The inner attack; CleverHans' class names (MadryEtAl, ...) are understood.",
    )
    define(
        "norm",
        Name(choices=NORMS),
        None,
        "Norm that bounds the perturbation.",
        default_text="linf; l2 for ddn",
    )
    define(
        "epsilon",
        Number(above=0),
        None,
        "Largest perturbation, in pixels of [0, 1].",
        default_text="8/255 for CIFAR, else 0.3 (linf); ddn: 1.0 for CIFAR, else 2.4; must be given for other norms",
    )
    define(
        "step_size",
        Number(above=0),
        None,
        "Length of a step, in pixels of [0, 1].",
        default_text="2/255 for CIFAR in linf, else 2.5 epsilon / num_steps; epsilon for fgsm and free, 1.25 epsilon "
        "for fast",
    )
    define(
        "num_steps",
        Integer(minimum=1),
        None,
        "Steps of the attack.",
        default_text="10; 1 for fgsm; 40 for mma and omma except on CIFAR; 100 for ddn",
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
        None,
        "Training steps over which the radius grows linearly from 0; 0: the full radius at once.",
        default_text="1200, at most a third of the planned steps; 0 for the loss SCE",
    )
    define(
        "epsilon_delay_steps",
        Integer(minimum=0),
        None,
        "Training steps on clean images before the radius begins to grow.",
        default_text="300, at most a third of the planned steps; 0 for the loss SCE, and with --epsilon_warmup_steps",
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
    _define_methods(definer(flag_values, "Single methods"))


def _define_methods(define: Define) -> None:
    define(
        "epsilon_warmup_epochs",
        Number(above=0),
        50.0,
        "pgdls: epochs over which the radius grows linearly from 0.",
    )
    define(
        "max_margin",
        Number(above=0),
        None,
        "mma, omma: the hinge d_max; margins beyond it are not enlarged. The search ends at 1.05 d_max.",
        default_text="linf: 12/255 for CIFAR, else 0.45; l2: 1.0 for CIFAR, else 2.0",
    )
    define(
        "min_radius",
        Number(above=0),
        None,
        "mma, omma: e_min, where the search for an example's margin starts at first.",
        default_text="linf: 0.005 for CIFAR, else 0.1; l2: 0.5",
    )
    define("num_bisections", Integer(minimum=0), 10, "mma, omma: halvings of the bracket around a margin.")
    define(
        "clean_weight",
        Number(minimum=0, maximum=1),
        1 / 3,
        "mma: weight of the loss on clean images; the rest is on those at the boundary.",
        default_text="1/3",
    )
    define(
        "margin_loss",
        Name(choices=MARGIN_LOSSES),
        "head",
        "mma, omma: the loss at the boundary: the head's own, or softmax cross-entropy at --temperature.",
    )
    define(
        "correct_by",
        Name(choices=("slm", "prediction")),
        "slm",
        "mma, omma: which examples have a margin to enlarge: soft logit margin < 0 (the authors' code), or prediction.",
    )
    define(
        "temperature",
        Number(above=0),
        None,
        "mma, omma, trades: what logits are divided by where softmax is taken of them.",
        default_text="1; for MMC, HMMC and EMC a tenth of the least squared distance of two centers",
    )
    define(
        "beta", Number(minimum=0), 6.0, "trades: weight of the divergence of clean and adversarial output."
    )
    define(
        "pairing_weight",
        Number(minimum=0),
        0.5,
        "alp: weight of the squared distance of clean and adversarial logits (center heads: features).",
    )
    define(
        "num_replays", Integer(minimum=1), 8, "free: steps on each batch; the images seen are divided by it."
    )
    define(
        "overfitting_guard",
        Name(choices=GUARDS),
        "rollback",
        "fast: when accuracy under PGD collapses: go back to the weights before and go on, stop there, or nothing.",
    )
