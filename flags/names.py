"""Names of data sets, losses, schedules, optimizers and attacks in every spelling that the sources use."""

from __future__ import annotations

DATASETS = ("digits", "mnist", "fashion_mnist", "cifar10", "cifar100", "cifar100_coarse", "npy")
DATASET_SPELLINGS = {
    "fashionmnist": "fashion_mnist",
    "fashion-mnist": "fashion_mnist",
    "cifar-10": "cifar10",
    "cifar-100": "cifar100",
    "cifar-100-coarse": "cifar100_coarse",
    "cifar100-coarse": "cifar100_coarse",
}

LOSSES = ("SCE", "MMC", "MMC-C", "MMC-M", "MMLDA", "LGM", "Center", "EMC", "HMMC")
LOSS_SPELLINGS = {"l-gm": "LGM", "ce": "SCE", "softmax": "SCE"}

_CENTERED = ("MMC", "MMLDA", "EMC", "HMMC")
# The losses that a flag reaches; with the others it is refused. Those of MMC's forms are checked by the library.
LOSS_FLAGS = {
    **dict.fromkeys(("scale", "centers", "sub_scale", "hierarchy", "center_seed"), _CENTERED),
    **dict.fromkeys(("center_weight", "center_alpha"), ("Center",)),
    **dict.fromkeys(("lgm_margin", "lgm_weight"), ("LGM",)),
    "emc_alpha": ("EMC",),
}
# The kinds of centers that a flag reaches, beside files.
CENTER_FLAGS = {"sub_scale": ("hierarchical",), "center_seed": ("random", "spread")}

# The schedules themselves, and the check of an unknown name, belong to the library.
POLICIES = ("MMC-C", "MMC-M", "STD", "AT", "TRADES", "MMA", "MMA-MNIST", "MMA-CIFAR", "constant", "cosine")
POLICY_SPELLINGS = {name.lower(): name for name in POLICIES}

OPTIMIZERS = ("sgd", "adam", "rmsprop")
OPTIMIZER_SPELLINGS = {"mom": "sgd", "momentum": "sgd"}

ATTACK_SPELLINGS = {
    "madryetal": "pgd",
    "projectedgradientdescent": "pgd",
    "fastgradientmethod": "fgsm",
    "fgm": "fgsm",
    "momentumiterativemethod": "mim",
    "basiciterativemethod": "bim",
    "carliniwagnerl2": "cw",
    "elasticnetmethod": "ead",
    "sparsel1descent": "slide",
    "aa": "autoattack",
    "noise": "gaussian",
}

NORMS = ("linf", "l2", "l1")

