"""Names of data sets, losses, schedules, optimizers and attacks in every spelling that the sources use."""

from __future__ import annotations

DATASETS = ("digits", "mnist", "fashion_mnist", "cifar10", "cifar100", "cifar100_coarse")
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
}

NORMS = ("linf", "l2", "l1")

# The library's registries own the next three. They are repeated here, and a test compares them, because asking
# the registries takes TensorFlow, whose import a mistyped name should not have to wait for.
ATTACK_NORMS = {"bim": NORMS[:2], "fgsm": NORMS, "mim": NORMS[:2], "pgd": NORMS}
OBJECTIVES = ("ce", "margin", "dlr", "slm", "cw", "mmc", "mmc_margin")
METHODS = ("pgd",)


def is_cifar(dataset: str) -> bool:
    """Whether a data set takes CIFAR's recipe: colour images that are symmetric under a mirror."""
    return dataset.startswith("cifar")
