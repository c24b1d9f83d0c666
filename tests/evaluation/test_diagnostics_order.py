import pytest
from records_by_hand import autoattack, record

from mmc_tf.evaluation import diagnostics


def codes(findings):
    return [finding.code for finding in findings]


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


def test_restarts_can_be_what_is_stronger():
    several = record(robust=470, num_restarts=5, label="pgd-10 x5")
    (finding,) = diagnostics.find_stronger_attack([record(robust=500), several])
    assert (finding.code, finding.attacks[0]) == ("STRONGER_ATTACK", "pgd-10 x5")


@pytest.mark.parametrize(
    ("change", "fires"),
    [
        ({}, True),
        ({"robust": 10}, False),
        ({"robust": 11}, True),
        ({"epsilon": 2.0}, True),
        ({"epsilon": 0.9}, False),
        ({"norm": "l2"}, False),
        ({"epsilon": None, "radius": "least"}, False),
        ({"attack": "fgsm", "num_steps": 1}, False),
        ({"attack": "square", "num_steps": 1}, True),
        ({"robust": 1, "examples": 10}, False),
    ],
)
def test_nobody_survives_where_every_image_is_allowed(change, fires):
    everything = record(**{"robust": 100, "epsilon": 1.0} | change)
    findings = diagnostics.find_radius_one_survived([record(robust=900), everything])
    assert codes(findings) == ["RADIUS_ONE_SURVIVED"] * fires


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


@pytest.mark.parametrize(("square", "fires"), [(400, False), (398, False), (397, True)])
def test_square_helps_beyond_two_tenths_of_a_point(square, fires):
    apart = [record("fgsm", 600, num_steps=1), record(robust=400), record("square", square)]
    assert codes(diagnostics.find_square_helps(apart)) == ["SQUARE_HELPS"] * fires
    together = [autoattack(apgd_ce=410, apgd_t=400, square=square)]
    assert codes(diagnostics.find_square_helps(together)) == ["SQUARE_HELPS"] * fires


def test_square_helps_only_where_it_could_be_compared():
    assert diagnostics.find_square_helps([record("square", 10)]) == []
    assert diagnostics.find_square_helps([record("square", 10), record(epsilon=16 / 255)]) == []
    assert diagnostics.find_square_helps([autoattack(apgd_ce=900, square=100, apgd_t=100)]) == []
    assert diagnostics.find_square_helps([autoattack(square=100)]) == []
    few = [record(robust=41, examples=100), record("square", 40, examples=100)]
    assert diagnostics.find_square_helps(few) == []  # one example decides nothing


@pytest.mark.parametrize("attack", ["spsa", "square", "transfer"])
@pytest.mark.parametrize(("robust", "fires"), [(500, False), (490, False), (489, True)])
def test_black_box_stronger(attack, robust, fires):
    records = [record(robust=500), record("mim", 400), record(attack, robust)]
    findings = diagnostics.find_black_box_stronger(records)
    code = "TRANSFER_STRONGER" if attack == "transfer" else "BLACK_BOX_STRONGER"
    assert codes(findings) == [code] * fires
    if fires:
        assert findings[0].attacks == (records[2]["label"], records[0]["label"])


@pytest.mark.parametrize(
    "white",
    [
        record("fgsm", 900, num_steps=1),
        record(robust=900, targeted=True),
        record("deepfool", 900, radius="least"),
        record(robust=900, epsilon=4 / 255),
        record("square", 900),
    ],
)
def test_black_box_attacks_may_be_stronger_than_weak_ones(white):
    assert diagnostics.find_black_box_stronger([white, record("spsa", 500)]) == []


def test_stronger_attacks_overturn_no_black_box():
    assert diagnostics.find_stronger_attack([record(robust=10), record("transfer", 900)]) == []


@pytest.mark.parametrize(("large", "fires"), [(300, False), (502, False), (503, True)])
def test_larger_radius_weaker(large, fires):
    records = [
        record(robust=500, parameters={"epsilon": 8 / 255, "step_size": 2 / 255, "random_start": True}),
        record(
            robust=large,
            epsilon=16 / 255,
            parameters={"epsilon": 16 / 255, "step_size": 4 / 255, "random_start": True},
        ),
    ]
    findings = diagnostics.find_larger_radius_weaker(records)
    assert codes(findings) == ["LARGER_RADIUS_WEAKER"] * fires
    if fires:
        assert findings[0].attacks == (records[1]["label"], records[0]["label"])


def test_the_published_fgsm_is_weaker_at_the_larger_radius():
    fgsm = [
        ("fgsm", 8633, 8 / 255),
        ("fgsm", 8665, 16 / 255),
        ("pgd", 8471, 8 / 255),
        ("pgd", 7822, 16 / 255),
    ]
    records = [record(name, robust, examples=10_000, epsilon=epsilon) for name, robust, epsilon in fgsm]
    (finding,) = diagnostics.find_larger_radius_weaker(records)
    assert finding.attacks == (records[1]["label"], records[0]["label"])


@pytest.mark.parametrize(
    "other",
    [
        {"num_steps": 50},
        {"objective": "margin"},
        {"targeted": True},
        {"attack": "mim"},
        {"norm": "l2"},
        {"parameters": {"random_start": False}},
        {"epsilon": None, "radius": "least"},
    ],
)
def test_radii_compare_for_the_same_attack_only(other):
    larger = record(**{"robust": 900, "epsilon": 16 / 255} | other)
    assert diagnostics.find_larger_radius_weaker([record(), larger]) == []


def test_one_step_beats_many_is_about_fixed_steps():
    records = [record("fgsm", 100, num_steps=1), record("apgd_ce", 900), record("square", 1, num_steps=1)]
    assert diagnostics.find_one_step_beats_many(records) == []
