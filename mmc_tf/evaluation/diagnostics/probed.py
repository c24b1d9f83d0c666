"""What the probes of a diagnosis show (`mmc_tf.evaluation.probes`), read off its figures."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from mmc_tf.checks import UNUSABLE_GRADIENT_RATE
from mmc_tf.evaluation.diagnostics.blindness import ARTEFACT, BLIND
from mmc_tf.evaluation.diagnostics.finding import Finding
from mmc_tf.evaluation.diagnostics.order import BLACK_BOX_LEAD, ONE_STEP, SURVIVED, WEAKER
from mmc_tf.evaluation.diagnostics.output import find_in_output
from mmc_tf.evaluation.diagnostics.pixels import find_in_pixels
from mmc_tf.evaluation.wording import percent, radius

Figures = Mapping[str, Any]

_WITHOUT_GRADIENTS = {
    "square": "SQUARE_HELPS",
    "noise": "BLACK_BOX_STRONGER",
    "surrogate": "TRANSFER_STRONGER",
}


def find_in_diagnosis(figures: Figures) -> list[Finding]:
    """Every finding of a diagnosis, the gravest first."""
    findings = find_in_pixels(figures["pixels"]) if "pixels" in figures else []
    findings += find_in_output(figures["output"]) if "output" in figures else []
    if not figures.get("examples"):
        return findings
    parts = (
        _find_unusable_gradients,
        _find_cross_entropy_blind,
        _find_stronger,
        _find_without_gradients,
        _find_one_step,
        _find_in_curve,
    )
    return findings + [finding for part in parts for finding in part(figures)]


def exceeds(count: int, examples: int, *, by: float) -> bool:
    """Whether a number of examples is more than a share of all and more than one."""
    return count > max(by * examples + 1e-9, 1)


def strongest_probe(figures: Figures) -> tuple[str, int] | None:
    """The probe, in words, that leaves fewest of the examples that the headline left, and how many.

    None if none leaves fewer.
    """
    headline = figures["headline"]["left"]
    words, least = None, headline
    for probe in figures["probes"]:
        left = (headline if _asked_survivors(probe) else figures["examples"]) - probe["broken"]
        if left < least:
            words, least = probe["words"], left
    return None if words is None else (words, least)


def _asked_survivors(probe: Figures) -> bool:
    return probe["name"] in _WITHOUT_GRADIENTS


def _broken(figures: Figures) -> dict[str, int]:
    return {probe["name"]: probe["broken"] for probe in figures["probes"]}


def _share(count: int, figures: Figures) -> str:
    return f"{percent(count / figures['examples'])} %"


def _find_unusable_gradients(figures: Figures) -> Iterator[Finding]:
    """ZERO_GRADIENT and NONFINITE_GRADIENT of the headline's objective, also at random points of the ball."""
    headline = figures["headline"]
    for each in figures["gradients"]:
        if each["objective"] != headline["objective"] or not headline["differentiates"]:
            continue
        where = f"at the image or at a random point of the ball, for {headline['label']}"
        if each["zero_rate"] >= UNUSABLE_GRADIENT_RATE:
            yield Finding(
                "ZERO_GRADIENT",
                f"The gradient of {each['objective']} is exactly zero on {percent(each['zero_rate'])} % of "
                f"{each['examples']} images probed, {where}.",
                (headline["label"],),
            )
        if each["nonfinite_rate"] >= UNUSABLE_GRADIENT_RATE:
            yield Finding(
                "NONFINITE_GRADIENT",
                f"The gradient of {each['objective']} is not finite on {percent(each['nonfinite_rate'])} % of "
                f"{each['examples']} images probed, {where}.",
                (headline["label"],),
            )


