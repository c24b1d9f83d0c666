"""A monitor: what happens after every epoch beside the log."""

from __future__ import annotations

import abc
from typing import Any


class Monitor(abc.ABC):
    """Looks at the network at the end of every epoch, before the epoch's checkpoint is written.

    Its state is part of the checkpoint, so that a resumed run goes on as if nothing had happened. Every process of
    several calls it, with the same network.
    """

    @abc.abstractmethod
    def end_epoch(self, epoch: int, step: int) -> dict[str, float]:
        """Columns for the epoch's row in the log.

        Args:
            epoch: the epoch that ended, from 1 on.
            step: steps done.
        """

    @property
    def wants_to_stop(self) -> bool:
        """Whether training should end with this epoch."""
        return False

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps, JSON-serializable."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """Takes back what `state` returned when the checkpoint was written."""
        del state

    def finish(self) -> dict[str, Any]:
        """Called when training has ended, before the network is tested and saved, which it may change.

        Returns:
            What `config.json` says of it.
        """
        return {}
