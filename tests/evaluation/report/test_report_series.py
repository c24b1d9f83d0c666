from records_by_hand import record

from mmc_tf.evaluation.report.series import (
    lines_by_epsilon,
    lines_by_steps,
    name_of,
    norms_of,
    strongest_lines,
    worst_line,
)

GRID = [
    record("pgd", robust, epsilon=epsilon, num_steps=steps, details=[])
    for epsilon, steps, robust in ((0.2, 5, 300), (0.1, 5, 700), (0.1, 20, 650), (0.2, 20, 200))
]


def test_lines_against_the_radius_take_the_largest_number_of_steps():
    (line,) = lines_by_epsilon(GRID, "linf")
    assert (line.name, line.x, line.y) == ("pgd mmc", (0.1, 0.2), (65.0, 20.0))
    for y, low, high, robust in zip(line.y, line.low, line.high, (GRID[2], GRID[3]), strict=True):
        assert [low, high] == [100 * bound for bound in robust["interval"]]
        assert low < y < high


def test_lines_against_the_steps_keep_radii_apart():
    lines = lines_by_steps(GRID, "linf")
    assert [(line.epsilon, line.x, line.y) for line in lines] == [
        (0.2, (5, 20), (30.0, 20.0)),
        (0.1, (5, 20), (70.0, 65.0)),
    ]


def test_one_point_is_no_line():
    single = [record("fgsm", 800, epsilon=0.1, num_steps=1, details=[])]
    assert lines_by_epsilon(GRID[:1] + single, "linf") == []
    assert lines_by_steps(GRID[:1] + single, "linf") == []
    assert lines_by_epsilon(GRID, "l2") == []


def test_attacks_that_differ_in_more_are_other_lines():
    changes = (
        {"objective": "ce", "adaptive": False},
        {"targeted": True},
        {"num_restarts": 5},
        {"parameters": {"iterate": "last"}},
        {"details": ["on sce"]},
    )
    records = [*GRID, *({**each, **change} for change in changes for each in GRID)]
    names = [line.name for line in lines_by_epsilon(records, "linf")]
    assert names == [
        "pgd mmc",
        "pgd ce (non-adaptive)",
        "pgd mmc targeted",
        "pgd x5 mmc",
        "pgd mmc last",
        "pgd on sce mmc",
    ]


def test_attacks_without_a_radius_are_left_out():
    rotation = record("rotation", 10, epsilon=None, norm="none", radius="none", objective=None, details=[])
    least = record("ddn", 0, epsilon=None, norm="l2", radius="least", objective=None, details=[])
    assert norms_of([rotation, *GRID, least]) == ["linf", "l2"]
    assert lines_by_epsilon([least, least | {"num_steps": 3}], "l2") == []
    assert name_of(least) == "ddn"


def test_the_strongest_lines_stay_in_order():
    lines = lines_by_steps(
        [record(f"a{n}", 500 - 10 * n, num_steps=steps, details=[]) for n in range(10) for steps in (1, 2)],
        "linf",
    )
    assert [line.name for line in strongest_lines(lines)] == [f"a{n} mmc" for n in range(2, 10)]


def test_the_worst_line_needs_two_attacks_and_two_radii():
    balls = [
        {
            "norm": "linf",
            "epsilon": e,
            "attacks": ["a", "b"],
            "robust_accuracy": y,
            "interval": [y - 0.1, y + 0.1],
        }
        for e, y in ((0.2, 0.3), (0.1, 0.6))
    ]
    assert worst_line(balls, "linf").y == (60.0, 30.0)
    assert worst_line(balls[:1], "linf") is None
    assert worst_line(balls, "l2") is None
    assert worst_line([ball | {"attacks": ["a"]} for ball in balls], "linf") is None
