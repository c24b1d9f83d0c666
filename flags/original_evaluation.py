"""Flags of the original's evaluation scripts: which run is meant, told by how it was trained, and which attack.

The original finds a checkpoint by repeating the flags of its training. `flags.resolve_original` translates what is
here, so that the library never sees it. What is not given asks nothing of a run: only what the user says counts.
"""

from __future__ import annotations

from absl import flags as absl_flags

from flags.flag import Define, define_alias, definer
from flags.names import (
    ATTACK_SPELLINGS,
    OPTIMIZER_SPELLINGS,
    OPTIMIZERS,
    ORIGINAL_ATTACKS,
    ORIGINAL_MODELS,
    TRAINING_ATTACKS,
)
from flags.parsers import Boolean, Epoch, Integer, Name, Number

RUN_ROOM = "Which run, by how it was trained"
ATTACK_ROOM = "Attacks as the original's scripts name them"
_ANY = "any"


def define(flag_values: absl_flags.FlagValues) -> None:
    """Enters the original's evaluation flags; to be called after those of the evaluation."""
    define_alias(flag_values, "num_iter", alias_of="num_steps")
    define_alias(flag_values, "target", alias_of="targeted")
    _define_run(definer(flag_values, RUN_ROOM))
    _define_attack(definer(flag_values, ATTACK_ROOM))


def _define_run(define: Define) -> None:
    define(
        "use_mmlda",
        Boolean(),
        None,
        "True: the loss MMC, or MMLDA with --use_ball=False. False: SCE.",
        default_text=_ANY,
        aliases=("use_MMLDA",),
    )
    define("use_ball", Boolean(), None, "True: the loss MMC. False: MMLDA.", default_text=_ANY)
    define(
        "scale",
        Number(above=0),
        None,
        "C_MM of the loss; of no consequence with SCE.",
        default_text=_ANY,
        aliases=("mean_var",),
    )
    define("version", Integer(minimum=1, maximum=2), None, "Version of the ResNet.", default_text=_ANY)
    define("use_bn", Boolean(), None, "Batch normalization.", default_text=_ANY, aliases=("use_BN",))
    define("use_dense", Boolean(), None, "The auxiliary dense layer.", default_text=_ANY)
    define("use_leaky", Boolean(), None, "Leaky ReLU.", default_text=_ANY)
    define("use_random", Boolean(), None, "Random centers.", default_text=_ANY)
    define(
        "optimizer",
        Name(OPTIMIZER_SPELLINGS, choices=OPTIMIZERS),
        None,
        "What moved the weights; `mom` means sgd.",
        default_text=_ANY,
    )
    define("lr", Number(above=0), None, "Learning rate before any decay.", default_text=_ANY)
    define(
        "use_advtrain",
        Boolean(),
        None,
        "Trained adversarially by train_at.py (with --method=pgd), or the standard way.",
        default_text=_ANY,
    )
    spellings = {theirs: ours for theirs, ours in ATTACK_SPELLINGS.items() if ours in TRAINING_ATTACKS}
    define(
        "attack_method_for_advtrain",
        Name(spellings, choices=("none", *TRAINING_ATTACKS)),
        None,
        "The inner attack of adversarial training.",
        default_text=_ANY,
    )
    define(
        "use_target",
        Boolean(),
        None,
        "Whether that attack was targeted; what --targeted says is for the attack of now.",
        default_text=_ANY,
    )
    define(
        "adv_ratio",
        Number(minimum=0, maximum=1),
        None,
        "Weight of the adversarial images in training.",
        default_text=_ANY,
    )
    define(
        "epoch",
        Epoch(),
        None,
        "The epoch after which the weights were saved: a run keeps its last; [epoch], as the README writes, means it.",
        default_text="the last",
    )


def _define_attack(define: Define) -> None:
    define(
        "attack_method",
        Name(
            {theirs: ours for theirs, ours in ATTACK_SPELLINGS.items() if ours in ORIGINAL_ATTACKS},
            choices=ORIGINAL_ATTACKS,
        ),
        None,
        "The attack, with all settings that the original's scripts give it (docs/original.md); CleverHans' class "
        "names are understood.",
        default_text="--attack",
    )
    define(
        "spsa_epsilon",
        Number(above=0),
        None,
        "Radius of SPSA, in 256ths of the pixel range: 8 is --epsilon=8/256.",
        default_text="8 with --attack_method=SPSA",
        aliases=("SPSA_epsilon",),
    )
    define(
        "normalize_output_for_ball",
        Boolean(),
        None,
        "True: --noadaptive, the softmax is attacked. False: --adaptive.",
        default_text="true with --attack_method, as in the original; else what --adaptive says",
    )
    define(
        "model_1",
        Name(choices=ORIGINAL_MODELS),
        None,
        "The network to craft on, for --attack_method=MadryEtAl or MomentumIterativeMethod.",
        default_text="white box",
    )
    define(
        "model_2",
        Name(choices=ORIGINAL_MODELS),
        None,
        "The network that --model_1's images are tried on.",
        default_text="white box",
    )
    define(
        "is_auc_metric_softmax_for_mmc",
        Boolean(),
        None,
        "Changes nothing: --detection reports every score.",
        default_text="all scores",
        aliases=("is_auc_metric_softmax_for_MMC",),
    )
