"""The sample density of features against the loss: measured, and as Theorems 1 and 2 predict it.

paper     Pang et al., ICLR 2020, Figure 2 (drawn by hand there), Theorems 1 and 2; CIFAR-10, ResNet-32
command   python -m mmc_tf.experiments run mmc-figure-2 --budget=short --data_dir=DIR
cost      short: the networks of mmc-table-1, and ten minutes for features on a busy core
published no numbers: towards a small loss MMC's density grows exponentially, and that of softmax losses falls
measured  short: density rises towards small losses by 72.4 (MMC) and 4.4 decades (L-GM), predicted 70.6 and 3.4

Theorem 1 needs logits -σ_l‖z - μ_l‖² + B_l with different σ. Those of SCE and MMLDA have equal ones (Remarks 1 and 4):
contours are hyperplanes, and the theorem says nothing. L-GM stands for it: in training its margin α multiplies the own
class's σ by 1 + α, and its covariances, diagonal here, are replaced by their mean. For all losses a second figure shows
how far the neighbours of a feature are, which is a measure of density that rests on no theorem.
"""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

import numpy as np
from scipy.stats import spearmanr

from mmc_tf.evaluation import density
from mmc_tf.evaluation.neighbours import class_neighbour_distances, least_class_distance
from mmc_tf.experiments.experiment import experiment
from mmc_tf.experiments.lab import Lab
from mmc_tf.experiments.mmc import density_figures, training_losses
from mmc_tf.experiments.mmc.density_figures import Group
from mmc_tf.experiments.mmc.networks import STANDARD_METHODS
from mmc_tf.experiments.outcome import Cell, Outcome, Table
from mmc_tf.experiments.outputs import Outputs, network_outputs
from mmc_tf.report.picture import Picture

RANK = 5
PARTS = 10  # of a class, by its examples' losses
SHELLS, PER_SHELL = 12, 20
_THEOREMS = {"LGM": "Theorem 1, L-GM", "MMC": "Theorem 2, MMC"}
_LOG_10 = np.log(10.0)


@experiment("mmc-figure-2", source="MMC paper, Figure 2", datasets=("cifar10",))
def run(lab: Lab) -> Outcome:
    """Densities of the standard networks of Table 1 on their training images."""
    methods = lab.budget.pick(smoke=STANDARD_METHODS[-2:], short=STANDARD_METHODS, paper=STANDARD_METHODS)
    size = lab.budget.pick(smoke=None, short=25_000, paper=None)
    groups: dict[str, list[Group]] = {}
    crowding, curves, notes = [], {}, []
    for method in methods:
        folder = lab.train(method.network("cifar10"))
        outputs = network_outputs(lab, folder, dataset="cifar10", split="train", size=size)
        values = training_losses.LOSS_VALUES[method.loss](outputs, folder)
        crowding.append((method.title, crowding_row(outputs, values)))
        curves[method.title] = distance_by_loss(outputs, values)
        if method.loss in _THEOREMS:
            groups[method.loss] = groups_of(outputs, values, folder, loss=method.loss)
        if method.loss == "LGM":
            notes += [_isotropy(outputs), _cases(outputs, folder)]
    table = Table(
        name="theorems",
        caption="The theorems against the count of training images between two contours, over the volume between "
        "them. Rise: log10 of the density in the shell of the least loss over that of the largest, median of the "
        "groups. Corrected: with shells of thickness |dr/dC| ΔC. Correlation: of measured and predicted log density "
        "over a group's shells, median. Beyond: images whose loss the theorem's contours do not have",
        header=(
            "Theorem", "Groups", "Images a group", "Rise measured", "Rise predicted", "Rise corrected",
            "Correlation", "Beyond (%)",
        ),
        rows=tuple((_THEOREMS[loss], theorem_row(each)) for loss, each in groups.items()),
    )  # fmt: skip
    crowded = Table(
        name="crowding",
        caption=f"Distance to the {RANK}th-nearest feature of the same class, in % of the least distance between the "
        "means of two classes: median of all, of the tenth with the least loss in each class, of the tenth with the "
        "largest; and the rank correlation of loss and distance within a class, mean of the classes",
        header=("Loss", "All", "Least loss", "Largest loss", "Rank correlation"),
        rows=tuple(crowding),
    )
    notes += density_figures.remarks(table, crowded)
    names = lab.dataset("cifar10").class_names
    pictures = []
    if any(groups.values()):
        figure = density_figures.draw_theorems(groups, titles=_THEOREMS, names=names)
        caption = (
            "Log density of training features against the loss, for the three largest groups: classes k (MMC), "
            "pairs of class k and runner-up (L-GM). Markers: measured; thick lines: the theorems, with a normal "
            "distribution of the loss; thin lines: the same with shells of thickness |dr/dC| ΔC."
        )
        pictures.append(Picture("theorems", "", caption, figure, is_wide=True))
    caption = (
        f"Median distance to the {RANK}th-nearest training feature of the same class, in % of the least distance "
        "between the means of two classes, by tenths of each class in the order of the loss. Low is dense."
    )
    pictures.append(Picture("neighbours", "", caption, density_figures.draw_neighbours(curves)))
    arrays = {f"neighbours_{title}": curve for title, curve in curves.items()}
    for loss, each in groups.items():
        for group in each:
            arrays |= {f"{loss}_{group.name}_{name}": values for name, values in group.arrays().items()}
    return Outcome(tables=(table, crowded), pictures=tuple(pictures), notes=tuple(notes), arrays=arrays)


