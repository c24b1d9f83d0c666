"""Colours are told apart, from each other and from the ground, in both schemes."""

import itertools
import re
from importlib.resources import files

import numpy as np
import pytest

from mmc_tf.report.colours import CLASSES, SERIES, VARIABLES, css_variables, series_style

SHEET = files("mmc_tf.report").joinpath("report.css").read_text()


def linear(colour):
    """Linear RGB of `#rrggbb`."""
    channels = np.array([int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)])
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def luminance(colour):
    """Relative luminance (WCAG 2.1)."""
    return linear(colour) @ (0.2126, 0.7152, 0.0722)


def contrast(first, second):
    low, high = sorted([luminance(first), luminance(second)])
    return (high + 0.05) / (low + 0.05)


def ground(dark):
    return re.findall(r"--ground: (#\w+)", SHEET)[dark]


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("name", sorted(VARIABLES))
def test_contrast_with_the_ground(name, dark):
    needed = {"ink": 7.0, "muted": 4.5, "grid": 1.1}.get(name, 2.2 if name.startswith("class") else 3.0)
    assert contrast(VARIABLES[name][dark], ground(dark)) >= needed


def test_no_colour_stands_for_two_things():
    for scheme in (0, 1):
        values = [pair[scheme] for pair in VARIABLES.values()]
        assert len(set(values)) == len(values)


@pytest.mark.parametrize("dark", [False, True])
def test_the_page_gets_every_variable(dark):
    declared = dict(re.findall(r"--([\w-]+): (#\w+);", css_variables(dark=dark)))
    assert declared == {name: pair[dark] for name, pair in VARIABLES.items()}


# What an eye without red or without green receptors makes of linear RGB (Machado et al., 2009, severity 1).
BLINDNESS = {
    "none": np.eye(3),
    "protan": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deutan": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
}
TO_XYZ = [
    [0.4124564, 0.3575761, 0.1804375],
    [0.2126729, 0.7151522, 0.0721750],
    [0.0193339, 0.1191920, 0.9503041],
]


def lab(colour, kind):
    """CIELAB coordinates of a colour as it is seen."""
    seen = np.clip(BLINDNESS[kind] @ linear(colour), 0, 1)
    x, y, z = np.cbrt(TO_XYZ @ seen / [0.95047, 1.0, 1.08883])
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("kind", sorted(BLINDNESS))
@pytest.mark.parametrize("scheme", [0, 1])
def test_the_first_five_lines_differ_for_the_colour_blind(kind, scheme):
    seen = [lab(VARIABLES[f"series-{number}"][scheme], kind) for number in range(5)]
    for first, second in itertools.combinations(seen, 2):
        assert np.linalg.norm(first - second) > 20


def test_lines_differ_in_more_than_colour():
    styles = [series_style(number) for number in range(len(SERIES))]
    assert len({style["marker"] for style in styles}) == len(SERIES)
    assert series_style(len(SERIES)) == styles[0]
    assert len(set(CLASSES)) == 10
