import dataclasses
from types import SimpleNamespace

import pytest

from mmc_tf.attacks import make
from mmc_tf.evaluation import records
from mmc_tf.evaluation.presets import PRESETS, Subject
from mmc_tf.evaluation.published import (
    PAPER,
    README,
    ROWS,
    TABLE_2,
    TABLE_3,
    TABLE_4,
    TABLE_5,
    find_published,
    published_network,
    published_subject,
)


def find(loss="MMC", training="standard", dataset="cifar10", network=None, **record):
    asked = {
        "attack": "pgd",
        "norm": "linf",
        "epsilon": 8 / 255,
        "num_steps": 10,
        "targeted": False,
        "adaptive": True,
    }
    return find_published(asked | record, dataset=dataset, loss=loss, training=training, network=network)


def test_table_1_is_whole():
    # 9 networks, 2 radii, 4 attacks.
    assert sum(row.source == PAPER for row in ROWS) == 72


@pytest.mark.parametrize(
    ("loss", "training", "epsilon", "num_steps", "targeted", "text"),
    [
        ("MMC", "standard", 8 / 255, 10, True, "48.7 %"),
        ("MMC", "standard", 8 / 255, 10, False, "36.0 %"),
        ("MMC", "standard", 16 / 255, 50, True, "13.4 %"),
        ("MMC", "standard", 16 / 255, 50, False, "17.5 %"),
        ("MMC-C", "standard", 8 / 255, 50, False, "24.8 %"),
        ("LGM", "standard", 16 / 255, 10, False, "11.0 %"),
        ("MMC", "at_un", 16 / 255, 50, False, "27.7 %"),
        ("MMC", "at_tar", 8 / 255, 10, False, "54.8 %"),
    ],
)
def test_table_1(loss, training, epsilon, num_steps, targeted, text):
    rows = find(loss, training, epsilon=epsilon, num_steps=num_steps, targeted=targeted)
    assert [(row.text, row.source) for row in rows] == [(text, PAPER)]


def test_at_most_one_percent():
    (paper,) = find("SCE", targeted=True)
    assert (paper.text, paper.robust_accuracy, paper.clean_accuracy) == ("≤1 %", None, pytest.approx(0.929))


def test_the_readme_rows_are_the_non_adaptive_ones():
    assert [row.text for row in find(adaptive=False)] == ["84.7 %"]
    assert [row.text for row in find(adaptive=False, num_steps=40)] == ["84.3 %"]
    (fgsm,) = find(adaptive=False, attack="fgsm", num_steps=1, epsilon=16 / 255)
    assert (fgsm.text, fgsm.source) == ("86.7 %", README)
    assert [row.text for row in find(adaptive=False, norm="l2", epsilon=0.5, num_steps=50)] == ["88.0 %"]


def test_without_centers_both_sources_compare():
    assert [(row.text, row.source) for row in find("SCE")] == [("3.7 %", PAPER), ("0.0 %", README)]


@pytest.mark.parametrize(
    "other",
    [
        {"dataset": "mnist"},
        {"loss": "EMC"},
        {"training": None},
        {"training": "at_un", "loss": "LGM"},
        {"num_steps": 20},
        {"epsilon": 8 / 256},
        {"norm": "l2"},
        {"attack": "mim"},
    ],
)
def test_nothing_published_compares(other):
    assert find(**other) == []


LINF_8, LINF_16 = {"norm": "linf", "epsilon": 8 / 255}, {"norm": "linf", "epsilon": 16 / 255}
L2, L1 = {"norm": "l2", "epsilon": 0.5}, {"norm": "l1", "epsilon": 12.0}
NAIVE, CW = {"adaptive": False}, {"attack": "cw", "num_steps": 1000}
AA = {"attack": "autoattack", "num_steps": 1, "parameters": {"version": "standard"}}
SEARCH = {"parameters": {"binary_search_steps": 9}}


def readme_of(loss, asked):
    return [row.text for row in find(loss, **asked) if row.source == README]


