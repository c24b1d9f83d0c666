"""From a weight file and a data set to our own classifier with the original's weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mmc_tf.centers import make_centers
from mmc_tf.checks import argument_error
from mmc_tf.compat.findings import CENTERS, Findings
from mmc_tf.compat.layout import NORM
from mmc_tf.data import Dataset
from mmc_tf.data.mapping import chunks

if TYPE_CHECKING:
    import keras

CENTER_LOSSES = ("MMC", "MMLDA")
DEFAULT_SCALE = 10.0
_ORDER = {True: ("gamma", "beta", "moving_mean", "moving_variance"), False: ("kernel", "bias")}


@dataclass(frozen=True, kw_only=True)
class Released:
    """A network of a weight file, checked against a data set.

    Args:
        findings: what was found in the file.
        loss: `SCE` of a softmax head, `MMC` or `MMLDA` of centers.
        scale: C_MM, or None.
        centers: (L, d) float64, or None.
        center_source: `simplex` or a file, or None.
        training: what the published tables call how it was trained.
    """

    findings: Findings
    loss: str
    scale: float | None = None
    centers: np.ndarray | None = None
    center_source: str | None = None
    training: str = "standard"

    def describe(self) -> str:
        """The findings, and what the user added."""
        lines = [self.findings.describe()]
        if self.centers is not None:
            norms = np.linalg.norm(self.centers, axis=1)
            shown = (
                f"{norms.min():g}"
                if np.ptp(norms) < 1e-6 * norms.max()
                else f"{norms.min():g} to {norms.max():g}"
            )
            lines.append(f"centers     {self.center_source}, {len(self.centers)} of norm {shown}")
        lines.append(f"loss        {self.loss}")
        return "\n".join(lines)

    def summary(self) -> dict[str, Any]:
        """The findings for `results.json`."""
        found = self.findings
        return {
            "version": found.version,
            "depth": found.depth,
            "blocks": found.blocks,
            "use_bn": found.use_bn,
            "use_leaky": found.use_leaky,
            "dense_units": found.dense_units,
            "feature_dim": found.feature_dim,
            "head": found.head,
            "keras_version": found.keras_version,
            "centers": self.center_source,
        }


def find_loss(findings: Findings, loss: str | None = None) -> str:
    """The loss of a network: `loss` where the head leaves a choice.

    Raises:
        UserError: for a loss that belongs to another head.
    """
    if findings.head != CENTERS:
        if loss not in (None, "SCE"):
            expected = f"SCE, since {findings.path} has a dense layer with softmax"
            raise argument_error("released_loss", expected, loss)
        return "SCE"
    if loss not in (None, *CENTER_LOSSES):
        expected = f"one of {', '.join(CENTER_LOSSES)}, since {findings.path} has a head of centers"
        raise argument_error("released_loss", expected, loss)
    return loss or "MMC"


def prepare_released(
    findings: Findings,
    dataset: Dataset,
    *,
    loss: str | None = None,
    scale: float | None = None,
    centers: str | None = None,
    training: str = "standard",
) -> Released:
    """Checks a network against the images it is for, and makes its centers.

    The original multiplies the unit vectors of its `.mat` file, which are those of Algorithm 1 (MMC paper), by
    `mean_var`: that is the norm of the centers, our `scale`.

    Args:
        findings: of the weight file.
        dataset: the images; its training split gives the pixel mean.
        loss: `MMC` or `MMLDA` of a center head; None: MMC, and SCE of a softmax head.
        scale: C_MM > 0; None: 10.
        centers: `simplex` (Algorithm 1), or a .mat or .npy file with unit vectors; None: simplex.
        training: what the published tables call how it was trained.

    Raises:
        UserError: if the network is one for other images or classes, or centers are asked for that it cannot have.
    """
    path = findings.path
    given = dataset.image_shape[-1]
    # The original repeats grey images to three channels, as our networks do.
    if findings.channels not in ({1, 3} if given == 1 else {given}):
        expected = f"a network for images of {given} channels ({dataset.name})"
        raise argument_error("released_weights", expected, f"{path}, for {findings.channels}")
    if findings.num_classes not in (None, dataset.num_classes):
        expected = f"a network for {dataset.num_classes} classes ({dataset.name})"
        raise argument_error("released_weights", expected, f"{path}, with {findings.num_classes}")
    loss = find_loss(findings, loss)
    if loss == "SCE":
        for name, value in (("scale", scale), ("centers", centers)):
            if value is not None:
                expected = f"none, since {path} has a dense layer with softmax and no centers"
                raise argument_error(name, expected, value)
        return Released(findings=findings, loss=loss, training=training)
    scale = DEFAULT_SCALE if scale is None else scale
    centers = centers or "simplex"
    return Released(
        findings=findings,
        loss=loss,
        scale=scale,
        centers=_centers(centers, dataset.num_classes, findings.feature_dim, scale),
        center_source=centers,
        training=training,
    )


def _centers(source: str, num_classes: int, feature_dim: int, scale: float) -> np.ndarray:
    is_file = source.endswith((".mat", ".npy"))
    if not is_file and (source != "simplex" or num_classes > feature_dim + 1):
        file = f"the original's file of its centers (--centers=meanvar1_featuredim{feature_dim}_class{num_classes}.mat)"
        if source == "simplex":
            expected = (
                f"{file}, since a simplex of {num_classes} classes does not fit into {feature_dim} dimensions"
            )
        else:
            expected = f"simplex, or {file}: the centers that the network was trained with"
        raise argument_error("centers", expected, source)
    return make_centers(source, num_classes, feature_dim, scale=scale)


def build_released(released: Released, dataset: Dataset) -> keras.Model:
    """Our own classifier with the weights of the file and the pixel mean of the data set's training images.

    Args:
        released: the network.
        dataset: the one it was checked against.

    Returns:
        A `keras.Model` from images in [0, 1] to logits; for a softmax head those before the softmax.
    """
    from mmc_tf.models import BackboneOptions, build_classifier  # here, since they import Keras

    found = released.findings
    model = build_classifier(
        found.model_name,
        input_shape=dataset.image_shape,
        num_classes=dataset.num_classes,
        head="dense" if released.loss == "SCE" else released.loss.lower(),
        centers=released.centers,
        preprocessing="mean",
        options=BackboneOptions(
            use_bn=found.use_bn,
            use_leaky=found.use_leaky,
            use_dense=found.dense_units is not None,
            feature_dim=found.feature_dim,
        ),
    )
    model.get_layer("subtract_pixel_mean").set_mean(_pixel_mean(dataset))
    for name, weights in found.weights.items():
        values = [weights[part] for part in _ORDER[name.startswith(NORM)]]
        layer = model.get_layer(name)
        if values[0].shape != layer.weights[0].shape:
            values[0] = _for_repeated_channels(values[0], layer.weights[0].shape)
        layer.set_weights(values)
    return model


def _pixel_mean(dataset: Dataset) -> np.ndarray:
    """The mean training image in [0, 1], summed in float64 (the original sums in float32)."""
    images = dataset.train.images
    total = sum(part.sum(axis=0, dtype=np.float64) for part in chunks(images))
    return total / (len(images) * (255 if images.dtype == np.uint8 else 1))


def _for_repeated_channels(kernel: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """A kernel for grey images as one for repeated channels, of which it looks at the first."""
    wider = np.zeros(shape, kernel.dtype)
    wider[:, :, : kernel.shape[2]] = kernel
    return wider
