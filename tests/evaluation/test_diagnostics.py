import pytest

from mmc_tf.evaluation import diagnostics
from mmc_tf.evaluation.statistics import wilson_interval


def record(
    attack="pgd", robust=500, *, examples=1000, num_steps=10, objective="mmc", epsilon=8 / 255, **more
):
    content = {
        "label": f"{attack}-{num_steps} {objective} {epsilon:.3f}",
        "attack": attack,
        "norm": "linf",
        "epsilon": epsilon,
        "num_steps": num_steps,
        "num_restarts": 1,
        "targeted": False,
        "objective": objective,
        "adaptive": True,
        "examples": examples,
        "robust": robust,
        "robust_accuracy": robust / examples,
        "interval": list(wilson_interval(robust, examples)),
        "zero_gradient_rate": 0.0,
    }
    return content | more


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


def test_stronger_attack_names_everything_it_overturns():
    records = [
        record("fgsm", 600, num_steps=1),
        record(robust=500),
        record(robust=40, num_steps=50),
        record(robust=55, num_steps=50, objective="margin"),
        record(robust=600, epsilon=4 / 255),
    ]
    (finding,) = diagnostics.find_stronger_attack(records)
    assert finding.attacks == (records[2]["label"], records[0]["label"], records[1]["label"])


@pytest.mark.parametrize(("robust", "fires"), [(500, False), (480, False), (479, True)])
def test_stronger_attack_needs_two_points(robust, fires):
    findings = diagnostics.find_stronger_attack([record(robust=500), record(robust=robust, num_steps=50)])
    assert codes(findings) == ["STRONGER_ATTACK"] * fires


def test_stronger_attack_does_not_compare_radii():
    assert diagnostics.find_stronger_attack([record(robust=500), record(robust=1, epsilon=16 / 255)]) == []


@pytest.mark.parametrize(("one", "many", "fires"), [(500, 505, False), (500, 506, True), (500, 300, False)])
def test_one_step_beats_many_by_more_than_half_a_point(one, many, fires):
    records = [record("fgsm", one, num_steps=1), record(robust=many)]
    assert codes(diagnostics.find_one_step_beats_many(records)) == ["ONE_STEP_BEATS_MANY"] * fires


def test_one_step_beats_many_is_not_decided_by_one_example():
    records = [record("fgsm", 5, num_steps=1, examples=10), record(robust=6, examples=10)]
    assert diagnostics.find_one_step_beats_many(records) == []


def test_one_step_beats_many_compares_the_same_objective():
    records = [record("fgsm", 100, num_steps=1, objective="margin"), record(robust=900)]
    assert diagnostics.find_one_step_beats_many(records) == []


@pytest.mark.parametrize(
    # The half-width at 50 % is 5 points at 381 examples (z² / 4 · (1 / 0.05² - 4) = 380.3).
    ("examples", "fires"),
    [(100, True), (380, True), (382, False), (10_000, False)],
)
def test_few_examples(examples, fires):
    findings = diagnostics.find_few_examples([record(robust=examples // 2, examples=examples)])
    assert codes(findings) == ["FEW_EXAMPLES"] * fires


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


def test_an_honest_evaluation_raises_nothing():
    records = [
        record("fgsm", 480, num_steps=1),
        record(robust=470),
        record(robust=468, num_steps=50),
        record("square", 466, num_steps=1000, objective="margin"),
    ]
    assert diagnostics.find_all(records, clean_accuracy=0.83, recorded_accuracy=0.831, examples=1000) == []


def test_every_code_has_a_section(request):
    documented = (request.config.rootpath / "docs" / "warnings.md").read_text()
    source = (request.config.rootpath / "mmc_tf" / "evaluation" / "diagnostics.py").read_text()
    emitted = {
        line.strip(' ",') for line in source.splitlines() if line.strip(' ",').isupper() and '",' in line
    }
    assert len(emitted) == 7
    for code in emitted:
        assert f"## {code}\n" in documented
