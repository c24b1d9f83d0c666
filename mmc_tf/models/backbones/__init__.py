"""Networks from images to features, one family a file."""

from mmc_tf.models.backbones import lenet5, mnist_cnn, resnet_v1, resnet_v2, wide_resnet
from mmc_tf.models.backbones.base import Backbone, backbones, build_backbone, resolve
from mmc_tf.models.backbones.options import BackboneOptions

__all__ = [
    "Backbone",
    "BackboneOptions",
    "backbones",
    "build_backbone",
    "lenet5",
    "mnist_cnn",
    "resnet_v1",
    "resnet_v2",
    "resolve",
    "wide_resnet",
]