def groups_of(outputs: Outputs, losses: np.ndarray, folder: pathlib.Path, *, loss: str) -> list[Group]:
    """The groups that a theorem speaks of, the largest first: classes, or classes with their runner-up."""
    labels = outputs.labels
    second = training_losses.runners_up(outputs) if loss == "LGM" else np.full(len(labels), -1)
    found = []
    for own, other in sorted(set(zip(labels.tolist(), second.tolist(), strict=True))):
        members = losses[(labels == own) & (second == other)]
        shells = min(SHELLS, len(members) // PER_SHELL)
        if shells < 3 or members.std() == 0:
            continue
        contours = (
            density.MMCContours()
            if other < 0
            else training_losses.lgm_contours(outputs, folder, own=own, other=other)
        )
        dimension = outputs.features.shape[1]
        estimate = density.estimate_density(members, contours, dimension=dimension, num_shells=shells)
        predicted = density.log_density(estimate.loss, contours, dimension=dimension, losses=members)
        found.append(
            Group(
                name=str(own) if other < 0 else f"{own}-{other}",
                size=len(members),
                beyond=float(np.mean(contours.squared_radius(members) == 0)),
                loss=estimate.loss,
                measured=estimate.log_density / _LOG_10,
                predicted=predicted / _LOG_10,
                corrected=(predicted - contours.log_thickness(estimate.loss)) / _LOG_10,
            )
        )
    return sorted(found, key=lambda group: -group.size)


def theorem_row(groups: Sequence[Group]) -> tuple[Cell, ...]:
    """What the table says of a theorem."""
    usable = [each for each in map(Group.finite, groups) if len(each.loss) >= 3]
    if not usable:
        return (Cell(measured=len(groups), digits=0), *[Cell()] * 6)

    def median(values: Sequence[float], digits: int = 1) -> Cell:
        return Cell(measured=float(np.median(values)), digits=digits)

    return (
        Cell(measured=len(groups), digits=0),
        Cell(measured=float(np.mean([each.size for each in groups])), digits=0),
        median([each.measured[0] - each.measured[-1] for each in usable]),
        median([each.predicted[0] - each.predicted[-1] for each in usable]),
        median([each.corrected[0] - each.corrected[-1] for each in usable]),
        median([np.corrcoef(each.measured, each.predicted)[0, 1] for each in usable], 2),
        Cell(measured=100 * float(np.average([e.beyond for e in groups], weights=[e.size for e in groups]))),
    )


def distance_by_loss(outputs: Outputs, losses: np.ndarray) -> np.ndarray:
    """Median relative neighbour distance (PARTS,) in percent, by the place of the loss within its class."""
    near = class_neighbour_distances(outputs.features, outputs.labels, rank=RANK)
    apart, _ = least_class_distance(outputs.features, outputs.labels)
    part = np.zeros(len(losses), int)
    for label in np.unique(outputs.labels):
        members = np.flatnonzero(outputs.labels == label)
        order = losses[members].argsort(kind="stable").argsort(kind="stable")
        part[members] = order * PARTS // len(members)
    return np.array([100 * np.nanmedian(near[part == number]) / apart for number in range(PARTS)])


def crowding_row(outputs: Outputs, losses: np.ndarray) -> tuple[Cell, ...]:
    """What the table says of a loss."""
    near = class_neighbour_distances(outputs.features, outputs.labels, rank=RANK)
    apart, _ = least_class_distance(outputs.features, outputs.labels)
    parts = distance_by_loss(outputs, losses)
    correlations = [
        spearmanr(losses[members], near[members]).statistic
        for label in np.unique(outputs.labels)
        if (members := outputs.labels == label).sum() > RANK
    ]
    return (
        Cell(measured=float(100 * np.nanmedian(near) / apart)),
        Cell(measured=float(parts[0])),
        Cell(measured=float(parts[-1])),
        Cell(measured=float(np.nanmean(correlations)), digits=2),
    )


def _isotropy(outputs: Outputs) -> str:
    sigmas = training_losses.lgm_sigmas(outputs)
    precisions = np.exp(-outputs.head["log_variances"].astype(np.float64))
    spread = 100 * np.mean(precisions.std(axis=1) / precisions.mean(axis=1))
    return (
        f"L-GM's trained inverse variances differ by {spread:.1f} % (standard deviation) between the dimensions of a "
        f"class, and σ = half their mean is {sigmas.min():.3f} to {sigmas.max():.3f}: Theorem 1 assumes that they do "
        "not differ at all."
    )


def _cases(outputs: Outputs, folder: pathlib.Path) -> str:
    """Which of the two cases of Section 3.2 the pairs of classes are."""
    sigmas = training_losses.lgm_sigmas(outputs)
    margin = training_losses.lgm_margin(folder)
    larger = (1 + margin) * sigmas[:, None] > sigmas
    apart = ~np.eye(len(sigmas), dtype=bool)
    return (
        f"With L-GM's margin α = {margin:g} σ_k is the larger one in {larger[apart].sum()} of {apart.sum()} pairs: the "
        "case of Section 3.2 in which a bound C* holds the loss away from zero and the density grows towards it. The "
        "other case, in which it falls, is that of a smaller σ_k."
    )
