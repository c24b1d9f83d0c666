import ast
import re

import pytest
from records_by_hand import autoattack, record

from mmc_tf.evaluation import diagnostics


def codes(findings):
    return [finding.code for finding in findings]


@pytest.mark.parametrize(("rate", "fires"), [(0.0, False), (0.0099, False), (0.01, True), (1.0, True)])
def test_zero_gradients(rate, fires):
    findings = diagnostics.find_zero_gradients([record(), record(zero_gradient_rate=rate)])
    assert codes(findings) == ["ZERO_GRADIENT"] * fires


def test_zero_gradient_names_the_attack_and_the_rate():
    (finding,) = diagnostics.find_zero_gradients([record(label="x", zero_gradient_rate=0.123)])
    assert finding.attacks == ("x",)
    assert "12.3 %" in finding.message
    assert finding.section == "docs/warnings.md#zero_gradient"


@pytest.mark.parametrize(("rate", "fires"), [(0.0, False), (0.0099, False), (0.01, True)])
def test_gradients_that_are_not_finite(rate, fires):
    broken = record(label="x", nonfinite_gradient_rate=rate)
    findings = diagnostics.find_nonfinite_gradients([record(), broken])
    assert [(finding.code, finding.attacks) for finding in findings] == [
        ("NONFINITE_GRADIENT", ("x",))
    ] * fires
    ensemble = autoattack(apgd_ce=800, apgd_t=3)
    ensemble["waterfall"][1]["nonfinite_gradient_rate"] = rate
    findings = diagnostics.find_nonfinite_gradients([ensemble])
    assert [finding.attacks for finding in findings] == [("apgd_t of autoattack",)] * fires


@pytest.mark.parametrize(
    ("reach", "fires"),
    [(None, False), (0.01, True), (7 / 255, True), (8 / 255 * (1 - 1e-9), False), (1.0, False)],
)
def test_steps_that_do_not_cross_the_ball(reach, fires):
    findings = diagnostics.find_unreachable_radius([record(), record(reach=reach, label="short")])
    assert [(each.code, each.attacks) for each in findings] == [("UNREACHABLE_RADIUS", ("short",))] * fires
    ensemble = autoattack(apgd_ce=800, apgd_t=3)
    ensemble["waterfall"][1]["reach"] = reach
    findings = diagnostics.find_unreachable_radius([ensemble])
    assert [each.attacks for each in findings] == [("apgd_t of autoattack",)] * fires


def test_without_a_radius_there_is_nothing_to_reach():
    assert diagnostics.find_unreachable_radius([record(epsilon=None, radius="least", reach=0.1)]) == []


def test_attacks_that_do_not_reach_far_are_not_what_others_are_held_against():
    pair = [record(robust=500), record("square", 480)]
    assert codes(diagnostics.find_black_box_stronger(pair)) == ["BLACK_BOX_STRONGER"]
    pair[0]["reach"] = 0.001
    assert diagnostics.find_black_box_stronger(pair) == []


def test_non_adaptive_fires_once_for_all_of_them():
    naive = [
        record(adaptive=False, objective="ce"),
        record("fgsm", num_steps=1, adaptive=False, objective="ce"),
    ]
    (finding,) = diagnostics.find_non_adaptive(naive)
    assert finding.attacks == tuple(each["label"] for each in naive)


def test_non_adaptive_is_silent_about_adaptive_attacks():
    assert diagnostics.find_non_adaptive([record(), record(objective="margin")]) == []


@pytest.mark.parametrize(("adaptive_robust", "count"), [(520, 1), (480, 1), (479, 2), (10, 2)])
def test_non_adaptive_measures_the_artefact_beyond_two_points(adaptive_robust, count):
    naive = record(robust=500, adaptive=False, objective="ce")
    assert len(diagnostics.find_non_adaptive([naive, record(robust=adaptive_robust)])) == count


