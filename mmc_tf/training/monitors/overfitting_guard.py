"""The guard against catastrophic overfitting of one-step training (Wong et al., ICLR 2020, Section 5.4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from mmc_tf.attacks import Attack
from mmc_tf.checks import check_choice
from mmc_tf.classifier import call_model, predict
from mmc_tf.data import Split
from mmc_tf.training.measuring import make_measure
from mmc_tf.training.monitors.base import Monitor
from mmc_tf.training.monitors.kept_weights import KeptWeights

ACTIONS = ("rollback", "stop", "off")
LARGEST_DROP = 0.2
MAX_ROLLBACKS = 3


class OverfittingGuard(Monitor):
    """Goes back to the best weights when accuracy under PGD falls by more than 20 points below its best.

    Args:
        model: the network.
        split: training images, always the same.
        attack: a short PGD, with `iterate="last"`.
        kept: where the best weights stay; with the optimizer's variables, or its momentum would lead to the collapse
            again.
        strategy: any.
        action: `rollback` goes on from the best weights, three times at most, and the fourth time ends training with
            them; `stop` ends it the first time; `off` only measures.
        seed: of the attack's starts.

    Raises:
        UserError: for another action.
    """

    def __init__(
        self,
        model: keras.Model,
        split: Split,
        *,
        attack: Attack,
        kept: KeptWeights,
        strategy: tf.distribute.Strategy,
        action: str = "rollback",
        seed: int = 0,
    ):
        self._split = split
        self._kept = kept
        self._action = check_choice("overfitting_guard", action, ACTIONS)
        self._measure = make_measure(withstands(model, attack, seed=seed), strategy=strategy)
        self._best = -1.0
        self._collapses: list[int] = []
        self._stops = False

    def end_epoch(self, epoch, step):
        """`pgd_accuracy`, measured before anything is put back, and `collapses` so far."""
        accuracy = float(self._measure(self._split).mean())
        if accuracy > self._best:
            self._best = accuracy
            if self._action != "off":
                self._kept.keep(step)
        elif accuracy < self._best - LARGEST_DROP:
            self._collapses.append(epoch)
            self._act()
        return {"pgd_accuracy": accuracy, "collapses": len(self._collapses)}

    @property
    def wants_to_stop(self) -> bool:
        """After a collapse that is not to be trained away."""
        return self._stops

    def state(self) -> dict[str, Any]:
        """The best accuracy, where it was, the epochs of collapse, whether it has stopped training."""
        return {
            "best": self._best,
            "step": self._kept.step,
            "collapses": self._collapses,
            "stops": self._stops,
        }

    def restore(self, state):
        """Takes all of that back."""
        self._best = state["best"]
        self._kept.remember(state["step"])
        self._collapses = list(state["collapses"])
        self._stops = state["stops"]

    def finish(self):
        """Which epochs collapsed, and what was done."""
        return {
            "overfitting_guard": {
                "action": self._action,
                "collapsed_epochs": self._collapses,
                "best_pgd_accuracy": self._best,
                "best_step": self._kept.step,
                "stopped": self._stops,
            }
        }

    def _act(self) -> None:
        if self._action == "off":
            return
        self._kept.put_back()
        self._stops = self._action == "stop" or len(self._collapses) > MAX_ROLLBACKS


def withstands(
    model: keras.Model, attack: Attack, *, seed: int = 0
) -> Callable[[dict[str, tf.Tensor]], tf.Tensor]:
    """A function from a batch to 1 for every image (B,) that is classified correctly, clean and attacked, else 0."""

    def right(batch: dict[str, tf.Tensor]) -> tf.Tensor:
        images, labels = batch["images"], batch["labels"]
        attacked = attack.perturb(model, images, labels, indices=batch["indices"], seed=seed)
        correct = [tf.equal(predict(call_model(model, each)), labels) for each in (images, attacked)]
        return tf.cast(correct[0] & correct[1], tf.float32)

    return right