@pytest.mark.parametrize(
    ("asked", "mmc", "sce"),
    [
        (NAIVE | LINF_8 | {"attack": "fgsm", "num_steps": 1}, 86.33, 21.80),
        (NAIVE | LINF_8 | {"num_steps": 10}, 84.71, 0.0),
        (NAIVE | LINF_8 | {"num_steps": 40}, 84.31, None),
        (LINF_8 | {"attack": "deepfool", "num_steps": 50}, 34.35, 0.02),
        (LINF_8 | AA, 0.0, 0.0),
        (NAIVE | LINF_16 | {"attack": "fgsm", "num_steps": 1}, 86.65, None),
        (NAIVE | LINF_16 | {"num_steps": 10}, 78.22, None),
        (NAIVE | LINF_16 | {"num_steps": 40}, 77.63, None),
        (LINF_16 | {"attack": "deepfool", "num_steps": 50}, 12.50, None),
        (LINF_16 | AA, 0.0, None),
        (NAIVE | L2 | {"num_steps": 50}, 88.02, 0.01),
        (L2 | {"attack": "deepfool", "num_steps": 50}, 53.38, 0.66),
        (L2 | CW | SEARCH, 2.41, 0.0),
        (L2 | AA, 0.09, None),
        (NAIVE | L1 | {"num_steps": 50}, 88.30, 0.62),
        (NAIVE | L1 | {"attack": "slide", "num_steps": 50}, 86.80, 0.69),
    ],
)
def test_the_whole_readme(asked, mmc, sce):
    assert readme_of("MMC-C", asked) == [f"{mmc:.1f} %"]
    assert readme_of("SCE", asked) == ([] if sce is None else [f"{sce:.1f} %"])


def test_autoattack_of_another_version_is_another_attack():
    assert find(**(LINF_8 | AA | {"parameters": {"version": "plus"}})) == []


@pytest.mark.parametrize(
    ("loss", "training", "tar", "un", "spsa", "noise", "rotation"),
    [
        ("SCE", "standard", 0.12, 0.07, ("12.3", "1.2", "5.1", "≤1"), "52.0", "83.5"),
        ("MMC", "standard", 0.34, 0.17, ("69.5", "56.9", "57.2", "41.5"), "69.3", "87.2"),
        ("LGM", "standard", 0.23, 0.12, ("61.9", "45.9", "46.1", "28.2"), "59.2", "82.4"),
        ("MMC", "at_un", 1.55, 0.73, ("80.4", "69.6", "74.6", "62.4"), "80.3", "75.8"),
        ("MMC", "at_tar", 1.91, 0.85, ("79.1", "69.2", "74.5", "62.7"), "83.5", "75.2"),
    ],
)
def test_table_2(loss, training, tar, un, spsa, noise, rotation):
    def only(**asked):
        (row,) = find(loss, training, **asked)
        assert row.source == TABLE_2
        return row.text

    anywhere = {"norm": "l2", "epsilon": None}
    for targeted, distance in ((True, tar), (False, un)):
        assert only(targeted=targeted, **anywhere, **CW, **SEARCH) == f"mean l2 {distance}"
    asked = [(ball, targeted) for ball in (LINF_8, LINF_16) for targeted in (True, False)]
    for (ball, targeted), text in zip(asked, spsa, strict=True):
        found = only(attack="spsa", targeted=targeted, parameters={"samples": 128}, **ball)
        assert found == f"{text} %"
    still = anywhere | {"num_steps": 1}
    assert only(attack="gaussian", parameters={"sigma": 0.05}, **still) == f"{noise} %"
    turn = {"max_degrees": 30.0, "worst_of": 1}
    assert only(attack="rotation", parameters=turn, **still) == f"{rotation} %"
    assert find(loss, training, attack="rotation", parameters=turn | {"worst_of": 10}, **still) == []


def test_distances_compare_at_any_radius():
    texts = [(row.text, row.source) for row in find(**(L2 | CW | SEARCH))]
    assert texts == [("mean l2 0.17", TABLE_2), ("2.4 %", README)]


def test_more_queries_and_cifar_100():
    (row,) = find(attack="spsa", parameters={"samples": 8192})
    assert (row.text, row.source) == ("37.0 %", TABLE_3)
    assert [(row.text, row.source) for row in find(dataset="cifar100")] == [("23.4 %", TABLE_4)]
    (row,) = find(dataset="cifar100", attack="spsa", parameters={"samples": 128}, targeted=True)
    assert (row.text, row.clean_accuracy) == ("33.4 %", pytest.approx(0.719))