# The library's registries own what follows. They are repeated here, and a test compares them, because asking
# the registries takes TensorFlow, whose import a mistyped name should not have to wait for.
ATTACK_NORMS = {
    "an_pgd": ("linf", "l2"),
    "apgd_ce": NORMS,
    "apgd_dlr": NORMS,
    "apgd_t": NORMS,
    "autoattack": NORMS,
    "bim": NORMS[:2],
    "cw": ("l2",),
    "ddn": ("l2",),
    "deepfool": ("l2", "linf"),
    "ead": ("l1",),
    "fab": NORMS,
    "fab_t": NORMS,
    "fgsm": NORMS,
    "gaussian": ("l2",),
    "mim": NORMS[:2],
    "mt_pgd": NORMS[:2],
    "pgd": NORMS,
    "rotation": ("l2",),
    "slide": ("l1",),
    "spsa": ("linf",),
    "square": NORMS,
    "transfer": NORMS[:2],
    "vote_pgd": NORMS[:2],
    "worst": NORMS,
}
# Attacks without a radius, and those whose radius only judges what they find.
UNBOUNDED = ("gaussian", "rotation")
LEAST_DISTANCE = ("an_pgd", "cw", "ddn", "deepfool", "ead", "fab", "fab_t")
# Attacks that work on a majority vote, which has no gradient; `worst` works if its members do.
ENSEMBLE_ATTACKS = ("gaussian", "rotation", "spsa", "square", "transfer", "vote_pgd")
# Attacks whose parameters have a common word before them instead of the attack's name: `--fab_alpha_max`.
APGD, FAB = ("apgd_ce", "apgd_dlr", "apgd_t"), ("fab", "fab_t")
ATTACK_FAMILIES = dict.fromkeys(APGD, "apgd") | dict.fromkeys(FAB, "fab")
_PGD_LIKE = ("bim", "mim", "mt_pgd", "pgd", "slide", "transfer", "vote_pgd")
_BALLS = tuple(name for name in ATTACK_NORMS if name not in UNBOUNDED)
# The attacks that a shared setting reaches; the others of a list go without it.
SETTING_ATTACKS = {
    "decay": ("mim",),
    "epsilon": _BALLS,
    "iterate": (*APGD, "bim", "mim", "mt_pgd", "pgd", "slide", "spsa", "vote_pgd"),
    "norm": _BALLS,
    "num_restarts": ("an_pgd", *APGD, *FAB, "mt_pgd", "pgd", "slide", "square", "vote_pgd"),
    "num_steps": ("an_pgd", *APGD, *FAB, "cw", "ddn", "deepfool", "ead", "spsa", *_PGD_LIKE),
    "objective": ("bim", "cw", "ddn", "ead", "fgsm", "mim", "pgd", "slide", "spsa", "transfer"),
    "random_start": ("pgd", "slide", "spsa", "vote_pgd"),
    "step_size": _PGD_LIKE,
    "targeted": (*APGD[:2], "bim", "cw", "ddn", "ead", "fgsm", "mim", "pgd", "slide", "spsa"),
}
# What the inner loop of adversarial training can be.
TRAINING_ATTACKS = ("bim", "fgsm", "mim", "pgd")
# What the original's evaluation scripts can be asked for, and the networks of its black-box script.
ORIGINAL_ATTACKS = ("fgsm", "bim", "pgd", "mim", "cw", "ead", "deepfool", "spsa", "gaussian", "rotation")
ORIGINAL_MODELS = ("SCE", "MMC-10", "MMC-100", "AT-SCE", "AT-MMC-10", "AT-MMC-100")
PRESETS = ("mmc_paper", "mma_paper", "pytorch_readme", "original_code")
OBJECTIVES = ("ce", "margin", "dlr", "slm", "cw", "mmc", "mmc_margin")
METHODS = ("pgd", "pgdls", "mma", "omma", "trades", "alp", "ddn", "free", "fast")
# The norms each method has, its own first choice first.
METHOD_NORMS = {
    "pgd": NORMS,
    "pgdls": NORMS,
    "mma": NORMS[:2],
    "omma": NORMS[:2],
    "trades": NORMS[:2],
    "alp": NORMS,
    "ddn": ("l2",),
    "free": NORMS[:2],
    "fast": NORMS[:2],
}
_MARGIN = ("mma", "omma")
_CRAFTED = ("pgd", "pgdls", "alp")
# The methods that a flag reaches; with the others it is refused. Flags that are not here reach all.
METHOD_FLAGS = {
    "adaptive": _CRAFTED,
    "adv_ratio": ("pgd", "pgdls", "ddn"),
    "attack_method": _CRAFTED,
    "beta": ("trades",),
    "clean_weight": ("mma",),
    "correct_by": _MARGIN,
    "epsilon": tuple(method for method in METHODS if method not in _MARGIN),
    "epsilon_warmup_epochs": ("pgdls",),
    "epsilon_delay_steps": ("pgd", "trades", "alp", "free", "fast"),
    "epsilon_warmup_steps": ("pgd", "trades", "alp", "free", "fast"),
    "margin_loss": _MARGIN,
    "max_margin": _MARGIN,
    "min_radius": _MARGIN,
    "num_bisections": _MARGIN,
    "num_replays": ("free",),
    "num_steps": tuple(method for method in METHODS if method not in ("free", "fast")),
    "objective": _CRAFTED,
    "overfitting_guard": ("fast",),
    "pairing_weight": ("alp",),
    "step_size": tuple(method for method in METHODS if method not in (*_MARGIN, "ddn")),
    "targeted": _CRAFTED[:2],
    "temperature": (*_MARGIN, "trades"),
}
# What a weight file of the original leaves open.
RELEASED_LOSSES, RELEASED_TRAININGS = ("SCE", "MMC", "MMLDA"), ("standard", "at_tar", "at_un")
MARGIN_LOSSES = ("head", "ce")
GUARDS = ("rollback", "stop", "off")
SELECTIONS = ("last", "margin")
MARGIN_ATTACKS = ("an_pgd", "ddn")


def is_cifar(dataset: str) -> bool:
    """Whether a data set takes CIFAR's recipe: colour images that are symmetric under a mirror."""
    return dataset.startswith("cifar")
