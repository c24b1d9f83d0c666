"""The choice is a function of seconds; how seconds are measured is shown with a clock of our own."""

import pytest

from mmc_tf.models.precision import (
    BATCH_SIZE,
    HOPELESS,
    ROUNDS,
    SECONDS,
    as_asked,
    choose_precision,
    measure_steps,
    unmeasured,
)


@pytest.mark.parametrize(
    ("seconds", "precision", "reason"),
    [
        ({"float32": 0.021, "bfloat16": 0.01}, "bfloat16", "bfloat16: 2.1 times faster than float32 here"),
        ({"float32": 0.01, "bfloat16": 0.063}, "float32", "float32: bfloat16 takes 6.3 times as long here"),
        ({"float32": 1.0, "bfloat16": 0.9}, "bfloat16", "bfloat16: 1.1 times faster than float32 here"),
        ({"float32": 1.0, "bfloat16": 0.91}, "float32", "float32: bfloat16 is not clearly faster here"),
        ({"float32": 1.0, "bfloat16": 1.0}, "float32", "float32: bfloat16 is not clearly faster here"),
        (
            {"float32": 1.0, "mixed_bfloat16": 104.0},
            "float32",
            "float32: mixed_bfloat16 takes 104.0 times as long here",
        ),
    ],
)
def test_bfloat16_has_to_be_faster_by_a_tenth(seconds, precision, reason):
    choice = choose_precision(seconds)
    assert (choice.precision, choice.reason, choice.asked) == (precision, reason, "auto")
    assert choice.as_dict()["seconds"] == pytest.approx(seconds, rel=5e-3)


def test_what_was_not_measured_says_so():
    assert as_asked("bfloat16").as_dict() == {
        "asked": "bfloat16",
        "used": "bfloat16",
        "reason": "bfloat16: as asked for",
        "seconds": {},
    }
    assert unmeasured("no copy").reason == "float32: no copy"


class Machine:
    """Steps that take known seconds on a clock of their own; the first call of each takes longer."""

    def __init__(self, seconds, *, fixed=0.0):
        self.now, self.calls, self.seconds, self.fixed = 0.0, [], seconds, fixed

    def clock(self):
        return self.now

    def steps(self):
        return {name: self._step(name) for name in self.seconds}

    def _step(self, name):
        def step(images):
            first = (name, images) not in self.calls
            self.calls.append((name, images))
            self.now += self.fixed + images * self.seconds[name] + (100.0 if first else 0.0)

        return step


def test_the_warm_up_is_not_counted():
    machine = Machine({"float32": 0.01, "bfloat16": 0.005})
    found = measure_steps(machine.steps(), clock=machine.clock)
    assert found == pytest.approx({"float32": 0.08, "bfloat16": 0.04})
    assert machine.calls.count(("float32", BATCH_SIZE)) == 1 + ROUNDS


def test_a_hopeless_precision_is_not_asked_for_a_batch():
    machine = Machine({"float32": 0.01, "bfloat16": 0.01 * HOPELESS + 0.001})
    found = measure_steps(machine.steps(), clock=machine.clock)
    assert choose_precision(found).precision == "float32"
    assert {images for _, images in machine.calls} == {1}


def test_the_measurement_ends_in_seconds():
    machine = Machine({"float32": 1.0, "bfloat16": 2.0})
    measure_steps(machine.steps(), clock=machine.clock)
    assert (
        machine.calls.count(("bfloat16", BATCH_SIZE)) == 2
    )  # the warm-up, and one that took longer than the bound
    assert (1.0 + 2.0) * BATCH_SIZE > SECONDS