@pytest.mark.parametrize(
    ("dataset", "loss", "network", "clean", "percents"),
    [
        ("cifar10", "SCE", "ResNet-32", 93.6, "≤1 3.7 ≤1 3.6 ≤1 2.7 ≤1 2.9"),
        ("cifar10", "MMC", "ResNet-32", 92.7, "48.7 36.0 26.6 24.8 36.1 25.2 13.4 17.5"),
        ("cifar10", "SCE", "ResNet-110", 94.7, "≤1 3.0 ≤1 2.9 ≤1 2.1 ≤1 2.0"),
        ("cifar10", "MMC", "ResNet-110", 93.6, "54.7 46.0 34.4 31.4 41.0 30.7 16.2 21.6"),
        ("cifar100", "SCE", "ResNet-32", 72.3, "≤1 7.8 ≤1 7.4 ≤1 4.8 ≤1 4.7"),
        ("cifar100", "MMC", "ResNet-32", 71.9, "23.9 23.4 15.1 21.9 16.4 16.7 8.0 15.7"),
        ("cifar100", "SCE", "ResNet-110", 74.8, "≤1 7.5 ≤1 7.3 ≤1 4.7 ≤1 4.5"),
        ("cifar100", "MMC", "ResNet-110", 73.2, "34.6 22.4 23.7 16.5 24.1 14.9 13.9 10.5"),
    ],
)
def test_table_5(dataset, loss, network, clean, percents):
    columns = [(epsilon, steps, tar) for epsilon in (8, 16) for steps in (10, 50) for tar in (True, False)]
    for (epsilon, steps, targeted), text in zip(columns, percents.split(), strict=True):
        asked = {"epsilon": epsilon / 255, "num_steps": steps, "targeted": targeted}
        rows = find(loss, dataset=dataset, network=network, **asked)
        (row,) = [row for row in rows if row.source == TABLE_5]
        assert (row.text, row.clean_accuracy) == (f"{text} %", pytest.approx(clean / 100))
        # The other depth's number, and the tables that have ResNet-32 alone, do not compare with ResNet-110.
        assert network == "ResNet-32" or rows == [row]


def test_a_network_that_is_not_told_compares_with_what_it_compared_with_before():
    assert TABLE_5 not in {row.source for row in find("SCE")}
    assert [(row.text, row.source) for row in find(network="ResNet-32")] == [
        ("36.0 %", PAPER),
        ("36.0 %", TABLE_5),
    ]
    assert sum(row.source == TABLE_5 for row in ROWS) == 64


@pytest.mark.parametrize(
    ("model", "network"),
    [
        ("resnet32", "ResNet-32"),
        ("resnet32v1", "ResNet-32"),
        ("resnet47v2", "ResNet-32"),
        ("resnet110", "ResNet-110"),
        ("resnet164v2", "ResNet-110"),  # n = 18, as the original counts
        ("resnet110v2", None),  # n = 12
        ("resnet20", None),
        ("lenet5", None),
        (None, None),
    ],
)
def test_a_network_of_the_tables_is_one_by_its_blocks(model, network):
    assert published_network(model) == network


# What changes no verdict, and what an attack ignores.
HARMLESS = {"max_images", "adaptive"}


def head_of(row):
    mmc = row.loss in ("MMC", "MMLDA")
    return SimpleNamespace(adaptive_objective="mmc" if row.loss == "MMC" else "ce", has_centers=mmc)


def attack_of(row):
    """The attack that a row was measured with; `objective` only where an attack has a choice."""
    own = {"norm": row.norm, "epsilon": row.epsilon, "num_steps": row.num_steps, "targeted": row.targeted}
    own = {name: value for name, value in own.items() if value is not None}
    attack = make(row.attack, **{**own, "epsilon": row.epsilon, **row.parameters})
    return dataclasses.replace(attack, objective=row.objective) if attack.takes_objective else attack


def rows_of(row, attack):
    """What is found for an attack on the row's network."""
    record = records.describe("x", attack, head=head_of(row))
    where = {"dataset": row.dataset, "loss": row.loss, "training": row.training, "network": row.network}
    return find_published(record, **where)


SPECIAL = {"version": "plus", "quantile": 0.9, "stop_threshold": -5.0}


def changed(name, value, attack):
    """Another value for a parameter, or None if there is no other."""
    if name == "norm":
        return next((norm for norm in attack.norms if norm != value), None)
    if name == "iterate":
        return "last" if value == "any" else "any"
    if name == "objective":
        return "mmc_margin" if value == "margin" else "margin"
    if name in SPECIAL:
        return SPECIAL[name]
    if isinstance(value, bool):
        return not value
    return 2 * value if value else 1.0  # an even number of samples stays one


