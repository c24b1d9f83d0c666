import pytest

from mmc_tf.evaluation.tables import format_markdown, format_terminal


def record(attack, robust, **more):
    content = {
        "label": f"{attack} label",
        "attack": attack,
        "norm": "linf",
        "epsilon": 8 / 255,
        "num_steps": 10,
        "num_restarts": 1,
        "targeted": False,
        "objective": "mmc",
        "adaptive": True,
        "robust_accuracy": robust,
        "interval": [robust - 0.01, robust + 0.01],
        "targeted_success": None,
        "distance": None,
        "seconds": 1.25,
    }
    return content | more


@pytest.fixture
def results():
    ball = {"norm": "linf", "epsilon": 8 / 255, "attacks": ["a", "b"], "strongest": "b"}
    worst = ball | {"robust_accuracy": 0.123, "interval": [0.1, 0.15]}
    return {
        "clean_accuracy": 0.927,
        "clean_interval": [0.92, 0.934],
        "examples": 1000,
        "dataset": {"name": "cifar10"},
        "model": {"loss": "MMC-C", "training": "standard"},
        "attacks": [
            record("pgd", 0.36),
            record("pgd", 0.2, targeted=True, targeted_success={"share": 0.5}, distance={"median": 0.03}),
            record("pgd", 0.85, objective="ce", adaptive=False),
            record("fgsm", 0.4, num_steps=1, num_restarts=2),
        ],
        "worst_case": {"overall": worst, "by_epsilon": [worst]},
        "warnings": [{"code": "PGD_ONLY", "message": "Upper bound.", "section": "docs/warnings.md#pgd_only"}],
    }


def test_markdown_table(results):
    lines = format_markdown(results).splitlines()
    assert lines[0] == "Clean accuracy 92.7 % (92.0 to 93.4), 1000 test images."
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]
    header, _, *rows = cells
    column = dict(zip(header, zip(*rows, strict=True), strict=True))
    assert column["attack"] == ("pgd-10", "pgd-10 targeted", "pgd-10", "fgsm x2", "all of them")
    assert column["robust %"] == ("36.0", "20.0", "85.0", "40.0", "12.3")
    assert column["epsilon"] == ("8/255",) * 5
    assert column["target reached %"] == ("", "50.0", "", "", "")
    assert column["objective"][2] == "ce (non-adaptive)"
    assert column["published %"] == (
        "36.0 (MMC paper, Table 1)",
        "48.7 (MMC paper, Table 1)",
        "84.7 (PyTorch README)",
        "",
        "",
    )


def test_terminal_lines_up_and_ends_with_the_warnings(results):
    lines = format_terminal(results).splitlines()
    top = next(number for number, line in enumerate(lines) if line.startswith("attack"))
    end = lines[top].index("robust %") + len("robust %")
    assert [line[end - 4 : end] for line in lines[top + 2 : top + 7]] == [
        "36.0",
        "20.0",
        "85.0",
        "40.0",
        "12.3",
    ]
    assert "12.3 % (10.0 to 15.0) survive every attack; the strongest is b" in lines
    assert lines[-1] == "warning PGD_ONLY: Upper bound. See docs/warnings.md#pgd_only."


def test_columns_that_say_nothing_are_left_out(results):
    results["attacks"] = results["attacks"][:1]
    results["dataset"]["name"] = "mnist"
    text = format_terminal(results)
    assert "target reached" not in text
    assert "published" not in text
