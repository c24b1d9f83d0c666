"""Named checks of what a caller passes, and the three-part error they raise.

Every message says which argument is wrong, what is expected, and what came.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

# Of what somebody passed, an error repeats so many characters: enough to recognize it.
ECHOED = 200

UNUSABLE_GRADIENT_RATE = (
    0.01  # the share of attacked images whose gradients are of no use, from which on it is said
)
NOT_FINITE = -1  # the class predicted by logits that hold NaN or infinity: no class at all


class UserError(ValueError):
    """A mistake of the caller: the scripts print its message as one line and exit with status 2."""


def argument_error(name: str, expected: str, received: Any, *, longest: int = ECHOED) -> UserError:
    """Builds the three-part error: the argument's name, what is expected, what came.

    Args:
        name: of the argument.
        expected: what would be right.
        received: a value, or what is said of it.
        longest: so many characters of it are repeated; more where several values are named.
    """
    shown = shorten(received if isinstance(received, str) else repr(received), longest)
    return UserError(f"Invalid value for argument `{name}`. Expected {expected}. Received: {name}={shown}")


def shorten(text: str, longest: int = ECHOED) -> str:
    """Returns a text as it is, or its beginning and its end if it has more than `longest` characters.

    Example:
        >>> shorten("0123456789" * 100, 20)
        '01234567890123…56789 (1000 characters)'
    """
    if len(text) <= longest:
        return text
    end = (longest - 1) // 4 + 1
    return f"{text[: longest - 1 - end]}…{text[-end:]} ({len(text)} characters)"


def parse_number(name: str, text: str | float) -> float:
    """Reads a number that may be written as a fraction: `"8/255"`, `"0.3"`, `8`.

    Raises:
        UserError: if it is neither a number nor a fraction, or not finite.
    """
    parts = [text] if isinstance(text, numbers.Real) else str(text).split("/")
    try:
        numerator, denominator = (float(part) for part in (parts if len(parts) > 1 else [*parts, 1]))
        value = numerator / denominator
    except (ValueError, ArithmeticError):
        value = denominator = math.nan
    if not (math.isfinite(value) and math.isfinite(denominator)):
        raise argument_error(name, "a number or a fraction such as 8/255", text)
    return value


def format_number(value: float) -> str:
    """Writes a radius as people do: `8/255` when it is a whole number of grey levels, else `%g`."""
    levels = value * 255
    if levels >= 0.5 and abs(levels - round(levels)) < 1e-4 and value < 1:
        return f"{round(levels)}/255"
    return f"{value:g}"


def check_number(
    name: str,
    value: float,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    above: float | None = None,
    integer: bool = False,
) -> float:
    """Returns `value` if it is a finite number within the bounds (`above` is exclusive).

    Raises:
        UserError: otherwise.
    """
    kind = "an integer" if integer else "a number"
    bounds = [f"> {above:g}"] if above is not None else []
    bounds += [f">= {minimum:g}"] if minimum is not None else []
    bounds += [f"<= {maximum:g}"] if maximum is not None else []
    is_number = isinstance(value, numbers.Integral if integer else numbers.Real) and not isinstance(
        value, bool
    )
    if (
        not is_number
        or not -math.inf < value < math.inf  # math.isfinite overflows at integers past 1e308
        or (above is not None and value <= above)
        or (minimum is not None and value < minimum)
        or (maximum is not None and value > maximum)
    ):
        raise argument_error(name, " ".join([kind, " and ".join(bounds)]).strip(), value)
    return value


def check_range(name: str, values: Iterable[float]) -> tuple[float, float]:
    """Return (low, high).

    Raises:
        UserError: unless these are two finite numbers in that order.
    """
    try:
        values = tuple(float(value) for value in values)
    except (TypeError, ValueError):
        raise argument_error(name, "two numbers LOW,HIGH with LOW < HIGH, such as 0,255", values) from None
    if len(values) != 2 or not all(map(math.isfinite, values)) or values[0] >= values[1]:
        shown = ",".join(f"{value:g}" for value in values)
        raise argument_error(name, "two numbers LOW,HIGH with LOW < HIGH, such as 0,255", shown)
    return values


def check_epsilon(name: str, epsilon: float | None, *, norm: str) -> None:
    """Makes sure that a radius in linf is one in pixels of [0, 1], not in grey levels.

    Raises:
        UserError: for one beyond 1, which names what may have been meant: 8 is 8/255.
    """
    if norm == "linf" and epsilon is not None and epsilon > 1:
        expected = (
            f"a radius <= 1 in linf, since pixels are in [0, 1] ({epsilon:g} grey levels are {epsilon:g}/255)"
        )
        raise argument_error(name, expected, format_number(epsilon))


def check_backend(environment: Mapping[str, str]) -> None:
    """Makes sure that an environment asks Keras for no other backend than TensorFlow.

    Attacks, training and evaluation are written for it; networks, heads and losses alone run under all of them.

    Raises:
        UserError: otherwise.
    """
    backend = environment.get("KERAS_BACKEND") or "tensorflow"
    if backend != "tensorflow":
        expected = (
            "tensorflow, or nothing, in the environment (saved networks load under other backends, too)"
        )
        raise argument_error("KERAS_BACKEND", expected, backend)


def check_choice(name: str, value: str, choices: Iterable[str]) -> str:
    """Returns `value` if it is one of `choices`.

    Raises:
        UserError: otherwise, listing the choices.
    """
    choices = sorted(choices)
    if value not in choices:
        raise argument_error(name, "one of " + ", ".join(choices), value)
    return value


def check_images(name: str, images: Any) -> np.ndarray:
    """Returns `images` as float32 (N, H, W, C) with finite values in [0, 1].

    Raises:
        UserError: for another rank, values outside [0, 1], or values that are not finite.
    """
    images = np.asarray(images)
    if images.ndim != 4:
        raise argument_error(name, "images of shape (N, H, W, C)", f"an array of shape {images.shape}")
    if images.dtype == np.uint8:
        raise argument_error(name, "float images in [0, 1] (divide uint8 images by 255)", "dtype uint8")
    images = images.astype(np.float32, copy=False)
    if images.size and not (np.isfinite(images).all() and images.min() >= 0 and images.max() <= 1):
        raise argument_error(
            name, "finite pixel values in [0, 1]", f"values from {images.min():g} to {images.max():g}"
        )
    return images


def check_labels(
    name: str, labels: Any, *, size: int | None = None, num_classes: int | None = None
) -> np.ndarray:
    """Returns `labels` as int32 (N,) with values in [0, num_classes), or whatever int32 holds.

    Raises:
        UserError: for another rank or length, values that are not integers, or values out of range.
    """
    labels = np.asarray(labels)
    if labels.ndim != 1 or (size is not None and len(labels) != size):
        expected = "integer labels of shape (N,)" if size is None else f"integer labels of shape ({size},)"
        raise argument_error(name, expected, f"an array of shape {labels.shape}")
    if not np.issubdtype(labels.dtype, np.integer):
        raise argument_error(name, "integer labels", f"dtype {labels.dtype}")
    limit = 2**31 if num_classes is None else num_classes
    if labels.size and (labels.min() < 0 or labels.max() >= limit):
        received = f"values from {labels.min()} to {labels.max()}"
        raise argument_error(name, f"labels >= 0 and < {limit}", received)
    return labels.astype(np.int32, copy=False)


def check_logits(name: str, logits: Any, *, size: int) -> tuple[int, ...]:
    """Returns the static shape of `logits` if it is (N, L) with N = `size` and L >= 2.

    Raises:
        UserError: otherwise.
    """
    shape = tuple(logits.shape)
    if len(shape) != 2 or shape[0] not in (None, size) or (shape[1] or 0) < 2:
        raise argument_error(name, f"logits of shape ({size}, L) with L >= 2", f"shape {shape}")
    return shape


def falls_short(reach: float | None, epsilon: float | None) -> bool:
    """Whether an attack's steps together leave the border of its ball out of reach, beyond rounding.

    Where it starts changes nothing: a random start lies as often on the wrong side of the image as on the right one, so
    that in the direction that counts an attack gets as far as its steps do.

    Args:
        reach: how far the steps get, as `Attack.reach` gives it; None: any distance.
        epsilon: radius of the ball; None: there is no ball.

    Example:
        >>> falls_short(10 * 0.001, 0.1), falls_short(10 * 0.01, 0.1), falls_short(None, 0.1)
        (True, False, False)
    """
    return reach is not None and epsilon is not None and reach < epsilon * (1 - 1e-6)
