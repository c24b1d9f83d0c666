"""The parameters that only one attack, or one family of attacks, has: `--spsa_samples`, `--cw_confidence`, ...

A flag is named after the family and the field of the attack's class. Not given it stays None, so that the
default is the class's own; what is written here as default is for the help, and a test compares the two.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from absl import flags as absl_flags

from flags.flag import definer
from flags.names import APGD, ATTACK_FAMILIES, FAB
from flags.parsers import Boolean, Even, Integer, Name, Number, Parser

ROOM = "Attack parameters"

COUNT, ANY = Integer(minimum=1), Number()
POSITIVE, NOT_NEGATIVE = Number(above=0), Number(minimum=0)
SHARE, SHARE_ABOVE_0 = Number(minimum=0, maximum=1), Number(above=0, maximum=1)
YES_OR_NO = Boolean()


class Parameter(NamedTuple):
    """One field of the attacks that have it.

    Attributes:
        attacks: their names, all of one family.
        field: its name in their classes.
        parser: reads it, and refuses what the classes refuse.
        default: of the classes.
        meaning: the help text, with the unit.
        default_text: what a default of None comes to.
        aliases: other names of the flag.
    """

    attacks: tuple[str, ...]
    field: str
    parser: Parser
    default: Any
    meaning: str
    default_text: str | None = None
    aliases: tuple[str, ...] = ()

    @property
    def family(self) -> str:
        """The word before the field's name."""
        return ATTACK_FAMILIES.get(self.attacks[0], self.attacks[0])

    @property
    def flag(self) -> str:
        """The flag's name."""
        return f"{self.family}_{self.field}"

    @property
    def help(self) -> str:
        """The meaning, after the attacks' names where the flag's does not say them."""
        return (
            self.meaning if self.attacks == (self.family,) else f"{', '.join(self.attacks)}: {self.meaning}"
        )


