"""What the named checks let through, and the three parts of what they say otherwise."""

import os
import re
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from mmc_tf.checks import (
    UserError,
    argument_error,
    check_backend,
    check_choice,
    check_images,
    check_labels,
    check_logits,
    check_number,
    format_number,
    parse_number,
)

IMAGES = np.random.default_rng(0).random((2, 3, 3, 1))


def test_an_error_has_three_parts():
    error = argument_error("stddev", "a number >= 0", -1.5)
    assert isinstance(error, ValueError)
    assert str(error) == "Invalid value for argument `stddev`. Expected a number >= 0. Received: stddev=-1.5"


def test_text_is_shown_as_it_was_typed_and_other_things_as_python_writes_them():
    assert str(argument_error("loss", "one of MMC, SCE", "mcc")).endswith("Received: loss=mcc")
    assert str(argument_error("seed", "an integer", None)).endswith("Received: seed=None")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("8/255", Fraction(8, 255)),
        ("8/256", Fraction(1, 32)),
        ("-1/4", Fraction(-1, 4)),
        ("0.3", 0.3),
        (" 1e-3 ", 1e-3),
        (" 8 / 255 ", Fraction(8, 255)),
        ("0/7", 0),
        (8, 8),
        (np.float32(0.25), 0.25),
    ],
)
def test_numbers_may_be_fractions(text, value):
    number = parse_number("epsilon", text)
    assert number == float(value)
    assert type(number) is float


@pytest.mark.parametrize(
    "text",
    [
        *("", "eight", "8/", "/255", "8/0", "8/255/2", "8//255", "nan", "inf", "1/inf", "inf/inf", "1e999"),
        *(float("nan"), float("inf"), None, pytest.param(10**400, id="10^400")),
    ],
)
def test_what_is_no_number_is_refused(text):
    with pytest.raises(
        UserError, match=r"`epsilon`. Expected a number or a fraction such as 8/255. Received"
    ):
        parse_number("epsilon", text)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (8 / 255, "8/255"),
        (1 / 255, "1/255"),
        (8 / 256, "0.03125"),
        (0.3, "0.3"),
        (1.0, "1"),
        (0.0, "0"),
        (-1.0, "-1"),
    ],
)
def test_radii_are_written_as_people_do(value, text):
    assert format_number(value) == text
    assert parse_number("epsilon", text) == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize(
    ("value", "bounds"),
    [
        (0, {"minimum": 0}),
        (1, {"maximum": 1}),
        (0.5, {"minimum": 0, "maximum": 1}),
        (1e-300, {"above": 0}),
        (np.float32(2), {"minimum": 2}),
        (np.int64(3), {"integer": True}),
        pytest.param(10**400, {"integer": True, "minimum": 0}, id="10^400"),
        (Fraction(1, 3), {}),
    ],
)
def test_numbers_within_their_bounds_come_back_as_they_are(value, bounds):
    assert check_number("step", value, **bounds) is value


@pytest.mark.parametrize(
    ("value", "bounds", "expected"),
    [
        (-1, {"minimum": 0}, "a number >= 0"),
        (1.5, {"maximum": 1}, "a number <= 1"),
        (0, {"above": 0, "maximum": 1}, "a number > 0 and <= 1"),
        (2, {"above": 0, "maximum": 1}, "a number > 0 and <= 1"),
        pytest.param(-(10**400), {"integer": True, "minimum": 0}, "an integer >= 0", id="-10^400"),
        (2.0, {"integer": True, "minimum": 1}, "an integer >= 1"),
        (True, {"minimum": 0}, "a number >= 0"),
        ("3", {}, "a number"),
        (None, {}, "a number"),
        ([1], {}, "a number"),
        (1j, {}, "a number"),
        (float("nan"), {"minimum": 0}, "a number >= 0"),
        (float("inf"), {"minimum": 0}, "a number >= 0"),
        (-np.inf, {"maximum": 0}, "a number <= 0"),
    ],
)
def test_numbers_outside_are_refused_with_the_bounds(value, bounds, expected):
    with pytest.raises(UserError, match=re.escape(f"`step`. Expected {expected}. Received: step=")):
        check_number("step", value, **bounds)


