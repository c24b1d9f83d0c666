"""What looks at the network after every epoch: selection, records, guards. One a file."""

from mmc_tf.training.monitors.base import Monitor
from mmc_tf.training.monitors.kept_weights import KeptWeights
from mmc_tf.training.monitors.margin_selection import MarginSelection
from mmc_tf.training.monitors.margin_track import MarginTrack
from mmc_tf.training.monitors.overfitting_guard import OverfittingGuard
from mmc_tf.training.monitors.zero_gradients import ZeroGradients

__all__ = ["KeptWeights", "MarginSelection", "MarginTrack", "Monitor", "OverfittingGuard", "ZeroGradients"]
