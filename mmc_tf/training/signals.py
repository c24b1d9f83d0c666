"""SIGTERM as a request that the training loop answers at its next step."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def on_sigterm(*, enabled: bool = True) -> Iterator[Callable[[], bool]]:
    """Remembers, while the block lasts, that SIGTERM came; a second one ends the process as usual.

    Args:
        enabled: False leaves the signal alone. So does a thread that is not the main one, which Python allows no
            handlers.

    Yields:
        A function that says whether it came.
    """
    if not enabled or threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    came = threading.Event()
    before = signal.getsignal(signal.SIGTERM) or signal.SIG_DFL  # None: set by a library in C

    def remember(number: int, frame: object) -> None:
        came.set()
        signal.signal(signal.SIGTERM, before)

    signal.signal(signal.SIGTERM, remember)
    try:
        yield came.is_set
    finally:
        signal.signal(signal.SIGTERM, before)
