"""Flags of the evaluation under attack."""

from __future__ import annotations

from absl import flags as absl_flags

from flags.flag import define_alias, definer
from flags.names import ATTACK_NORMS, ATTACK_SPELLINGS, NORMS, OBJECTIVES, PRESETS
from flags.parsers import Boolean, Integer, ListOf, Name, Number, Parser

ROOM = "Evaluation"
DEFAULT_BATCH_SIZE = 100


def define(flag_values: absl_flags.FlagValues) -> None:
    """Enters the flags of `eval_attacks.py` alone; to be called after the common ones."""
    flag_values.set_default("batch_size", DEFAULT_BATCH_SIZE)
    define_alias(flag_values, "examples", alias_of="test_size")
    define = definer(flag_values, ROOM)
    define(
        "checkpoint",
        Parser(),
        None,
        "What is attacked: a run's folder or a .keras file.",
        default_text="the newest finished run in --runs_dir",
    )
    define(
        "ensemble",
        ListOf(Parser()),
        None,
        "Runs or .keras files whose majority vote is attacked, instead of --checkpoint.",
    )
    define(
        "input_range",
        ListOf(Number()),
        None,
        "LOW,HIGH: the pixels that the networks take, such as 0,255; images, radii and steps stay in [0, 1].",
        default_text="0,1, and a network that seems to take others is refused or warned of",
    )
    define(
        "attack",
        ListOf(Name(ATTACK_SPELLINGS, choices=(*ATTACK_NORMS, "help"))),
        None,
        "The attacks, also by CleverHans' class names (MadryEtAl, ...); help describes them.",
        default_text="pgd, with --ensemble vote_pgd; with --preset all of its",
    )
    define(
        "preset",
        Name(choices=PRESETS),
        None,
        "The attacks of a source with all their parameters; --attack, --norm and --epsilon choose among them.",
    )
    define(
        "transfer_from",
        ListOf(Parser()),
        None,
        "Runs or .keras files on which --attack=transfer crafts its images.",
    )
    define("adaptive", Boolean(), True, "Fit the objective to the head; otherwise softmax cross-entropy.")
    define(
        "objective",
        Name(choices=OBJECTIVES),
        None,
        "What the attacks climb.",
        default_text="the one that fits head and attack",
    )
    define(
        "norm",
        Name(choices=NORMS),
        None,
        "Norm of the perturbation.",
        default_text="the attack's first: linf where it has it, l2 for cw, ddn, deepfool, l1 for slide, ead",
    )
    define(
        "epsilon",
        ListOf(Number(above=0)),
        None,
        "Largest perturbations, in pixels of [0, 1].",
        default_text="8/255 for CIFAR, else 0.3 (linf); must be given for other norms; none for attacks that "
        "look for the least distance",
    )
    define(
        "step_size",
        Number(above=0),
        None,
        "Length of a step, in pixels of [0, 1].",
        default_text="the attack's",
    )
    define(
        "num_steps",
        ListOf(Integer(minimum=1)),
        None,
        "Steps of the attacks.",
        default_text="the attack's",
    )
    define(
        "num_restarts",
        Integer(minimum=1),
        None,
        "Random starts of the attacks.",
        default_text="the attack's",
    )
    define(
        "random_start",
        Boolean(),
        None,
        "Start at a random point of the ball instead of at the clean image.",
        default_text="true for pgd and spsa, false for slide",
    )
    define("decay", Number(minimum=0), None, "Weight of the earlier gradients in mim.", default_text="1")
    define(
        "targeted",
        Boolean(),
        False,
        "Attack towards random classes instead of away from the true one.",
    )
    define(
        "iterate",
        Name(choices=("any", "last")),
        "any",
        "An attack succeeds if any iterate does, or only by its last one, the papers' protocol.",
    )
    define(
        "attack_precision",
        Name(choices=("float32", "bfloat16", "auto")),
        "auto",
        "What the steps of the attacks are computed in; auto: the faster on this machine, by measurement. Success is "
        "always judged in float32.",
    )
    define(
        "diagnose",
        Boolean(),
        False,
        "Also probe a hundred images with short attacks of other kinds, to see whether the numbers are artefacts.",
    )
    define(
        "detection",
        Boolean(),
        False,
        "Also score clean and adversarial images and report how well the scores tell them apart (AUC).",
        aliases=("is_calculate_auc",),
    )
    define("report", Boolean(), True, "Draw report.html, figures/, table.md and table.tex at the end.")
    define(
        "num_shards",
        Integer(minimum=1),
        None,
        "Machines that share the test images; each runs with its own --shard_index, and "
        "`python -m mmc_tf.evaluation merge` joins their results.",
        default_text="one machine attacks all",
    )
    define(
        "shard_index",
        Integer(minimum=0),
        None,
        "Which share to attack, 0 to num_shards - 1: every num_shards-th image from this index on.",
        default_text="must be given beside --num_shards",
    )
    define(
        "strategy",
        Name(choices=("auto", "none", "mirrored")),
        "auto",
        "Devices: one, or all GPUs of this machine, each with its part of every batch.",
    )
    define(
        "output_dir",
        Parser(),
        None,
        "Folder of the results.",
        default_text="results/<run>/<time>, with the shard in its name",
    )
    define("resume", Boolean(), False, "Go on with an evaluation that was interrupted.")
    define("overwrite", Boolean(), False, "Replace earlier results in the same folder.")
