"""The guard of one-step training: what it measures, goes back to, ends, and remembers."""

import keras
import numpy as np
import pytest
from toy import losses_of, toy_loop, weights_of

from mmc_tf.attacks import make
from mmc_tf.checks import UserError
from mmc_tf.training import checkpoints, log
from mmc_tf.training.monitors import KeptWeights, OverfittingGuard
from mmc_tf.training.monitors.overfitting_guard import MAX_ROLLBACKS
from mmc_tf.training.runs import RunFolder

ATTACK = make("pgd", epsilon=0.03, num_steps=3, objective="margin", iterate="last")
PER_EPOCH = 10


class Collapse(keras.callbacks.Callback):
    """Turns the last layer around after the given steps: what was right is wrong then."""

    def __init__(self, *steps):
        super().__init__()
        self.steps = steps

    def on_train_batch_end(self, batch, logs=None):
        if batch + 1 in self.steps:
            head = self.model.layers[-1]
            head.kernel.assign(-head.kernel)


def guarded_loop(*, collapses=(), action="rollback", epochs=4, folder=None, strategy=None, loss="SCE"):
    loop = toy_loop(loss=loss, epochs=epochs, folder=folder, strategy=strategy, learning_rate=0.03)
    kept = KeptWeights(
        loop.model,
        folder and folder.checkpoints,
        name="guarded",
        more=loop.model.optimizer.variables,
    )
    guard = OverfittingGuard(
        loop.model, loop.train, attack=ATTACK, kept=kept, strategy=loop.strategy, action=action
    )
    loop.monitors = (guard,)
    loop.callbacks = keras.callbacks.CallbackList([Collapse(*collapses)], model=loop.model)
    return loop, guard


def test_it_measures_accuracy_under_its_attack():
    loop, _ = guarded_loop(epochs=3, action="off")
    row = loop.run()
    verdict = ATTACK(loop.model, loop.train.as_float(), loop.train.labels)
    assert row["pgd_accuracy"] == pytest.approx(1 - verdict.misclassified.mean(), abs=1e-6)
    assert 0.3 < row["pgd_accuracy"] < 1
    assert row["collapses"] == 0


def test_two_replicas_measure_the_same(mirrored):
    guards = [guarded_loop(strategy=strategy)[1] for strategy in (None, mirrored)]
    alone, together = (guard.end_epoch(1, PER_EPOCH) for guard in guards)
    assert alone == together


def test_rollback_puts_weights_and_momentum_back_and_training_goes_on(tmp_path):
    undisturbed, _ = guarded_loop(epochs=3)
    undisturbed.run()
    folder = RunFolder(tmp_path)
    loop, guard = guarded_loop(epochs=4, collapses=[4 * PER_EPOCH], folder=folder)
    row = loop.run()
    # The fourth epoch ended in collapse: what is left is what the third ended with, optimizer and all.
    assert row["collapses"] == 1
    assert row["pgd_accuracy"] < guard.state()["best"] - 0.2
    for mine, other in zip(weights_of(loop), weights_of(undisturbed), strict=True):
        np.testing.assert_array_equal(mine, other)
    assert not guard.wants_to_stop
    assert loop.finish()["overfitting_guard"]["collapsed_epochs"] == [4]
    # The checkpoint of the epoch holds what training goes on with.
    with np.load(checkpoints.newest(folder.checkpoints)) as stored:
        np.testing.assert_array_equal(stored["model/0000"], loop.model.variables[0].numpy())
    after, _ = guarded_loop(epochs=6, collapses=[4 * PER_EPOCH])
    assert after.run()["pgd_accuracy"] > guard.state()["best"] - 0.1


def test_stop_ends_training_with_the_best_weights(tmp_path):
    best, _ = guarded_loop(epochs=3)
    best.run()
    folder = RunFolder(tmp_path)
    loop, guard = guarded_loop(epochs=8, collapses=[4 * PER_EPOCH], action="stop", folder=folder)
    loop.run()
    assert loop.step == 4 * PER_EPOCH
    assert loop.finish()["overfitting_guard"] == {
        "action": "stop",
        "collapsed_epochs": [4],
        "best_pgd_accuracy": guard.state()["best"],
        "best_step": 3 * PER_EPOCH,
        "stopped": True,
    }
    for mine, other in zip(loop.model.get_weights(), best.model.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, other)
    # Nor does a resumed run go on.
    again, _ = guarded_loop(epochs=8, action="stop", folder=folder)
    again.restore(checkpoints.newest(folder.checkpoints))
    assert again.run() == {}
    assert again.step == 4 * PER_EPOCH


def test_off_lets_it_happen():
    loop, guard = guarded_loop(epochs=4, collapses=[4 * PER_EPOCH], action="off")
    row = loop.run()
    assert row["collapses"] == 1
    assert ATTACK(loop.model, loop.train.as_float(), loop.train.labels).misclassified.mean() > 0.9
    assert guard.state()["step"] is None


def test_the_fourth_collapse_ends_training():
    collapses = [PER_EPOCH * epoch for epoch in range(4, 9)]
    loop, guard = guarded_loop(epochs=9, collapses=collapses)
    loop.run()
    assert guard.state()["collapses"] == [4, 5, 6, 7]
    assert len(guard.state()["collapses"]) == MAX_ROLLBACKS + 1
    assert guard.wants_to_stop


def test_a_resumed_run_goes_back_to_the_weights_that_another_process_kept(tmp_path):
    collapses = [3 * PER_EPOCH]
    whole, _ = guarded_loop(epochs=5, collapses=collapses, folder=RunFolder(tmp_path / "whole"))
    losses = losses_of(whole)

    class KilledError(Exception):
        pass

    def killed(step, loss):
        if step == 2 * PER_EPOCH + 3:
            raise KilledError

    parts = RunFolder(tmp_path / "parts")
    first, _ = guarded_loop(epochs=5, folder=parts)
    with pytest.raises(KilledError):
        first.run(on_step=killed)
    second, guard = guarded_loop(epochs=5, collapses=collapses, folder=parts)
    second.restore(checkpoints.newest(parts.checkpoints))
    assert second.step == 2 * PER_EPOCH
    assert guard.state()["step"] == 2 * PER_EPOCH
    np.testing.assert_array_equal(losses_of(second), losses[2 * PER_EPOCH :])
    assert guard.state()["collapses"] == [3]
    for mine, other in zip(weights_of(second), weights_of(whole), strict=True):
        np.testing.assert_array_equal(mine, other)
    columns = [[row[name] for name in ("pgd_accuracy", "collapses")] for row in log.read(parts.log_file)]
    expected = [
        [row[name] for name in ("pgd_accuracy", "collapses")]
        for row in log.read(tmp_path / "whole" / "log.csv")
    ]
    assert columns == expected


def test_two_keepers_of_one_run_leave_each_other_alone(tmp_path):
    loop = toy_loop()
    keepers = [KeptWeights(loop.model, tmp_path, name=name) for name in ("kept", "guarded")]
    for step in range(1, 6):
        loop.model.layers[-1].set_weights(
            [np.full_like(w, step) for w in loop.model.layers[-1].get_weights()]
        )
        keepers[step % 2].keep(step)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "guarded-00000003.npz",
        "guarded-00000005.npz",
        "kept-00000002.npz",
        "kept-00000004.npz",
    ]
    for keeper, step in zip(keepers, (4, 5), strict=True):
        keeper.remember(step)
        keeper.put_back()
        assert np.all(loop.model.layers[-1].get_weights()[0] == step)


def test_unknown_action():
    with pytest.raises(UserError, match="overfitting_guard"):
        guarded_loop(action="pray")
