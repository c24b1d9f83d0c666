import pytest

from mmc_tf.evaluation.tables import format_markdown, format_terminal


def record(attack, robust, **more):
    content = {
        "label": f"{attack} label",
        "attack": attack,
        "details": [],
        "radius": "fixed",
        "attacked": 900,
        "found": 450,
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


def columns_of(lines):
    """The cells of a Markdown table by their column's name."""
    header, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return dict(zip(header, zip(*rows, strict=True), strict=True))


def test_markdown_table(results):
    lines = format_markdown(results).splitlines()
    assert lines[0] == "Clean accuracy 92.7 % (92.0 to 93.4), 1000 test images."
    column = columns_of(lines[2:])
    assert column["attack"] == ("pgd-10", "pgd-10 targeted", "pgd-10", "fgsm x2", "all of them")
    assert column["robust %"] == ("36.0", "20.0", "85.0", "40.0", "12.3")
    assert column["epsilon"] == ("8/255",) * 5
    assert column["target reached %"] == ("", "50.0", "", "", "")
    assert column["objective"][2] == "ce (non-adaptive)"
    assert column["published"] == (
        "36.0 % (MMC paper, Table 1)",
        "48.7 % (MMC paper, Table 1)",
        "84.7 % (PyTorch README)",
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


def stage(label, robust):
    return {"label": label, "robust_accuracy": robust, "interval": [robust, robust], "seconds": 2.0}


def test_ensembles_show_their_waterfall(results):
    steps = [stage("apgd_ce", 0.67), stage("apgd_t", 0.012)]
    ensemble = {"objective": None, "num_steps": 1, "details": ["rand"], "waterfall": steps}
    results["attacks"] = [record("autoattack", 0.012, **ensemble), record("pgd", 0.5)]
    rows = format_terminal(results).splitlines()[4:9]
    assert [row.split("  ")[0] or row[:15].rstrip() for row in rows] == [
        "autoattack rand",
        "  after apgd_ce",
        "  after apgd_t",
        "pgd-10",
        "all of them",
    ]
    column = columns_of(format_markdown(results).splitlines()[2:])
    assert column["attack"][1:3] == ("&emsp;after apgd_ce", "&emsp;after apgd_t")
    assert column["robust %"][:3] == ("1.2", "67.0", "1.2")
    assert column["seconds"][:3] == ("1.2", "2.0", "2.0")
    assert column["objective"] == ("", "", "", "mmc", "")


def test_the_least_distance_without_a_radius_is_a_distance_not_an_accuracy(results):
    least = {"norm": "l2", "epsilon": None, "radius": "least", "num_steps": 1000}
    least |= {"parameters": {"binary_search_steps": 9}, "objective": "mmc_margin"}
    distance = {"median": 0.2, "mean_over_all": 0.1834}
    judged = least | {"epsilon": 0.5}
    results["attacks"] = [
        record("cw", 0.0, **least, distance=distance),
        record("cw", 0.25, **judged, distance=distance),
        record("cw", 0.9, **least | {"found": 0}),
        record("pgd", 0.5, distance={"median": 0.03}),
    ]
    column = columns_of(format_markdown(results).splitlines()[2:])
    assert column["robust %"] == ("", "25.0", "", "50.0", "12.3")
    assert column["epsilon"] == ("", "0.5", "", "8/255", "8/255")
    assert column["found %"] == ("50.0", "50.0", "0.0", "", "")
    assert column["median distance"] == ("0.2000", "0.2000", "", "0.0300", "")
    assert column["mean over all"] == ("0.1834", "0.1834", "", "", "")
    assert column["published"][0] == "mean l2 0.17 (MMC paper, Table 2)"


def test_transfer_says_from_where_and_how_many_of_those_that_both_classify_correctly(results):
    crafted = {"details": ["mim", "from sce"], "both_correct": {"count": 3, "share": 0.75}}
    results["attacks"] = [record("transfer", 0.7, **crafted)]
    column = columns_of(format_markdown(results).splitlines()[2:])
    assert column["attack"][0] == "transfer-10 mim from sce"
    assert column["both correct %"][0] == "75.0"


def test_corruptions_have_neither_norm_nor_radius(results):
    still = {"radius": "none", "epsilon": None, "objective": None, "num_steps": 1, "norm": "l2"}
    results["attacks"] = [record("rotation", 0.8, **still)]
    results["worst_case"] = {"overall": None, "by_epsilon": []}
    text = format_terminal(results)
    assert "l2" not in text
    assert "survive every attack" not in text
    assert "80.0" in text
