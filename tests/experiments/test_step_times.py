"""Work that is timed in turn."""

import itertools

from mmc_tf.experiments.reproducibility.step_times import in_turn


def test_work_is_taken_in_turn_and_its_first_round_not_counted():
    order = []
    work = {name: lambda name=name: order.append(name) for name in ("SCE", "MMC")}
    durations = iter([9.0, 9.0, 1.0, 2.0, 3.0, 4.0])
    now = 0.0
    asked = itertools.cycle((False, True))

    def clock():
        nonlocal now
        if next(asked):
            now += next(durations)
        return now

    found = in_turn(work, 2, clock=clock)
    assert {name: values.tolist() for name, values in found.items()} == {"SCE": [1.0, 3.0], "MMC": [2.0, 4.0]}
    assert order == ["SCE", "MMC"] * 3