def test_non_adaptive_compares_like_with_like_only():
    naive = record(robust=900, adaptive=False, objective="ce")
    others = [
        record(robust=1, epsilon=16 / 255),
        record(robust=1, num_steps=50),
        record(robust=1, targeted=True),
        record("mim", robust=1),
    ]
    assert len(diagnostics.find_non_adaptive([naive, *others])) == 1


@pytest.mark.parametrize(
    # The half-width at 50 % is 5 points at 381 examples (z² / 4 · (1 / 0.05² - 4) = 380.3).
    ("examples", "fires"),
    [(100, True), (380, True), (382, False), (10_000, False)],
)
def test_few_examples(examples, fires):
    findings = diagnostics.find_few_examples([record(robust=examples // 2, examples=examples)])
    assert codes(findings) == ["FEW_EXAMPLES"] * fires


@pytest.mark.parametrize(
    # Wilson: 30 of 100 is 21.9 to 39.6 %, 25 of 100 17.5 to 34.3, 10 of 100 5.5 to 17.4; of 10,000 they part.
    ("beaten", "best", "examples", "fires"),
    [(30, 25, 100, True), (30, 10, 100, False), (3000, 2500, 10_000, False), (26, 25, 100, False)],
)
def test_few_examples_to_tell_two_attacks_apart(beaten, best, examples, fires):
    pair = [record(robust=beaten, examples=examples), record("apgd_t", best, examples=examples)]
    findings = [finding for finding in diagnostics.find_few_examples(pair) if "apart" in finding.message]
    named = (pair[1]["label"], pair[0]["label"])
    assert [(finding.code, finding.attacks) for finding in findings] == [("FEW_EXAMPLES", named)] * fires


def test_gradient_attacks_only():
    assert codes(diagnostics.find_gradient_attacks_only([record(), record("fgsm")])) == ["PGD_ONLY"]
    assert diagnostics.find_gradient_attacks_only([record(), record("square")]) == []
    assert diagnostics.find_gradient_attacks_only([]) == []


@pytest.mark.parametrize(
    # Three standard errors at 90 % are 2.85 points of 1,000 examples and 0.9 of 10,000.
    ("measured", "recorded", "examples", "fires"),
    [
        (0.9, 0.9, 1000, False),
        (0.873, 0.9, 1000, False),
        (0.87, 0.9, 1000, True),
        (0.93, 0.9, 1000, True),
        (0.889, 0.9, 10_000, True),
        (0.996, 1.0, 10_000, False),
        (0.994, 1.0, 10_000, True),
        (0.1, None, 1000, False),
    ],
)
def test_clean_accuracy_differs(measured, recorded, examples, fires):
    findings = diagnostics.find_clean_accuracy_difference(measured, recorded, examples=examples)
    assert codes(findings) == ["CLEAN_ACCURACY_DIFFERS"] * fires


def test_zero_gradients_of_ensembles_are_those_of_their_stages():
    ensemble = autoattack(apgd_ce=800, apgd_t=3, fab_t=3, square=3)
    ensemble["zero_gradient_rate"] = ensemble["waterfall"][0]["zero_gradient_rate"] = 0.42
    (finding,) = diagnostics.find_zero_gradients([ensemble])
    assert finding.attacks == ("apgd_ce of autoattack",)
    assert "42.0 %" in finding.message
    ensemble["waterfall"][1]["zero_gradient_rate"] = 0.02
    assert [finding.attacks for finding in diagnostics.find_zero_gradients([ensemble])] == [
        ("apgd_ce of autoattack",),
        ("apgd_t of autoattack",),
    ]


def test_autoattack_is_not_called_non_adaptive_for_its_first_stage():
    ensemble = autoattack(apgd_ce=800, apgd_t=3)
    ensemble["waterfall"][0] |= {"adaptive": False, "objective": "ce"}
    assert diagnostics.find_non_adaptive([ensemble]) == []


@pytest.mark.parametrize(("ce", "targeted", "fires"), [(500, 400, False), (501, 400, True), (0, 400, False)])
def test_cross_entropy_is_blind_beyond_ten_points(ce, targeted, fires):
    apart = [record("apgd_t", targeted), record("apgd_ce", ce)]
    assert codes(diagnostics.find_cross_entropy_blind(apart)) == ["CE_BLIND"] * fires
    if ce >= targeted:
        together = [autoattack(apgd_ce=ce, apgd_t=targeted, fab_t=0, square=0)]
        assert codes(diagnostics.find_cross_entropy_blind(together)) == ["CE_BLIND"] * fires


@pytest.mark.parametrize("name", ["apgd_dlr", "apgd_margin"])
def test_cross_entropy_is_blind_on_few_classes_too(name):
    for records in ([record("apgd_ce", 501), record(name, 400)], [autoattack(apgd_ce=501, **{name: 400})]):
        assert codes(diagnostics.find_cross_entropy_blind(records)) == ["CE_BLIND"]
    # APGD-T goes first where there is one, and a targeted attack says nothing.
    records = [record("apgd_ce", 501), record(name, 400), record("apgd_t", 490)]
    assert diagnostics.find_cross_entropy_blind(records) == []
    assert diagnostics.find_cross_entropy_blind([records[0], record(name, 0, targeted=True)]) == []


def test_cross_entropy_is_compared_within_a_ball_and_in_order():
    others = [
        record("apgd_ce", 900),
        record("apgd_t", 1, epsilon=16 / 255),
        record("apgd_ce", 900, epsilon=16 / 255, targeted=True),
        autoattack(apgd_t=900, apgd_ce=100),
    ]
    assert diagnostics.find_cross_entropy_blind(others) == []
    (finding,) = diagnostics.find_cross_entropy_blind([autoattack(apgd_ce=490, apgd_t=1)])
    assert finding.attacks == ("apgd_ce of autoattack", "apgd_t of autoattack")


def test_few_examples_looks_at_accuracies():
    unbounded = record("cw", 50, examples=100, epsilon=None, radius="least")
    assert diagnostics.find_few_examples([unbounded]) == []
    assert codes(diagnostics.find_few_examples([unbounded | {"epsilon": 0.5}])) == ["FEW_EXAMPLES"]


def test_neither_noise_nor_an_ensemble_hides_that_only_pgd_was_run():
    noise = record("gaussian", epsilon=None, radius="none")
    worst = record("worst", waterfall=[record(), record("mim")])
    assert codes(diagnostics.find_gradient_attacks_only([worst, noise])) == ["PGD_ONLY"]
    assert diagnostics.find_gradient_attacks_only([noise]) == []
    assert diagnostics.find_gradient_attacks_only([autoattack(apgd_ce=3, apgd_t=2)]) == []


def test_an_honest_evaluation_raises_nothing():
    records = [
        record("fgsm", 468, num_steps=1),
        record(robust=466),
        record(robust=464, num_steps=50),
        record("apgd_ce", 462, num_steps=100, objective="ce"),
        record("apgd_t", 450, num_steps=100, objective="dlr"),
        record("square", 490, num_steps=1, objective="margin"),
        record("transfer", 700),
        record("cw", 0, epsilon=None, num_steps=1000, objective="margin", radius="least"),
        record("gaussian", 820, epsilon=None, num_steps=1, objective=None, radius="none"),
        autoattack(apgd_ce=462, apgd_t=450, fab_t=450, square=449),
        record("pgd", 200, epsilon=16 / 255),
        record("pgd", 0, epsilon=32 / 255),
    ]
    assert diagnostics.find_all(records, clean_accuracy=0.83, recorded_accuracy=0.831, examples=1000) == []


def test_every_code_has_a_section(request):
    documented = (request.config.rootpath / "docs" / "warnings.md").read_text()
    sections = re.findall(r"^## ([A-Z_0-9]+)$", documented, re.MULTILINE)
    folder = request.config.rootpath / "mmc_tf" / "evaluation" / "diagnostics"
    trees = [ast.parse(path.read_text()) for path in folder.glob("*.py")]
    words = {
        node.value
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    emitted = {word for word in words if re.fullmatch(r"[A-Z][A-Z_]{4,}", word)}
    assert emitted == set(sections)
    assert len(sections) == len(emitted) == 22
