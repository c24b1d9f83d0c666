"""Records as an evaluation writes them, with what their attacks left."""

from mmc_tf.evaluation.statistics import wilson_interval


def record(
    attack="pgd", robust=500, *, examples=1000, num_steps=10, objective="mmc", epsilon=8 / 255, **more
):
    content = {
        "label": f"{attack}-{num_steps} {objective} {epsilon or 0:.3f}",
        "attack": attack,
        "norm": "linf",
        "epsilon": epsilon,
        "num_steps": num_steps,
        "num_restarts": 1,
        "targeted": False,
        "objective": objective,
        "adaptive": True,
        "radius": "fixed",
        "differentiates": attack not in ("square", "spsa", "transfer"),
        "examples": examples,
        "robust": robust,
        "robust_accuracy": robust / examples,
        "interval": list(wilson_interval(robust, examples)),
        "zero_gradient_rate": 0.0,
    }
    return content | more


def codes(findings):
    return [finding.code for finding in findings]


def autoattack(label="autoattack", **left):
    """AutoAttack's record with what its stages left, in order."""
    names = {"objective": None, "num_steps": 1}
    stages = [record(name, robust, label=name, objective=None) for name, robust in left.items()]
    return record("autoattack", stages[-1]["robust"], label=label, waterfall=stages, **names)
