"""Model selection by the average margin of held-out images (Ding et al., "MMA Training", ICLR 2020, Appendix C)."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from mmc_tf.data import Split
from mmc_tf.training.margins import MarginSearch, margin_of
from mmc_tf.training.measuring import make_measure
from mmc_tf.training.monitors.base import Monitor
from mmc_tf.training.monitors.kept_weights import KeptWeights


class MarginSelection(Monitor):
    """The finished run has the weights of the epoch with the largest average AN-PGD margin.

    Args:
        model: the network.
        split: held out of training.
        search: how margins are found.
        kept: where the best weights stay.
        strategy: any.
    """

    def __init__(
        self,
        model: keras.Model,
        split: Split,
        *,
        search: MarginSearch,
        kept: KeptWeights,
        strategy: tf.distribute.Strategy,
    ):
        self._split = split
        self._kept = kept
        self._best = -np.inf
        self._measure = make_measure(margin_of(model, search), strategy=strategy)

    def end_epoch(self, epoch, step):
        """`average_margin`; an equal one later does not replace an earlier one."""
        average = float(self._measure(self._split).mean())
        if average > self._best:
            self._best = average
            self._kept.keep(step)
        return {"average_margin": average}

    def state(self) -> dict[str, Any]:
        """The best average and the step it was found at."""
        return {"best": self._best if self._kept.step is not None else None, "step": self._kept.step}

    def restore(self, state):
        """Takes the best so far."""
        self._best = -np.inf if state["best"] is None else state["best"]
        self._kept.remember(state["step"])

    def finish(self):
        """Puts the best weights back."""
        if self._kept.step is None:
            return {}
        self._kept.put_back()
        return {"selected": {"by": "average_margin", "step": self._kept.step, "average_margin": self._best}}
