"""Each preset's attacks against the settings that its source publishes."""

from types import SimpleNamespace

import pytest

from mmc_tf.checks import UserError
from mmc_tf.evaluation.plan import plan_attacks
from mmc_tf.evaluation.presets import PRESETS, Subject

MMC_HEAD = SimpleNamespace(has_centers=True, adaptive_objective="mmc")
MMLDA_HEAD = SimpleNamespace(has_centers=True, adaptive_objective="ce")
NO_HEAD = None


def planned(preset, *, dataset="cifar10", head=MMC_HEAD, attack=(), norm=None, epsilon=None):
    options = SimpleNamespace(preset=preset, attack=list(attack), norm=norm, epsilon=epsilon)
    return plan_attacks(options, dataset=dataset, head=head)


def settings_of(preset, head=MMC_HEAD, **choice):
    """Every attack's settings with the objective that it climbs."""
    return [
        attack.settings() | {"climbs": attack.choose_objective(head)}
        for _, attack in planned(preset, head=head, **choice)
    ]


def columns(rows, *names):
    return [tuple(row.get(name) for name in names) for row in rows]


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("dataset", ["cifar10", "mnist"])
@pytest.mark.parametrize("head", [MMC_HEAD, NO_HEAD])
def test_every_attack_can_be_built_and_none_is_lost_for_its_label(preset, dataset, head):
    entries = list(PRESETS[preset](Subject(dataset, getattr(head, "adaptive_objective", "ce"))))
    assert len(planned(preset, dataset=dataset, head=head)) == len(entries) > 10


def test_the_mmc_paper_s_pgd():
    rows = settings_of("mmc_paper", attack=["pgd"])
    names = ("epsilon", "num_steps", "targeted")
    assert columns(rows, *names) == [
        (epsilon, num_steps, targeted)
        for epsilon in (8 / 255, 16 / 255)
        for num_steps in (10, 50)
        for targeted in (True, False)
    ]
    fixed = ("norm", "step_size", "num_restarts", "random_start", "iterate", "climbs")
    assert set(columns(rows, *fixed)) == {("linf", 2 / 255, 5, True, "last", "mmc")}
    assert {row["climbs"] for row in settings_of("mmc_paper", NO_HEAD, attack=["pgd"])} == {"ce"}


def test_the_mmc_paper_s_other_attacks():
    search = (
        "norm",
        "epsilon",
        "targeted",
        "binary_search_steps",
        "initial_const",
        "num_steps",
        "learning_rate",
    )
    rows = settings_of("mmc_paper", attack=["cw"])
    assert columns(rows, *search, "confidence", "abort_early", "climbs") == [
        ("l2", None, targeted, 9, 0.01, 1000, 0.005, 0.0, False, "mmc_margin") for targeted in (True, False)
    ]
    rows = settings_of("mmc_paper", attack=["spsa"])
    assert columns(rows, "epsilon", "samples", "targeted") == [
        *((epsilon, 128, targeted) for epsilon in (8 / 255, 16 / 255) for targeted in (True, False)),
        *((8 / 255, samples, targeted) for samples in (4096, 8192) for targeted in (True, False)),  # Table 3
    ]
    fixed = ("delta", "learning_rate", "num_steps", "random_start", "stop_threshold", "iterate", "climbs")
    assert set(columns(rows, *fixed)) == {(0.01, 0.01, 10, True, None, "last", "mmc")}
    for head in (NO_HEAD, MMLDA_HEAD):
        others = settings_of("mmc_paper", head, attack=["spsa"])
        assert set(columns(others, "samples", "climbs")) == {(128, "margin")}
    (noise,) = settings_of("mmc_paper", attack=["gaussian"])
    (rotation,) = settings_of("mmc_paper", attack=["rotation"])
    assert (noise["sigma"], noise["clip"]) == (0.05, False)
    assert (rotation["max_degrees"], rotation["worst_of"]) == (30.0, 1)


@pytest.mark.parametrize(
    ("dataset", "norm", "radii", "step", "at", "runs"),
    [
        ("cifar10", "linf", [level / 255 for level in range(4, 33, 4)], 2 / 255, 8 / 255, 5),
        ("cifar10", "l2", [0.5, 1.0, 1.5, 2.0, 2.5], 0.25, 1.0, 5),
        ("mnist", "linf", [0.1, 0.2, 0.3, 0.4], 0.0075, 0.3, 25),
        ("mnist", "l2", [1.0, 2.0, 3.0, 4.0], 0.25, 1.0, 25),
    ],
)
def test_the_mma_paper_s_pgd(dataset, norm, radii, step, at, runs):
    rows = settings_of("mma_paper", dataset=dataset, attack=["pgd"], norm=norm)
    assert columns(rows, "epsilon", "climbs") == [(radius, name) for radius in radii for name in ("ce", "cw")]
    fixed = ("num_steps", "num_restarts", "random_start", "targeted", "iterate")
    assert set(columns(rows, *fixed)) == {(100, runs, True, False, "last")}
    for row in rows:  # linear in the radius
        assert row["step_size"] == pytest.approx(step * row["epsilon"] / at)


