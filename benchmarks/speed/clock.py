"""What the contenders are timed by, the same in both processes."""

from __future__ import annotations

import os
import time


def clock_name() -> str:
    """`processor` where this process may use one core (`taskset -c 1`), `wall` where it may use several."""
    return "processor" if len(os.sched_getaffinity(0)) == 1 else "wall"


def now() -> float:
    """Seconds since some moment, of which differences count.

    On one core the seconds that this process has computed: what a wall clock shows on an idle machine, and what
    others who use the core at the same time do not lengthen. Threads that compute side by side would add up.
    """
    return time.process_time() if clock_name() == "processor" else time.perf_counter()