def _find_cross_entropy_blind(figures: Figures) -> Iterator[Finding]:
    """CE_BLIND: PGD on cross-entropy leaves over 10 points more than PGD on the margin."""
    broken = _broken(figures)
    if {"margin", "cross_entropy"} <= broken.keys():
        gap = broken["margin"] - broken["cross_entropy"]
        if exceeds(gap, figures["examples"], by=BLIND):
            words = {probe["name"]: probe["words"] for probe in figures["probes"]}
            left = {name: _share(figures["examples"] - broken[name], figures) for name in broken}
            yield Finding(
                "CE_BLIND",
                f"Of {figures['examples']} images probed, {words['cross_entropy']} leaves "
                f"{left['cross_entropy']}, {words['margin']} {left['margin']}: cross-entropy is blind on this "
                "network, and so is every attack that climbs it.",
            )


def _find_stronger(figures: Figures) -> Iterator[Finding]:
    """STRONGER_ATTACK, or NON_ADAPTIVE where the headline is: a probe leaves over 2 points less."""
    strongest = strongest_probe(figures)
    headline = figures["headline"]
    if strongest and exceeds(headline["left"] - strongest[1], figures["examples"], by=ARTEFACT):
        words, left = strongest
        yield Finding(
            "STRONGER_ATTACK" if headline["adaptive"] else "NON_ADAPTIVE",
            f"Of {figures['examples']} images probed, {headline['label']} leaves "
            f"{_share(headline['left'], figures)}, {words} {_share(left, figures)}: the number of the former is "
            "too high.",
            (headline["label"],),
        )


def _find_without_gradients(figures: Figures) -> Iterator[Finding]:
    """SQUARE_HELPS, BLACK_BOX_STRONGER, TRANSFER_STRONGER: what breaks over a point that gradients left."""
    for probe in figures["probes"]:
        code = _WITHOUT_GRADIENTS.get(probe["name"])
        if code and exceeds(probe["broken"], figures["examples"], by=BLACK_BOX_LEAD):
            yield Finding(
                code,
                f"{probe['words'][0].upper()}{probe['words'][1:]} break {probe['broken']} of the {probe['asked']} "
                f"images probed that all attacks with the network's gradients left: a sign of masked gradients.",
                (figures["headline"]["label"],),
            )


def _find_one_step(figures: Figures) -> Iterator[Finding]:
    """ONE_STEP_BEATS_MANY: FGSM breaks more than the headline, which has many steps of its objective."""
    headline, broken = figures["headline"], _broken(figures).get("one_step")
    if broken is not None:
        left = figures["examples"] - broken
        if exceeds(headline["left"] - left, figures["examples"], by=ONE_STEP):
            yield Finding(
                "ONE_STEP_BEATS_MANY",
                f"Of {figures['examples']} images probed, {headline['label']} leaves "
                f"{_share(headline['left'], figures)}, FGSM {_share(left, figures)} with one step: a sign of "
                "masked gradients or of a step size that does not fit.",
                (headline["label"],),
            )


def _find_in_curve(figures: Figures) -> Iterator[Finding]:
    """RADIUS_ONE_SURVIVED and LARGER_RADIUS_WEAKER, on the curve of short attacks at growing radii."""
    curve = figures["curve"]
    if not curve:
        return
    points = curve["points"]
    for small, large in itertools.pairwise(points):
        if exceeds(large["left"] - small["left"], figures["examples"], by=WEAKER):
            yield Finding(
                "LARGER_RADIUS_WEAKER",
                f"Of {figures['examples']} images probed, {curve['words']} leaves {_share(small['left'], figures)} "
                f"within linf {radius(small['epsilon'])} and {_share(large['left'], figures)} within "
                f"{radius(large['epsilon'])}: it is weak at both.",
            )
            break
    if exceeds(points[-1]["left"], figures["examples"], by=SURVIVED):
        yield Finding(
            "RADIUS_ONE_SURVIVED",
            f"Of {figures['examples']} images probed, {curve['words']} leaves "
            f"{_share(points[-1]['left'], figures)} within linf 1, where every image is allowed: it does not find "
            "what is there.",
        )
