"""What is said of trainings that fail, and of those that do not."""

import pytest

from mmc_tf.checks import UserError
from mmc_tf.experiments import attempts
from mmc_tf.experiments.attempts import Attempt, attempt, describe_failure, trained_cell
from mmc_tf.experiments.lab import Network
from mmc_tf.training import log
from mmc_tf.training.failures import CollapseDetector, TrainingFailedError, check_divergence

NETWORK = Network(dataset="mnist", loss="MMC")


def diverge():
    check_divergence(float("inf"), what="loss", step=181, learning_rate=0.01, kept="nothing is kept")


def collapse():
    CollapseDetector(10.0).check(100.0, 0.1, num_steps=500, step=900, learning_rate=0.01)


@pytest.mark.parametrize(
    ("fail", "words"), [(diverge, "diverged at step 181"), (collapse, "collapsed by step 900")]
)
def test_the_loops_own_words_are_understood(fail, words):
    with pytest.raises(TrainingFailedError) as raised:
        fail()
    assert describe_failure(f"`python train_std.py` failed: {raised.value} (all of it in log)") == words


class FailingLab:
    def __init__(self, folder, message):
        self.folder = folder
        self.message = message

    def run_folder(self, network):
        return self.folder

    def train(self, network):
        raise UserError(self.message)


def test_a_failed_training_is_a_result_and_not_tried_again(tmp_path):
    expected = Attempt(None, "diverged at step 3")
    assert attempt(FailingLab(tmp_path, "failed: the loss became nan at step 3 with"), NETWORK) == expected
    # A resumed run would fail at a later step.
    assert attempt(FailingLab(tmp_path, "failed: the loss became nan at step 9 with"), NETWORK) == expected


def test_a_note_of_a_failure_is_read_as_written_or_refused(tmp_path):
    lab = FailingLab(tmp_path, "failed: the loss became nan at step 3 with")
    attempt(lab, NETWORK)
    note = tmp_path / attempts.FAILURE
    note.write_text(note.read_text().replace("step 3", "step 8"))
    with pytest.raises(UserError, match=r"failure\.json.*SHA-256"):
        attempt(lab, NETWORK)
    note.unlink()
    (tmp_path / attempts.OLD_FAILURE).write_text("collapsed by step 900\n")
    assert attempt(lab, NETWORK) == Attempt(None, "collapsed by step 900")


def test_other_failures_stay_errors(tmp_path):
    with pytest.raises(UserError, match="no such data set"):
        attempt(FailingLab(tmp_path, "no such data set"), NETWORK)
    assert not list(tmp_path.iterdir())


def test_a_failure_stands_in_its_cell_beside_the_published_number():
    failed = Attempt(None, "diverged at step 3")
    assert trained_cell(failed, test_images=100) == "diverged at step 3"
    assert trained_cell(failed, test_images=100, published=10.0) == "diverged at step 3 (10.00)"


def test_a_finished_run_has_the_last_rows_accuracy_with_its_interval(tmp_path):
    for epoch, accuracy in ((1, 0.5), (2, 0.9)):
        row = dict.fromkeys(log.COLUMNS, 0.0) | {
            "epoch": epoch, "step": 10 * epoch, "monitored": "test", "seconds": 4.0 * epoch,
            "monitored_accuracy": accuracy,
        }  # fmt: skip
        log.append(tmp_path / "log.csv", row)
    cell = trained_cell(Attempt(tmp_path), test_images=100, published=92.5)
    assert cell.text == "90.00 (92.50)"
    # Wilson's interval of 90 of 100.
    assert cell.interval == pytest.approx((82.56, 94.48), abs=0.01)
    assert attempts.training_seconds(tmp_path) == (8.0, 2)
