"""What the protocol's figures say against themselves."""

import pytest
from mma_results import model, results

from mmc_tf.evaluation.mma.doubts import find_doubts
from mmc_tf.evaluation.mma.tables import format_markdown, format_terminal
from mmc_tf.evaluation.statistics import wilson_interval

GRID = [0.1, 0.2, 0.3]
ALWAYS = "PGD_ONLY"


def doubts(white_box, combined, *, examples=1000, epsilons=GRID):
    subject = model("a")
    for kind, shares in (("white_box", white_box), ("combined", combined)):
        subject[kind] = {
            "robust_accuracy": shares,
            "intervals": [list(wilson_interval(round(share * examples), examples)) for share in shares],
        }
    return find_doubts(results(subject, epsilons=epsilons) | {"examples": examples})


def codes(findings):
    return [finding.code for finding in findings]


def test_nothing_but_that_it_is_pgd():
    assert codes(doubts([0.9, 0.5, 0.2], [0.9, 0.495, 0.19])) == [ALWAYS]


def test_transferred_images_that_break_more_than_a_point():
    findings = doubts([0.9, 0.5, 0.2], [0.89, 0.48, 0.189])
    assert codes(findings) == ["TRANSFER_STRONGER", ALWAYS]
    assert findings[0].message.startswith(
        "a keeps 50.0 % under its own attacks at linf 0.2, and 48.0 % when images of other networks are added"
    )
    assert findings[0].attacks == ("a",)


@pytest.mark.parametrize(("last", "fires"), [(0.22, []), (0.222, []), (0.223, ["LARGER_RADIUS_WEAKER"])])
@pytest.mark.parametrize("epsilons", [[0.1, 0.2, 0.3], [0.3, 0.1, 0.2]])
def test_more_survive_at_a_larger_radius(last, fires, epsilons):
    shares = {0.1: 0.5, 0.2: 0.22, 0.3: last}
    kept = [shares[epsilon] for epsilon in epsilons]
    findings = doubts(kept, kept, epsilons=epsilons)
    assert codes(findings) == [*fires, ALWAYS]
    if fires:
        assert "22.3 % under its own attacks at linf 0.3, 22.0 % at linf 0.2" in findings[0].message


def test_one_image_decides_nothing_and_few_images_are_said():
    findings = doubts([0.5, 0.4, 0.425], [0.475, 0.4, 0.425], examples=40)
    assert codes(findings) == ["FEW_EXAMPLES", ALWAYS]
    assert findings[0].message.startswith("40 examples leave a linf 0.1 uncertain by ±")


def test_they_stand_below_the_tables():
    warnings = [finding.as_dict() for finding in doubts([0.9, 0.5, 0.2], [0.8, 0.5, 0.2])]
    finished = results(model("a")) | {"warnings": warnings}
    for text in (format_terminal(finished), format_markdown(finished)):
        assert text.count("\nwarning ") == 2
        last = text.strip().splitlines()[-2]
        assert last.startswith("warning TRANSFER_STRONGER: a keeps 90.0 %")
        assert last.endswith("See docs/warnings.md#transfer_stronger.")
