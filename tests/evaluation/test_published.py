import pytest

from mmc_tf.evaluation.published import PAPER, README, ROWS, find_published, training_of


def find(loss="MMC", training="standard", dataset="cifar10", **record):
    asked = {
        "attack": "pgd",
        "norm": "linf",
        "epsilon": 8 / 255,
        "num_steps": 10,
        "targeted": False,
        "adaptive": True,
    }
    return find_published(asked | record, dataset=dataset, loss=loss, training=training)


def test_table_1_is_whole():
    # 9 networks, 2 radii, 4 attacks.
    assert sum(row.source == PAPER for row in ROWS) == 72


@pytest.mark.parametrize(
    ("loss", "training", "epsilon", "num_steps", "targeted", "text"),
    [
        ("MMC", "standard", 8 / 255, 10, True, "48.7"),
        ("MMC", "standard", 8 / 255, 10, False, "36.0"),
        ("MMC", "standard", 16 / 255, 50, True, "13.4"),
        ("MMC", "standard", 16 / 255, 50, False, "17.5"),
        ("MMC-C", "standard", 8 / 255, 50, False, "24.8"),
        ("LGM", "standard", 16 / 255, 10, False, "11.0"),
        ("MMC", "at_un", 16 / 255, 50, False, "27.7"),
        ("MMC", "at_tar", 8 / 255, 10, False, "54.8"),
    ],
)
def test_table_1(loss, training, epsilon, num_steps, targeted, text):
    rows = find(loss, training, epsilon=epsilon, num_steps=num_steps, targeted=targeted)
    assert [(row.text, row.source) for row in rows] == [(text, PAPER)]


def test_at_most_one_percent():
    (paper,) = find("SCE", targeted=True)
    assert (paper.text, paper.robust_accuracy, paper.clean_accuracy) == ("≤1", None, pytest.approx(0.929))


def test_the_readme_rows_are_the_non_adaptive_ones():
    assert [row.text for row in find(adaptive=False)] == ["84.7"]
    assert [row.text for row in find(adaptive=False, num_steps=40)] == ["84.3"]
    (fgsm,) = find(adaptive=False, attack="fgsm", num_steps=1, epsilon=16 / 255)
    assert (fgsm.text, fgsm.source) == ("86.7", README)
    assert [row.text for row in find(adaptive=False, norm="l2", epsilon=0.5, num_steps=50)] == ["88.0"]


def test_without_centers_both_sources_compare():
    assert [(row.text, row.source) for row in find("SCE")] == [("3.7", PAPER), ("0.0", README)]


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


def test_training_of_a_run():
    assert [training_of(*pair) for pair in ((None, None), ("pgd", True), ("pgd", False), ("mma", False))] == [
        "standard",
        "at_tar",
        "at_un",
        None,
    ]
