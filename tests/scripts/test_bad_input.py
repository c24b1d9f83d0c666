"""Every mistake of the issue's list is answered by one line with what was expected and what came, at once."""

import re

import numpy as np
import pytest
from broken_files import write_data, write_runs
from mistakes import AT, MISTAKES, STD

from mmc_tf.attacks import make
from mmc_tf.checks import UserError

# The limit for the whole program, of which importing TensorFlow alone may take that long.
SECONDS = 5


def tree(root):
    """Every file with its content's length, and every folder."""
    return {str(path.relative_to(root)): path.is_file() and path.stat().st_size for path in root.rglob("*")}


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    root = tmp_path_factory.mktemp("mistakes") / "work"
    root.mkdir()
    write_data(root)
    write_runs(root)
    return root


@pytest.fixture(scope="module")
def outcomes(workplace, run_lines):
    """What came of every mistake, all made in one process, and what they left on the disk."""
    before = tree(workplace)
    done = run_lines([line for line, *_ in MISTAKES.values()], folder=workplace)
    return dict(zip(MISTAKES, done, strict=True)) | {
        "written": {
            name
            for name in before.keys() | tree(workplace).keys()
            if before.get(name) != tree(workplace).get(name)
        }
    }


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_answered_in_one_line_without_tensorflow(outcomes, case):
    _, *expected = MISTAKES[case]
    outcome = outcomes[case]
    assert re.fullmatch("error: [^\n]+\n", outcome.err), outcome.err
    assert outcome.status == 2
    assert outcome.out == ""
    assert [piece for piece in expected if piece not in outcome.err] == [], outcome.err
    assert outcome.imported == []
    assert outcome.seconds < SECONDS


def test_mistakes_leave_nothing_on_the_disk(outcomes):
    assert outcomes["written"] == set()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (f"{STD} --feature_dim=5", "error: Invalid value for argument `centers`. Expected at most d+1 = 6 "),
        (f"{AT} --epsilon=-1", "error: Invalid value for argument `epsilon`. Expected a number > 0. "),
        (
            "eval_attacks.py --runs_dir=empty",
            "error: Invalid value for argument `checkpoint`. Expected a fini",
        ),
    ],
)
def test_each_script_ends_with_that_line_and_status(run_alone, workplace, line, said):
    done = run_alone(line, folder=workplace)
    assert done.returncode == 2
    assert done.stderr.startswith(said)
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_a_targeted_attack_needs_two_classes():
    images, labels = np.zeros((2, 4, 4, 1), np.float32), np.zeros(2, np.int32)
    attack = make("pgd", epsilon=0.1, targeted=True)
    with pytest.raises(
        UserError, match=r"`targeted`. Expected a model with two classes or more, .* Received: .*1 class"
    ):
        attack(lambda x: x[:, :1, 0, 0], images, labels)
