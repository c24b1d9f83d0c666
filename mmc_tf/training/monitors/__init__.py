"""What looks at the network after every epoch: selection, records, guards. One a file."""

from mmc_tf.training.monitors.base import Monitor
from mmc_tf.training.monitors.kept_weights import KeptWeights
from mmc_tf.training.monitors.margin_selection import MarginSelection
from mmc_tf.training.monitors.margin_track import MarginTrack

__all__ = ["KeptWeights", "MarginSelection", "MarginTrack", "Monitor"]
