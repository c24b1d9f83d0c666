"""Which pictures an evaluation has data for, and what is said of each."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from mmc_tf.evaluation.report.accuracy import draw_accuracy_by_epsilon, draw_accuracy_by_steps
from mmc_tf.evaluation.report.confusion import confusion_matrix, draw_confusion
from mmc_tf.evaluation.report.content import Content
from mmc_tf.evaluation.report.distances import curves_of, draw_distances
from mmc_tf.evaluation.report.feature_map import draw_features, is_simplex
from mmc_tf.evaluation.report.images import draw_images, magnification
from mmc_tf.evaluation.report.series import (
    lines_by_epsilon,
    lines_by_steps,
    norms_of,
    strongest_lines,
    worst_line,
)
from mmc_tf.report.picture import Picture

_BARS = "Bars are 95 % Wilson intervals."
_IN_ONE_FIGURE = 4


def accuracy_pictures(content: Content) -> Iterator[Picture]:
    """Robust accuracy against ε and against the number of steps, one of each a norm."""
    results = content.results
    for norm in norms_of(content.records):
        lines = lines_by_epsilon(content.records, norm)
        if lines:
            shown = strongest_lines(lines)
            worst = worst_line(results["worst_case"]["by_epsilon"], norm)
            figure = draw_accuracy_by_epsilon(
                shown, norm=norm, clean_accuracy=results["clean_accuracy"], worst=worst
            )
            caption = (
                f"Robust accuracy against the radius ε in {norm}, each attack with its largest number of steps. "
                f"{_BARS}{_left_out(lines, shown)}"
            )
            yield Picture(f"accuracy-epsilon-{norm}", f"Against ε, {norm}", caption, figure)
        lines = lines_by_steps(content.records, norm)
        if lines:
            shown = strongest_lines(lines)
            figure = draw_accuracy_by_steps(shown, norm=norm, clean_accuracy=results["clean_accuracy"])
            caption = (
                f"Robust accuracy against the number of steps in {norm}. A line that still falls at its end "
                f"says that the attack has not converged. {_BARS}{_left_out(lines, shown)}"
            )
            yield Picture(f"accuracy-steps-{norm}", f"Against the number of steps, {norm}", caption, figure)


def distance_pictures(content: Content) -> Iterator[Picture]:
    """How far adversarial images are, one picture a norm."""
    if "attacked" not in content.examples:
        return
    for norm in norms_of(content.records):
        curves = curves_of(content.records, content.examples, norm)
        if curves:
            caption = (
                f"Accuracy that is left when an image may be changed by at most the distance on the axis, in "
                f"{norm}. Attacks for the least distance show the whole curve; attacks within a radius mostly go "
                "to its edge, and are left out where all their images lie there."
            )
            yield Picture(
                f"distance-{norm}", f"Against distance, {norm}", caption, draw_distances(curves, norm=norm)
            )


def sample_pictures(content: Content, number: int) -> list[Picture]:
    """The samples under attack `number`: a few in a figure, so that it is legible on a narrow page."""
    count = len(content.samples.get("indices", ()))
    label = content.records[number]["label"]
    return [
        Picture(
            f"{image_name(content, number)}-{start}",
            "",
            f"Test images {_listed(content.samples['indices'][start : start + _IN_ONE_FIGURE])} under {label}.",
            _draw_samples(
                content, number, slice(start, start + _IN_ONE_FIGURE), columns=min(count, _IN_ONE_FIGURE)
            ),
        )
        for start in range(0, count, _IN_ONE_FIGURE)
    ]


def sample_file(content: Content, number: int) -> Picture | None:
    """All samples under attack `number` in one figure, for a file of its own."""
    if not len(content.samples.get("indices", ())):
        return None
    figure = _draw_samples(content, number, slice(None))
    return Picture(image_name(content, number), "", f"Under {content.records[number]['label']}.", figure)


def image_name(content: Content, number: int) -> str:
    """Of the figure of the samples under attack `number`: unique, and fit for a file."""
    return f"images-{number}-" + re.sub(r"[^a-z0-9.]+", "-", content.records[number]["label"].lower()).strip(
        "-"
    )


def confusion_picture(content: Content) -> Picture | None:
    """True against adversarial class, under the strongest attack."""
    if "prediction" not in content.examples:
        return None
    number, names = content.strongest, content.class_names
    predictions = content.examples["prediction"][number]
    counts = confusion_matrix(content.examples["label"], predictions, len(names))
    caption = (
        f"What each class's test images are taken for under {content.records[number]['label']}, in percent of "
        "the class. The diagonal survived; images that were misclassified before the attack "
        "are counted as they were."
    )
    return Picture("confusion", "True and adversarial class", caption, draw_confusion(counts, names))


def feature_picture(content: Content) -> Picture | None:
    """Features around the centers."""
    features = content.features.get("features")
    if features is None or len(features) < 2 or features.shape[1] < 2 or not np.isfinite(features).all():
        return None
    names, centers = content.class_names, content.features.get("centers")
    moves = _moves(content)
    figure = draw_features(
        features, content.features["labels"], class_names=names, centers=centers, moves=moves
    )
    named = "Crosses are the classes' centers" if centers is not None else "Names stand at the classes' means"
    arrows = (
        f" Arrows lead from {len(moves[0])} of them to their adversarial images under "
        f"{content.records[content.strongest]['label']}."
        if moves is not None
        else ""
    )
    plane = (
        "the plane in which the centers, a regular simplex, are the corners of a regular polygon"
        if centers is not None and is_simplex(centers)
        else "the plane of their two largest principal components"
    )
    caption = f"Features of {len(features)} clean test images by true class, projected onto {plane}. {named}.{arrows}"
    return Picture("features", "Features and centers" if centers is not None else "Features", caption, figure)


def _draw_samples(content: Content, number: int, chosen: slice, *, columns: int = 0) -> Any:
    rows = content.rows_of_samples()[chosen]
    record, names = content.records[number], content.class_names
    examples, samples = content.examples, content.samples
    fooled = examples["misclassified"][number, rows]
    labels = [names[label] for label in examples["label"][rows]]
    if "prediction" in examples:
        predicted = [
            names[label] if label >= 0 else "nothing finite" for label in examples["prediction"][number, rows]
        ]
    else:
        predicted = [
            "another" if is_fooled else label for is_fooled, label in zip(fooled, labels, strict=True)
        ]
    adversarial = samples["adversarial"][number]
    return draw_images(
        samples["clean"][chosen],
        adversarial[chosen],
        names=labels,
        predicted=predicted,
        fooled=fooled.tolist(),
        distances=examples["distance"][number, rows].tolist(),
        norm=record["norm"] if record["radius"] != "none" else "",
        factor=magnification(samples["clean"], adversarial),
        columns=columns,
    )


def _moves(content: Content) -> tuple[np.ndarray, np.ndarray] | None:
    """Features of the samples, clean and under the strongest attack, of those whose clean ones are known."""
    adversarial = content.features.get("adversarial_features")
    if adversarial is None or "indices" not in content.samples:
        return None
    places = {int(index): place for place, index in enumerate(content.features["indices"])}
    known = [k for k, index in enumerate(content.samples["indices"]) if int(index) in places]
    clean = content.features["features"][[places[int(content.samples["indices"][k])] for k in known]]
    after = adversarial[content.strongest][known]
    # Batches of another size round features in their last bits.
    scale = np.linalg.norm(clean, axis=1) + np.linalg.norm(after, axis=1)
    has_moved = np.linalg.norm(after - clean, axis=1) > 1e-4 * scale
    if not has_moved.any() or not np.isfinite(after).all():
        return None
    return clean[has_moved], after[has_moved]


def _left_out(lines, shown) -> str:
    left = len(lines) - len(shown)
    return f" Not shown: {left} weaker ones; all are in the table." if left else ""


def _listed(indices: np.ndarray) -> str:
    return ", ".join(str(index) for index in indices)