@pytest.mark.parametrize(("dataset", "epsilon"), [("cifar10", 8 / 255), ("mnist", 0.3)])
def test_the_mma_paper_s_other_attacks(dataset, epsilon):
    (spsa,) = settings_of("mma_paper", dataset=dataset, attack=["spsa"])
    fixed = ("epsilon", "samples", "delta", "learning_rate", "num_steps", "random_start")
    assert columns([spsa], *fixed) == [(epsilon, 2048, 0.01, 0.01, 100, False)]
    assert (spsa["iterate"], spsa["stop_threshold"]) == ("last", -5.0)
    (cw,) = settings_of("mma_paper", dataset=dataset, attack=["cw"])
    (ddn,) = settings_of("mma_paper", dataset=dataset, attack=["ddn"])
    assert columns([cw, ddn], "epsilon", "targeted", "num_steps") == [(None, False, 1000)] * 2


def test_the_readme_s_rows():
    rows = settings_of("pytorch_readme")
    names = ("attack", "norm", "epsilon", "num_steps", "step_size")
    at = {epsilon: epsilon / 255 for epsilon in (8, 16)}
    assert columns(rows, *names) == [
        *(
            row
            for epsilon in at.values()
            for row in (
                ("fgsm", "linf", epsilon, 1, None),
                ("pgd", "linf", epsilon, 10, epsilon / 4),
                ("pgd", "linf", epsilon, 40, epsilon / 10),
                ("deepfool", "linf", epsilon, 50, None),
                ("autoattack", "linf", epsilon, None, None),
            )
        ),
        ("pgd", "l2", 0.5, 50, 0.05),
        ("deepfool", "l2", 0.5, 50, None),
        ("cw", "l2", 0.5, 1000, None),
        ("autoattack", "l2", 0.5, None, None),
        ("pgd", "l1", 12.0, 50, 0.6),
        ("slide", "l1", 12.0, 50, 0.6),
    ]


def test_the_readme_s_attacks_climb_cross_entropy_and_keep_the_last_iterate():
    rows = settings_of("pytorch_readme", attack=["fgsm", "pgd", "slide"])
    assert {row["climbs"] for row in rows} == {"ce"}
    several = [row for row in rows if row["attack"] != "fgsm"]
    assert {row["iterate"] for row in several} == {"last"}
    assert {(row["num_restarts"], row["random_start"]) for row in several if row["attack"] == "pgd"} == {
        (1, True)
    }
    (slide,) = settings_of("pytorch_readme", attack=["slide"])
    assert (slide["quantile"], slide["random_start"], slide["joint_projection"]) == (0.99, False, False)


def test_the_readme_s_other_settings():
    for row in settings_of("pytorch_readme", attack=["deepfool"]):
        assert (row["overshoot"], row["num_candidates"], row["clip_to_epsilon"]) == (0.02, 10, True)
    (cw,) = settings_of("pytorch_readme", attack=["cw"])
    assert (cw["binary_search_steps"], cw["initial_const"], cw["learning_rate"]) == (9, 1e-3, 0.01)
    assert cw["climbs"] == "margin"
    assert {row["version"] for row in settings_of("pytorch_readme", attack=["autoattack"])} == {"standard"}


def test_the_original_code_s_256ths():
    rows = settings_of("original_code")
    gradient = [row for row in rows if row["attack"] in ("fgsm", "bim", "pgd", "mim")]
    assert columns(gradient, "attack", "epsilon") == [
        (attack, level / 256) for level in (8, 16, 24, 32) for attack in ("fgsm", "bim", "pgd", "mim")
    ]
    several = [row for row in gradient if row["attack"] != "fgsm"]
    assert set(columns(several, "num_steps", "step_size", "iterate")) == {(10, 2 / 256, "last")}
    spsa = [row for row in rows if row["attack"] == "spsa"]
    assert columns(spsa, "epsilon", "samples", "climbs", "iterate") == [
        (level / 256, 128, "mmc", "last") for level in (8, 16)
    ]
    (cw,) = (row for row in rows if row["attack"] == "cw")
    assert (cw["abort_early"], cw["binary_search_steps"], cw["learning_rate"]) == (True, 9, 0.005)
    (ead,) = (row for row in rows if row["attack"] == "ead")
    names = ("binary_search_steps", "initial_const", "confidence", "learning_rate", "num_steps", "beta")
    assert columns([ead], *names, "decision_rule") == [(1, 1.0, 0.1, 0.01, 1000, 0.01, "en")]
    (noise,) = (row for row in rows if row["attack"] == "gaussian")
    assert (noise["sigma"], noise["clip"]) == (0.05, False)


def test_attack_norm_and_radius_choose_among_a_preset():
    chosen = planned("pytorch_readme", attack=["pgd", "deepfool"], norm="linf", epsilon=[8 / 255])
    assert [label.split(" linf")[0].split()[0] for label, _ in chosen] == ["pgd-10", "pgd-40", "deepfool-50"]
    with pytest.raises(UserError, match=r"preset.*an attack, norm and radius of pytorch_readme.*slide"):
        planned("pytorch_readme", attack=["spsa"])
    with pytest.raises(UserError, match=r"preset.*one of mma_paper, mmc_paper"):
        planned("cvpr")
