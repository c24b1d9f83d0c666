"""Puts a classifier together: preprocessing, backbone, head."""

from __future__ import annotations

import dataclasses

import keras
import numpy as np

from mmc_tf.checks import argument_error, check_choice, check_number
from mmc_tf.models.backbones import BackboneOptions, build_backbone, resolve
from mmc_tf.models.heads import HEADS
from mmc_tf.models.preprocessing import (
    PerImageStandardization,
    RepeatChannels,
    SubtractPixelMean,
    ZCAWhitening,
)

PREPROCESSING = ("none", "mean", "standardize", "zca")


def default_preprocessing(model_name: str) -> str:
    """What the sources put before a network: nothing for `mnist` and `lenet5`, per-image standardization for wide
    ResNets (Ding et al., Appendix C), the training set's pixel mean for ResNets (Pang et al.'s scripts)."""
    family = resolve(model_name).family
    if family.startswith("wrn"):
        return "standardize"
    return "mean" if family.startswith("resnet") else "none"


def build_classifier(
    model_name: str,
    *,
    input_shape: tuple[int, int, int],
    num_classes: int,
    head: str = "mmc",
    centers: np.ndarray | None = None,
    preprocessing: str | None = None,
    training_images: np.ndarray | None = None,
    version: int | None = None,
    options: BackboneOptions | None = None,
) -> keras.Model:
    """A classifier from images (N, H, W, C), float32 in [0, 1], to logits (N, L), float32.

    Args:
        model_name: a backbone (`mmc_tf.models.backbones.resolve`).
        input_shape: (H, W, C). ResNets repeat a grey image to three channels, as the original does for MNIST.
        num_classes: L >= 2.
        head: a name of `mmc_tf.models.heads.HEADS`.
        centers: (L, d) for center heads; None: the simplex of norm 10. Other heads take none.
        preprocessing: `"none"`, `"mean"`, `"standardize"`, `"zca"` (mean and whitening); None: the
            backbone's own (`default_preprocessing`).
        training_images: float32 (N, H, W, C) in [0, 1], from which mean and whitening are taken; None leaves
            both at the identity.
        version: 1 or 2, of ResNets.
        options: the backbone's switches; center heads set `feature_dim` where it is None.

    Returns:
        The model, whose last layer is the head; its `features` layer gives z (N, d).

    Raises:
        UserError: for unknown names and impossible combinations.
    """
    backbone = resolve(model_name, version=version)
    head_class = HEADS.get(head)
    preprocessing = preprocessing or default_preprocessing(backbone.name)
    check_choice("preprocessing", preprocessing, PREPROCESSING)
    check_number("num_classes", num_classes, minimum=2, integer=True)
    if len(input_shape) != 3:
        raise argument_error("input_shape", "(H, W, C)", input_shape)
    options = options or BackboneOptions()
    if head != "dense" and options.feature_dim is None and options.use_dense:
        options = dataclasses.replace(options, feature_dim=backbone.feature_dim)

    images = keras.Input(input_shape, name="images")
    x = images
    for layer in _preprocessing_layers(preprocessing):
        x = layer(x)
        if training_images is not None and hasattr(layer, "adapt"):
            layer.adapt(training_images)
    if backbone.family.startswith("resnet") and input_shape[-1] == 1:
        x = RepeatChannels(3, name="repeat_channels")(x)
    features = build_backbone(backbone.name, x, options)
    logits = _make_head(head_class, num_classes, centers, options)(features)
    return keras.Model(images, logits, name=f"{backbone.name}_{head}".replace("-", "_"))


def _preprocessing_layers(preprocessing: str) -> list[keras.layers.Layer]:
    return {
        "none": [],
        "mean": [SubtractPixelMean(name="subtract_pixel_mean")],
        "standardize": [PerImageStandardization(name="per_image_standardization")],
        "zca": [ZCAWhitening(name="zca_whitening")],
    }[preprocessing]


def _make_head(head_class, num_classes: int, centers, options: BackboneOptions):
    if not head_class.has_centers:
        if centers is not None:
            expected = f"None for {head_class.__name__}, a head without MM centers"
            raise argument_error("centers", expected, f"an array of shape {np.shape(centers)}")
        return head_class(num_classes, seed=options.seed, name="logits")
    return head_class(num_classes, centers="simplex" if centers is None else centers, name="logits")