TABLE = (
    Parameter(
        ("an_pgd",),
        "initial_radius",
        POSITIVE,
        None,
        "First radius, in pixels; at most --an_pgd_max_radius.",
        "epsilon, else max_radius / 4",
    ),
    Parameter(
        ("an_pgd",),
        "max_radius",
        POSITIVE,
        None,
        "How far the search goes, in pixels.",
        "1.05 times the larger of epsilon and 32/255 (linf) or 3 (l2)",
    ),
    Parameter(("an_pgd",), "num_bisections", Integer(minimum=0), 10, "Halvings of the distance's bracket."),
    Parameter(
        ("an_pgd",),
        "boundary",
        Name(choices=("prediction", "slm")),
        "prediction",
        "What the bisection looks for: another prediction, or a soft logit margin of 0 as in MMA's training.",
    ),
    Parameter(
        APGD,
        "radius_schedule",
        YES_OR_NO,
        True,
        "In l1, climb in balls of radius 3ε and 2ε before that of ε.",
    ),
    Parameter(
        APGD, "eot_iterations", COUNT, 1, "Gradients averaged for a step, for networks that draw at random."
    ),
    Parameter(
        APGD,
        "eot_majority",
        Number(minimum=0, below=1),
        0.5,
        "Share of several passes over an image, of a network that draws at random, that more must be wrong than.",
    ),
    Parameter(
        APGD[:2],
        "best_loss",
        YES_OR_NO,
        False,
        "Return the iterate of the largest objective, whatever its class.",
    ),
    Parameter(
        APGD[2:], "num_targets", COUNT, None, "Wrong classes aimed at, one after the other.", "9; 5 in l1"
    ),
    Parameter(
        ("autoattack",),
        "version",
        Name(choices=("standard", "plus", "rand")),
        "standard",
        "Which attacks it consists of; rand is for networks that draw at random.",
    ),
    Parameter(("autoattack",), "num_queries", COUNT, 5000, "Queries of its Square attack per example."),
    Parameter(("autoattack",), "num_iterations", COUNT, 100, "Steps of its APGD and FAB."),
    Parameter(
        ("cw",), "binary_search_steps", COUNT, 9, "Weights c of the margin that are tried per example."
    ),
    Parameter(("cw",), "learning_rate", POSITIVE, 5e-3, "Adam's step size, in arctanh space."),
    Parameter(("cw",), "initial_const", POSITIVE, 1e-2, "The first weight c of the margin."),
    Parameter(
        ("cw",),
        "confidence",
        NOT_NEGATIVE,
        0.0,
        "Lead κ that the wrong class must have, in logits.",
        aliases=("CW_confidence",),
    ),
    Parameter(("cw",), "abort_early", YES_OR_NO, False, "Leave a descent that no longer makes progress."),
    Parameter(("ddn",), "initial_norm", POSITIVE, 1.0, "First radius, in pixels."),
    Parameter(("ddn",), "gamma", Number(above=0, maximum=0.999), 0.05, "Share by which the radius changes."),
    Parameter(
        ("ddn",),
        "levels",
        Integer(minimum=2),
        None,
        "Grey levels that iterates are rounded to.",
        "no rounding",
    ),
    Parameter(
        ("deepfool",), "overshoot", NOT_NEGATIVE, 0.02, "How far past the boundary, as a share of the way."
    ),
    Parameter(
        ("deepfool",), "num_candidates", Integer(minimum=2), 10, "Classes whose boundaries are compared."
    ),
    Parameter(("deepfool",), "xi", NOT_NEGATIVE, None, "What each step goes too far, in pixels.", "1e-06"),
    Parameter(("deepfool",), "foolbox_compatible", YES_OR_NO, False, "Foolbox' ξ of 1e-4."),
    Parameter(
        ("deepfool",),
        "clip_to_epsilon",
        YES_OR_NO,
        False,
        "Cut the result to the ball and judge it there, as the PyTorch reimplementation did; needs --epsilon.",
    ),
    Parameter(
        ("ead",), "binary_search_steps", COUNT, 9, "Weights c of the margin that are tried per example."
    ),
    Parameter(("ead",), "learning_rate", POSITIVE, 1e-2, "First step of the descent, in pixels."),
    Parameter(("ead",), "initial_const", POSITIVE, 1e-3, "The first weight c of the margin."),
    Parameter(("ead",), "confidence", NOT_NEGATIVE, 0.0, "Lead κ that the wrong class must have, in logits."),
    Parameter(("ead",), "abort_early", YES_OR_NO, False, "Leave a descent that no longer makes progress."),
    Parameter(("ead",), "beta", NOT_NEGATIVE, 1e-2, "Weight β of the l1 norm beside the squared l2 norm."),
    Parameter(
        ("ead",),
        "decision_rule",
        Name(choices=("en", "l1")),
        "en",
        "What is kept the least of: both norms as weighted, or l1 alone.",
    ),
    Parameter(FAB, "alpha_max", SHARE, 0.1, "Largest weight of the clean image in a step."),
    Parameter(
        FAB, "overshoot", Number(minimum=1), 1.05, "How far a step goes towards the boundary, a factor."
    ),
    Parameter(FAB, "backward", SHARE_ABOVE_0, 0.9, "What is kept of the distance after a success, a factor."),
    Parameter(FAB[1:], "num_targets", COUNT, 9, "Wrong classes aimed at, one after the other."),
    Parameter(("gaussian",), "sigma", NOT_NEGATIVE, 0.05, "Standard deviation of the noise, in pixels."),
    Parameter(("gaussian",), "clip", YES_OR_NO, True, "Clip the noisy images to [0, 1]."),
    Parameter(("mt_pgd",), "num_targets", COUNT, None, "Wrong classes aimed at, one after the other.", "20"),
    Parameter(
        ("mt_pgd",),
        "variant",
        Name(choices=("margin", "tar1")),
        "margin",
        "What it climbs; tar1, the nearness to the target's center, is a diagnostic.",
    ),
    Parameter(("rotation",), "max_degrees", NOT_NEGATIVE, 30.0, "Largest angle, in degrees."),
    Parameter(("rotation",), "worst_of", COUNT, 1, "Angles that are tried per image."),
    Parameter(
        ("slide",), "quantile", Number(minimum=0, below=1), 0.99, "Share of the coordinates that stand still."
    ),
    Parameter(
        ("slide",),
        "joint_projection",
        YES_OR_NO,
        True,
        "Project on ball and box together, instead of on one after the other.",
    ),
    Parameter(("spsa",), "samples", Even(minimum=2), 128, "Queries per step."),
    Parameter(("spsa",), "delta", POSITIVE, 0.01, "Length of a probe in each coordinate, in pixels."),
    Parameter(("spsa",), "learning_rate", POSITIVE, 0.01, "Adam's step size, in pixels."),
    Parameter(
        ("spsa",), "stop_threshold", ANY, None, "Negated objective below which an example is left.", "never"
    ),
    Parameter(("spsa",), "max_images", Integer(minimum=128), 2048, "Images in one pass: bounds the memory."),
    Parameter(("square",), "num_queries", COUNT, 5000, "Queries per example and start."),
    Parameter(("square",), "p_init", SHARE_ABOVE_0, 0.8, "Share of the image in the first windows."),
    Parameter(
        ("square",),
        "rescale_schedule",
        YES_OR_NO,
        False,
        "Stretch the schedule of window sizes from 10,000 queries to --square_num_queries.",
    ),
    Parameter(
        ("transfer",),
        "method",
        Name(choices=("pgd", "mim")),
        "pgd",
        "How the images are crafted.",
        "both, one after the other",
    ),
    Parameter(
        ("vote_pgd",),
        "strategy",
        Name(choices=("ce", "cw", "away", "towards")),
        "ce",
        "What it climbs on an ensemble: the sum of the members' losses, or the vote away from its most frequent "
        "wrong label (as MMA's paper has it) or towards it.",
        "all, one after the other",
    ),
)
PARAMETERS = {parameter.flag: parameter for parameter in TABLE}


def define(flag_values: absl_flags.FlagValues) -> None:
    """Enters the flags of all attacks."""
    define = definer(flag_values, ROOM)
    for name, parameter in PARAMETERS.items():
        define(
            name,
            parameter.parser,
            None,
            parameter.help,
            default_text=parameter.default_text or parameter.parser.show(parameter.default),
            aliases=parameter.aliases,
        )