@pytest.mark.parametrize("source", [PAPER, TABLE_2, TABLE_3, TABLE_4, TABLE_5, README])
def test_any_other_parameter_makes_a_row_disappear(source):
    tried = set()
    for row in (row for row in ROWS if row.source == source):
        attack = attack_of(row)
        assert row in rows_of(row, attack)
        for field in dataclasses.fields(attack):
            name, value = field.name, getattr(attack, field.name)
            ignored = name == "iterate" and not attack.takes_iterate
            ignored |= name == "targeted" and not attack.can_target
            ignored |= name == "objective" and not attack.takes_objective
            # A mean distance is one at any radius.
            if ignored or name in HARMLESS or (attack.radius == "none" and name in ("norm", "epsilon")):
                continue
            if name == "epsilon" and row.distance is not None:
                continue
            value = attack.tunables().get(name, value)
            other = changed(name, value, attack)
            if other is None:
                continue
            settings = {name: other}
            if name == "random_start" and not other and "num_restarts" in row.parameters:
                settings["num_restarts"] = 1
            if name == "num_restarts":
                settings["random_start"] = True
            if name == "foolbox_compatible":
                settings["xi"] = None
            found = rows_of(row, dataclasses.replace(attack, **settings))
            assert row not in found, (row, name, other)
            tried.add(name)
    if source == PAPER:
        assert tried >= {
            "step_size",
            "num_steps",
            "num_restarts",
            "random_start",
            "iterate",
            "objective",
            "epsilon",
        }


@pytest.mark.parametrize("preset", ["mmc_paper", "pytorch_readme"])
@pytest.mark.parametrize("loss", ["MMC", "SCE"])
def test_a_preset_s_attacks_are_those_of_its_source(preset, loss):
    """Every row of the source is measured by one attack of the preset."""
    head = SimpleNamespace(adaptive_objective="mmc" if loss == "MMC" else "ce", has_centers=loss == "MMC")
    where = {"dataset": "cifar10", "loss": loss, "training": "standard", "network": "ResNet-32"}
    found = [
        row
        for entry in PRESETS[preset](Subject("cifar10", head.adaptive_objective))
        for row in find_published(
            records.describe(
                "x", make(entry["attack"], **{k: v for k, v in entry.items() if k != "attack"}), head=head
            ),
            **where,
        )
    ]
    sources = {"mmc_paper": {PAPER, TABLE_2, TABLE_3, TABLE_5}, "pytorch_readme": {README}}[preset]
    subject = ("cifar10", loss, "standard", "ResNet-32")
    whole = [
        row
        for row in ROWS
        if row.source in sources and (row.dataset, row.loss, row.training, row.network) == subject
    ]
    assert sorted(map(repr, found)) == sorted(map(repr, whole))


def test_another_objective_than_the_paper_s_compares_with_nothing():
    paper = {"num_restarts": 5, "parameters": {"step_size": 2 / 255, "num_restarts": 5, "iterate": "last"}}
    assert [row.text for row in find(objective="mmc", **paper)] == ["36.0 %"]
    assert find(objective="margin", **paper) == []
    assert find(objective="mmc_margin", **paper) == []


def test_numbers_from_elsewhere_say_so():
    (row,) = [row for row in find("SCE") if row.source == README]
    assert row.cited == "PyTorch README (of SCE, in MTandHJ/PyTorch-Robust, since removed)"
    assert {row.loss for row in ROWS if row.origin} == {"SCE"}
    assert find("MMC")[0].cited == PAPER


def test_another_backbone_is_no_network_of_the_tables():
    def subject(**model):
        return published_subject({"model": model, "dataset": {"name": "cifar10"}})["network"]

    assert subject(backbone="resnet32v1") == "ResNet-32"
    assert subject(backbone="lenet5") == "lenet5"
    assert subject(name="mine") is None
    assert find(network="lenet5") == []


@pytest.mark.parametrize(("scale", "loss"), [(10, "MMC"), (None, "MMC"), (100, "MMC at scale 100")])
def test_mmc_of_the_tables_has_scale_10(scale, loss):
    subject = published_subject({"model": {"loss": "MMC", "scale": scale}, "dataset": {"name": "cifar10"}})
    assert subject["loss"] == loss
    assert bool(find(loss=subject["loss"])) == (scale != 100)
