"""How well the scores of `detection` tell adversarial images from clean ones, as a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmc_tf.evaluation.detection import SCORES
from mmc_tf.evaluation.text_tables import markdown_lines, terminal_lines

TITLES = {"mmc_loss": "MMC loss", "confidence": "confidence", "margin": "margin"}
CAPTION = (
    "Detection: AUC of telling the images that fooled the network from clean ones that are classified correctly; in "
    "brackets that of all attacked images. 0.5 is a coin. An attacker who knows the score can evade it."
)


def make_detection_table(results: Mapping[str, Any]) -> tuple[list[str], list[list[str]]] | None:
    """Header and rows, one per attack; None where detection was not asked for.

    Args:
        results: as `results.json` has them.
    """
    found = [
        (record["label"], record["detection"]) for record in results["attacks"] if record.get("detection")
    ]
    if not found:
        return None
    shown = [name for name in SCORES if any(name in each["scores"] for _, each in found)]
    header = ["attack", "clean", "fooling", "attacked", *(TITLES[name] for name in shown)]
    rows = [
        [
            label,
            *(str(each[name]) for name in ("clean", "fooling", "attacked")),
            *(_cell(each["scores"].get(name)) for name in shown),
        ]
        for label, each in found
    ]
    return header, rows


def format_detection(results: Mapping[str, Any]) -> str:
    """The table as a terminal shows it; empty where detection was not asked for."""
    table = make_detection_table(results)
    if table is None:
        return ""
    return "\n".join([CAPTION, "", *terminal_lines(*table)])


def format_detection_markdown(results: Mapping[str, Any]) -> str:
    """The table in Markdown; empty where detection was not asked for."""
    table = make_detection_table(results)
    if table is None:
        return ""
    return "\n".join([CAPTION, "", *markdown_lines(*table)]) + "\n"


def _cell(found: Mapping[str, float | None] | None) -> str:
    """`0.912 (0.655)`; a dash where there are no such images."""
    if found is None:
        return ""
    fooling, attacked = ("-" if found[name] is None else f"{found[name]:.3f}" for name in ("auc", "auc_all"))
    return f"{fooling} ({attacked})"
