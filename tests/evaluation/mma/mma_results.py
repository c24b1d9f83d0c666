"""Results of the protocol written by hand, with the paper's numbers."""

from mmc_tf.evaluation.mma.figures import averages, transfer_gap

GRID = [level / 255 for level in (4, 8, 12, 16, 20, 24, 28, 32)]
COMBINED = [0.6482, 0.4718, 0.3149, 0.1891, 0.1016, 0.0477, 0.0197, 0.0081]
WHITE_BOX = [0.6482, 0.5020, *COMBINED[2:]]
SPREAD = {"mean": 1.09, "lower_quartile": 0.3, "median": 1.0, "upper_quartile": 1.71}


def model(name, **about):
    figures = {"name": name, "clean_accuracy": 0.8436, "runs": ["ce", "cw"], "cw": None}
    for kind, shares in (("white_box", WHITE_BOX), ("combined", COMBINED)):
        figures[kind] = averages(0.8436, shares) | {"robust_accuracy": shares}
    figures["transfer_gap"] = transfer_gap(figures["white_box"], figures["combined"])
    return figures | about


def results(*models, dataset="cifar10", norm="linf", cw=None, **protocol):
    settings = {
        "norm": norm,
        "epsilons": GRID,
        "runs_per_model": 2,
        "num_steps": 100,
        "only_survivors": False,
        "attack_precision": "float32",
    }
    return {
        "models": list(models),
        "dataset": {"name": dataset},
        "protocol": settings | protocol,
        "step_sizes": [epsilon / 4 for epsilon in GRID],
        "attacks_per_model": 4,
        "examples": 1000,
        "seed": 5,
        "warnings": [],
        "cw": cw,
    }
