"""One module has every layer of ours."""

import inspect

import keras

import mmc_tf.layers
from mmc_tf.models import preprocessing
from mmc_tf.models.activations import RisingLeakyReLU
from mmc_tf.models.convolution import GrayConv2D
from mmc_tf.models.heads import HEADS, Head


def test_every_layer_is_there_and_serializable():
    made = {HEADS.get(name) for name in HEADS.names()} | {Head, RisingLeakyReLU, GrayConv2D}
    for name, layer in vars(preprocessing).items():
        if inspect.isclass(layer) and issubclass(layer, keras.layers.Layer) and not name.startswith("_"):
            made.add(layer)
    assert {getattr(mmc_tf.layers, name) for name in mmc_tf.layers.__all__} == made
    for layer in made - {Head}:
        assert keras.saving.get_registered_object(f"mmc_tf>{layer.__name__}") is layer
