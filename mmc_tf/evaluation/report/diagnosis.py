"""What the probes of `--diagnose` found, as tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmc_tf.evaluation.wording import percent, radius
from mmc_tf.report import page


def diagnosis_blocks(figures: Mapping[str, Any]) -> list[str]:
    """The probes with what they broke, the curve to ε = 1, and how often gradients are of no use.

    Args:
        figures: `results["diagnosis"]`; without probes there are no blocks.
    """
    if not figures.get("examples"):
        return []
    total, headline = figures["examples"], figures["headline"]
    blocks = [
        page.paragraph(
            f"Short attacks on {total} images that are classified correctly. {headline['label']} leaves "
            f"{headline['left']} of them. Probes show artefacts; they prove nothing where they find none.",
            style="note",
        ),
        page.table(
            ("probe", "asked of", "broken"),
            [(probe["words"], str(probe["asked"]), str(probe["broken"])) for probe in figures["probes"]],
            numbers=(1, 2),
            words=(0,),
            name="probes",
        ),
    ]
    if figures.get("curve"):
        points = figures["curve"]["points"]
        blocks.append(
            page.table(
                (f"ε, {figures['curve']['norm']}", *(radius(point["epsilon"]) for point in points)),
                [(f"left by {figures['curve']['words']}", *(str(point["left"]) for point in points))],
                numbers=range(1, 1 + len(points)),
                name="what is left as the radius grows",
            )
        )
    if figures.get("gradients"):
        rows = [
            (each["objective"], f"{percent(each['zero_rate'])} %", f"{percent(each['nonfinite_rate'])} %")
            for each in figures["gradients"]
        ]
        blocks.append(
            page.table(
                ("gradient of", "exactly zero", "not finite"), rows, numbers=(1, 2), name="input gradients"
            )
        )
    return blocks
