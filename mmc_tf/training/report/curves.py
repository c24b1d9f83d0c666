"""Which curves runs have, and how they are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mmc_tf.report.colours import series_style
from mmc_tf.report.drawing import add_legend, drawing_style, legend_label, new_figure
from mmc_tf.training.report.history import History

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STEPS, TIME = "step", "seconds"
_SECONDS = (("s", 1), ("min", 60), ("h", 3600))
_FEW_POINTS = 25
_WIDE_RANGE = 30


@dataclass(frozen=True)
class Curve:
    """One quantity of one run.

    Attributes:
        name: of the run.
        images: on which it was measured; empty where there is no choice.
        run: number of the run, which decides the colour.
        steps: optimizer steps, (E,).
        seconds: wall-clock time, (E,).
        values: (E,).
        is_dashed: of two curves of a run, the one on other images.
    """

    name: str
    images: str
    run: int
    steps: np.ndarray
    seconds: np.ndarray
    values: np.ndarray
    is_dashed: bool = False


@dataclass(frozen=True)
class Quantity:
    """One quantity of all runs, drawn against steps and against time.

    Attributes:
        key: for files.
        title: heading.
        axis: label with unit.
        caption: what is seen.
        curves: of the runs that have it.
        is_share: whether it is in percent.
    """

    key: str
    title: str
    axis: str
    caption: str
    curves: tuple[Curve, ...]
    is_share: bool = False


def quantities_of(histories: Sequence[History]) -> list[Quantity]:
    """The quantities that at least one run has.

    `accuracy` and `loss` of a run that trains on adversarial images are of those images; they are never shown
    among clean ones.
    """
    attacked = [history for history in histories if history.attack]
    splits = " and ".join(dict.fromkeys(history.monitored for history in histories))
    on_attacked = ", ".join(f"{history.name}: {history.attack}" for history in attacked)
    trained_on = f" Trained on adversarial images: {on_attacked}." if attacked else ""
    losses, clean, adversarial, rates, speeds = [], [], [], [], []
    for number, history in enumerate(histories):
        _add(losses, history, number, "monitored_loss", f"{history.monitored} images")
        images = "adversarial training images" if history.attack else "training images"
        _add(losses, history, number, "loss", images, is_dashed=True)
        _add(clean, history, number, "monitored_accuracy", f"{history.monitored} images", scale=100)
        if history.attack:
            _add(adversarial, history, number, "accuracy", history.attack, scale=100)
        else:
            _add(clean, history, number, "accuracy", "training images", scale=100, is_dashed=True)
        _add(rates, history, number, "learning_rate")
        _add(speeds, history, number, "images_per_second")
    found = [
        Quantity(
            "loss",
            "Loss",
            "loss per image",
            f"Mean loss without the weight penalty: solid on the clean {splits} images after each epoch, dashed on "
            f"the images trained on, over the epoch. Different losses do not compare.{trained_on}",
            tuple(losses),
        ),
        Quantity(
            "clean-accuracy",
            "Clean accuracy",
            "clean accuracy (%)",
            f"Solid on the {splits} images after each epoch; dashed on the clean training images, over the epoch, "
            "for runs that train on those.",
            tuple(clean),
            is_share=True,
        ),
        Quantity(
            "adversarial-accuracy",
            "Adversarial accuracy in training",
            "adversarial accuracy (%)",
            f"On the adversarial training images ({on_attacked}), each crafted on the weights of its step, over the "
            "epoch. This is no robust accuracy: the images are training images, and the attack is the one trained "
            "against.",
            tuple(adversarial),
            is_share=True,
        ),
        Quantity(
            "learning-rate",
            "Learning rate",
            "learning rate",
            "Learning rate of each epoch's last step.",
            tuple(rates),
        ),
        Quantity(
            "speed",
            "Speed",
            "images per second",
            "Training images per second in each epoch, without evaluation; the first epoch includes compilation.",
            tuple(speeds),
        ),
    ]
    return [quantity for quantity in found if quantity.curves]


def _add(
    curves: list[Curve],
    history: History,
    number: int,
    column: str,
    images: str = "",
    *,
    scale: float = 1,
    is_dashed: bool = False,
) -> None:
    values = history.column(column)
    if values is not None:
        curves.append(
            Curve(
                history.name,
                images,
                number,
                history.columns[STEPS],
                history.columns[TIME],
                scale * values,
                is_dashed,
            )
        )


def time_unit(seconds: float) -> tuple[str, int]:
    """The unit in which a time is a handy number, and its length in seconds.

    Example:
        >>> time_unit(90), time_unit(600), time_unit(86400)
        (('s', 1), ('min', 60), ('h', 3600))
    """
    return next((unit for unit in reversed(_SECONDS) if seconds >= 2 * unit[1]), _SECONDS[0])


def label_curves(curves: Sequence[Curve]) -> list[str]:
    """What the legend calls each curve: its images where there is one run, otherwise each run once."""
    if len({curve.run for curve in curves}) == 1:
        return [curve.images or curve.name for curve in curves]
    first = {}
    for number, curve in enumerate(curves):
        first.setdefault(curve.run, number)
    return [curve.name if first[curve.run] == number else "" for number, curve in enumerate(curves)]


def draw_curves(quantity: Quantity, *, against: str) -> Figure:
    """The curves of one quantity.

    Args:
        quantity: with one curve at least.
        against: `STEPS` or `TIME`.
    """
    labels = label_curves(quantity.curves)
    unit, length = time_unit(max(curve.seconds[-1] for curve in quantity.curves))
    with drawing_style():
        figure = new_figure()
        axes = figure.subplots()
        for curve, label in zip(quantity.curves, labels, strict=True):
            style = series_style(curve.run)
            if len(curve.values) > _FEW_POINTS:
                style["marker"] = ""
            axes.plot(
                curve.steps if against == STEPS else curve.seconds / length,
                curve.values,
                label=legend_label(label) if label else None,
                linestyle="--" if curve.is_dashed else "-",
                **style,
            )
        axes.set_xlabel("step" if against == STEPS else f"wall-clock time ({unit})")
        axes.set_ylabel(quantity.axis)
        axes.set_xlim(left=0)
        _scale(axes, quantity)
        add_legend(figure, axes)
    return figure


def _scale(axes, quantity: Quantity) -> None:
    """Shares from 0 to 100 where they fill it; other quantities from 0, or by powers of ten where they span many."""
    values = np.concatenate([curve.values[np.isfinite(curve.values)] for curve in quantity.curves])
    if quantity.is_share:
        axes.set_ylim(top=min(101.5, axes.get_ylim()[1]))
    elif values.min() > 0 and values.max() > _WIDE_RANGE * values.min():
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.yaxis.set_minor_formatter(lambda value, _: "")
    elif values.min() >= 0:
        axes.set_ylim(bottom=0)
