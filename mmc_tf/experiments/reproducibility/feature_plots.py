"""The features of SCE and MMC side by side, as the report's Figures 2 and 3 have them, and how compact they are.

MMC's features are projected orthogonally on the plane of

    v₁ ∝ Σ_l cos(2πl/L) μ_l,   v₂ ∝ Σ_l sin(2πl/L) μ_l

in which the L centers, a regular simplex of radius C, are a regular polygon of radius C √(2/(L − 1)). Distances within
the plane are kept, and no distance grows. SCE has no centers: its features are projected on their two principal
components. The report does not say how its pictures were made beyond "isometric projection on a circle".
"""

from __future__ import annotations

import numpy as np

from mmc_tf.evaluation.neighbours import class_neighbour_distances, least_class_distance
from mmc_tf.evaluation.report.feature_map import choose_plane, draw_features
from mmc_tf.experiments.lab import Lab, Network
from mmc_tf.experiments.outcome import Cell, Outcome, Table
from mmc_tf.experiments.outputs import Outputs, network_outputs
from mmc_tf.report.picture import Picture

RANK = 5
LOSSES = ("SCE", "MMC")
DRAWN = 2000


def compare_features(lab: Lab, networks: dict[str, Network], *, dataset: str) -> Outcome:
    """Pictures and compactness of the features of test images.

    Args:
        lab: where the networks are trained.
        networks: by loss, `LOSSES`.
        dataset: as the experiment calls it.
    """
    found = {
        loss: network_outputs(lab, lab.train(network), dataset=dataset) for loss, network in networks.items()
    }
    drawn = {loss: each.first(DRAWN) for loss, each in found.items()}
    names = lab.dataset(dataset).class_names
    table = Table(
        name="compactness",
        caption=f"{len(found['SCE'].labels):,} test images. Scatter: root mean square distance of features to the mean "
        f"of their class; neighbours: median distance to the {RANK}th-nearest of the same class; both in % of the "
        "least distance between two class means. Ratio: largest over least distance between class means",
        header=("Loss", "Dimension", "Accuracy (%)", "Scatter", "Neighbours", "Ratio", "Closest classes"),
        rows=tuple((loss, compactness(each, names)) for loss, each in found.items()),
    )
    pictures = [
        Picture(
            f"features-{loss.lower()}",
            "",
            f"{loss}: features of {len(each.labels):,} test images, {_plane_words(each)}.",
            draw_features(each.features, each.labels, class_names=names, centers=fixed_centers(each)),
        )
        for loss, each in drawn.items()
    ]
    denser = min(LOSSES, key=lambda loss: dict(table.rows)[loss][3].measured)
    arrays = {
        f"{loss}_{name}": values
        for loss, each in drawn.items()
        for name, values in (("features", each.features), ("labels", each.labels))
    }
    notes = (
        f"Neighbours are closer, relative to the classes' distance, with {denser}; the report finds the sample "
        "density higher with MMC.",
    )
    return Outcome(tables=(table,), pictures=tuple(pictures), notes=notes, arrays=arrays)


def compactness(outputs: Outputs, names: tuple[str, ...]) -> tuple[Cell | str, ...]:
    """What the table says of a network."""
    features, labels = outputs.features.astype(np.float64), outputs.labels
    apart, closest = least_class_distance(features, labels)
    present = np.unique(labels)
    places = np.searchsorted(present, labels)
    stacked = np.stack([features[labels == label].mean(axis=0) for label in present])
    scatter = np.sqrt(((features - stacked[places]) ** 2).sum(axis=1).mean())
    near = np.nanmedian(class_neighbour_distances(features, labels, rank=RANK))
    largest = np.linalg.norm(stacked[:, None] - stacked, axis=-1).max()
    return (
        str(features.shape[1]),
        Cell(measured=float(100 * np.mean(outputs.logits.argmax(axis=1) == labels))),
        Cell(measured=float(100 * scatter / apart)),
        Cell(measured=float(100 * near / apart)),
        Cell(measured=float(largest / apart), digits=2),
        " and ".join(names[label] for label in closest),
    )


def fixed_centers(outputs: Outputs) -> np.ndarray | None:
    """The centers of an MMC head; None for SCE."""
    return outputs.head.get("centers")


def _plane_words(outputs: Outputs) -> str:
    plane = choose_plane(outputs.features.astype(np.float64), fixed_centers(outputs))
    if plane.is_polygon:
        return "in the plane where the centers (crosses) are a regular polygon"
    return "in the plane of their principal components"