def test_choices():
    assert check_choice("norm", "l2", ("linf", "l2")) == "l2"
    with pytest.raises(UserError, match=r"`norm`. Expected one of l2, linf. Received: norm=l3"):
        check_choice("norm", "l3", ("linf", "l2"))


def test_images_come_back_in_float32():
    images = check_images("images", IMAGES)
    assert images.dtype == np.float32
    np.testing.assert_array_equal(images, IMAGES.astype(np.float32))
    assert check_images("images", images) is images
    assert check_images("images", np.zeros((0, 3, 3, 1))).shape == (0, 3, 3, 1)
    assert check_images("images", np.ones((1, 2, 2, 1), int)).max() == 1


def with_value(value):
    images = IMAGES.copy()
    images[1, 2, 0, 0] = value
    return images


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (IMAGES[0], r"shape \(N, H, W, C\).*array of shape \(3, 3, 1\)"),
        (0.5, r"shape \(N, H, W, C\).*array of shape \(\)"),
        ((255 * IMAGES).astype(np.uint8), "divide uint8 images by 255.*uint8"),
        (with_value(1.01), r"finite pixel values in \[0, 1\].* to 1\.01"),
        (with_value(-0.5), r"finite pixel values in \[0, 1\].*from -0\.5"),
        (with_value(np.nan), "finite pixel values.*nan"),
        (with_value(np.inf), "finite pixel values.*inf"),
    ],
)
def test_other_images_are_refused(images, message):
    with pytest.raises(UserError, match=f"`images`. Expected .*{message}"):
        check_images("images", images)


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64, np.uint64])
def test_labels_come_back_in_int32(dtype):
    labels = check_labels("labels", np.array([2, 0, 1], dtype), size=3, num_classes=3)
    assert labels.dtype == np.int32
    np.testing.assert_array_equal(labels, [2, 0, 1])


@pytest.mark.parametrize(
    ("labels", "settings", "message"),
    [
        ([[1], [2]], {}, r"integer labels of shape \(N,\).*\(2, 1\)"),
        ([1, 2], {"size": 3}, r"integer labels of shape \(3,\).*\(2,\)"),
        ([1.0, 2.0], {}, "integer labels.*float64"),
        ([True, False], {}, "integer labels.*bool"),
        (["cat"], {}, "integer labels.*<U3"),
        ([0, -1], {}, "labels >= 0.*from -1 to 0"),
        ([0, 3], {"num_classes": 3}, "labels >= 0 and < 3.*from 0 to 3"),
        ([2**31], {}, "labels >= 0 and < 2147483648"),  # int32 would wrap
    ],
)
def test_other_labels_are_refused(labels, settings, message):
    with pytest.raises(UserError, match=f"`labels`. Expected {message}"):
        check_labels("labels", np.array(labels), **settings)


def test_logits():
    assert check_logits("logits", np.zeros((4, 3)), size=4) == (4, 3)


@pytest.mark.parametrize("shape", [(4,), (5, 3), (4, 1), (4, 3, 1)])
def test_other_logits_are_refused(shape):
    message = rf"`logits`. Expected logits of shape \(4, L\) with L >= 2.*shape {re.escape(str(shape))}"
    with pytest.raises(UserError, match=message):
        check_logits("logits", np.zeros(shape), size=4)


@pytest.mark.parametrize("environment", [{}, {"KERAS_BACKEND": ""}, {"KERAS_BACKEND": "tensorflow"}])
def test_the_backend_of_keras_is_tensorflow_or_not_said(environment):
    check_backend(environment)


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_another_backend_is_refused_before_anything_is_imported(backend):
    with pytest.raises(UserError, match=rf"`KERAS_BACKEND`.*tensorflow.*Received: KERAS_BACKEND={backend}"):
        check_backend({"KERAS_BACKEND": backend})
    for words in (["eval_attacks.py", "--attack=pgd"], ["-m", "mmc_tf.evaluation", "compare", "a", "b"]):
        done = subprocess.run(
            [sys.executable, *words],
            cwd=Path(__file__).resolve().parents[1],
            env=os.environ | {"KERAS_BACKEND": backend},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 2
        assert done.stderr.startswith("error: Invalid value for argument `KERAS_BACKEND`")
        assert done.stderr.count("\n") == 1
