"""What network a weight file belongs to, from the order and the shapes of its weights."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mmc_tf.checks import UserError
from mmc_tf.compat.layout import CONV, CONVOLUTIONS, NORM, Layer, resnet_layers
from mmc_tf.compat.weight_file import StoredLayer, WeightFile, read_weights, refuse

DENSE = "dense"
SOFTMAX, CENTERS = "softmax", "centers"
# What a layer is by the names of its weights; a kernel's rank tells a convolution from a dense layer.
_NORM_PARTS = {"gamma", "beta", "moving_mean", "moving_variance"}
# How many classes a network for the papers' images can have: the last word where names say nothing.
_CLASS_COUNTS = (10, 20, 100)
_EXPECTED = "the weights of a ResNet of the original code"


@dataclass(frozen=True, kw_only=True)
class Findings:
    """A network found in a weight file.

    Args:
        path: of the file.
        version: 1 or 2.
        depth: 6n+2 of version 1, 9n+2 of version 2.
        channels: of its images.
        use_bn: whether there is batch normalization.
        use_leaky: whether the layers' names say leaky ReLU, which leaves no other trace.
        dense_units: width of the auxiliary dense layer; None without one.
        feature_dim: d, the width of what the head gets.
        head: `softmax` (a dense layer) or `centers` (no weights).
        num_classes: L of a softmax head; None of a center head, which leaves no trace of its classes.
        keras_version: that wrote the file, if it says so.
        weights: by the name that our own network gives the layer: the weights by what they are.
    """

    path: Path
    version: int
    depth: int
    channels: int
    use_bn: bool
    use_leaky: bool
    dense_units: int | None
    feature_dim: int
    head: str
    num_classes: int | None
    keras_version: str | None
    weights: dict[str, dict[str, np.ndarray]] = field(repr=False)

    @property
    def model_name(self) -> str:
        """The name of the backbone: `resnet110v1`."""
        return f"resnet{self.depth}v{self.version}"

    @property
    def blocks(self) -> int:
        """n, the number of blocks in each stage."""
        return (self.depth - 2) // (6 if self.version == 1 else 9)

    def describe(self) -> str:
        """The findings in a few lines."""
        parameters = sum(values.size for layer in self.weights.values() for values in layer.values())
        dense = "none" if self.dense_units is None else f"{self.dense_units} units"
        head = "centers (-|z - mu|^2, without weights; the classes are the data set's)"
        if self.head == SOFTMAX:
            head = f"softmax over {self.num_classes} classes"
        writer = "" if self.keras_version is None else f", written by Keras {self.keras_version}"
        return "\n".join(
            [
                f"file        {self.path}{writer}",
                f"network     ResNet-{self.depth} version {self.version} (n = {self.blocks}), "
                f"{'with' if self.use_bn else 'without'} batch norm{', leaky ReLU' if self.use_leaky else ''}, "
                f"{parameters} weights",
                f"images      {self.channels} channels, less the training set's pixel mean",
                f"features    d = {self.feature_dim}; auxiliary dense layer: {dense}",
                f"head        {head}",
            ]
        )


def read_findings(path: str | Path) -> Findings:
    """Reads a weight file and finds out what network it belongs to.

    Raises:
        UserError: if it cannot be read, or is that of another kind of network.
    """
    return find(read_weights(path))


def find(file: WeightFile) -> Findings:
    """What network the layers of a weight file make.

    Layers are told apart by kind, order and shape; names count for nothing but what leaves no other trace: a
    `leaky_re_lu` in place of an `activation`, and the `lambda` that computes distances to centers.

    Raises:
        UserError: if none of the original's does.
    """
    kinds: dict[str, list[StoredLayer]] = {CONV: [], NORM: [], DENSE: []}
    for layer in file.layers:
        if layer.weights:
            kinds[_kind(file.path, layer)].append(layer)
    version, blocks = _version(file.path, len(kinds[CONV]))
    channels = kinds[CONV][0].weights["kernel"].shape[2]
    expected = resnet_layers(version, blocks, use_bn=bool(kinds[NORM]), channels=channels)
    depth = blocks * (6 if version == 1 else 9) + 2
    name = f"ResNet-{depth} version {version}"
    weights = {}
    for kind in (CONV, NORM):
        wanted = [layer for layer in expected if layer.kind == kind]
        if len(kinds[kind]) not in (0, len(wanted)):
            raise _other(file.path, f"with {len(kinds[kind])} batch norms where {name} has {len(wanted)}")
        for stored, layer in zip(kinds[kind], wanted, strict=False):
            _check_shapes(file.path, stored, layer, name)
            weights[layer.name] = stored.weights
    width = 64 if version == 1 else 256
    units = _dense_units(file.path, kinds[DENSE], width)
    head = _head(file, units, has_weights=[bool(layer.weights) for layer in file.layers])
    # With one dense layer, it is the head's or the auxiliary one.
    auxiliary = units[0] if len(units) == 2 or (units and head == CENTERS) else None
    for our_name, stored in zip(
        (["features"] if auxiliary else []) + (["logits"] if head == SOFTMAX else []),
        kinds[DENSE],
        strict=True,
    ):
        weights[our_name] = stored.weights
    return Findings(
        path=file.path,
        version=version,
        depth=depth,
        channels=channels,
        use_bn=bool(kinds[NORM]),
        use_leaky=any(layer.name.startswith("leaky_re_lu") for layer in file.layers),
        dense_units=auxiliary,
        feature_dim=auxiliary or width,
        head=head,
        num_classes=units[-1] if head == SOFTMAX else None,
        keras_version=file.keras_version,
        weights=weights,
    )


def _other(path: Path, what: str) -> UserError:
    return refuse(path, what, expected=_EXPECTED)


def _kind(path: Path, layer: StoredLayer) -> str:
    parts, shapes = set(layer.weights), {part: values.shape for part, values in layer.weights.items()}
    if parts == _NORM_PARTS:
        return NORM
    if parts == {"kernel", "bias"} and len(shapes["kernel"]) in (2, 4):
        return CONV if len(shapes["kernel"]) == 4 else DENSE
    raise _other(path, f"whose layer {layer.name} has the weights {_show(shapes)}")


def _show(shapes: dict[str, tuple[int, ...]]) -> str:
    return ", ".join(f"{part} {shape}" for part, shape in shapes.items())


def _version(path: Path, convolutions: int) -> tuple[int, int]:
    """The version and the number of blocks a stage."""
    for version, (a, b) in CONVOLUTIONS.items():
        blocks, rest = divmod(convolutions - b, a)
        if blocks >= 1 and rest == 0:
            return version, blocks
    counts = " or ".join(f"{a}n+{b} (version {version})" for version, (a, b) in CONVOLUTIONS.items())
    raise _other(path, f"with {convolutions} convolutions where such a network has {counts}")


def _check_shapes(path: Path, stored: StoredLayer, layer: Layer, name: str) -> None:
    for part, shape in layer.shapes.items():
        if stored.weights[part].shape != shape:
            came = f"{stored.name} has a {part} of shape {stored.weights[part].shape}"
            raise _other(path, f"whose {came} where {name} has {shape}")


def _dense_units(path: Path, layers: list[StoredLayer], width: int) -> list[int]:
    """Widths of the dense layers after the pooling."""
    if len(layers) > 2:
        raise _other(path, f"with {len(layers)} dense layers where such a network has two at most")
    units = []
    for layer in layers:
        kernel, bias = (layer.weights[part].shape for part in ("kernel", "bias"))
        before = units[-1] if units else width
        if kernel[0] != before or bias != kernel[1:]:
            came = f"{layer.name} has {_show({'kernel': kernel, 'bias': bias})}"
            raise _other(path, f"whose {came} after {before} features")
        units.append(kernel[1])
    return units


def _head(file: WeightFile, units: list[int], *, has_weights: list[bool]) -> str:
    """Whether the last dense layer makes logits, or features for a head without weights."""
    if len(units) != 1:
        return SOFTMAX if units else CENTERS
    last = len(has_weights) - 1 - has_weights[::-1].index(True)
    after = [layer.name for layer in file.layers[last + 1 :]]
    # Every head of centers leaves a layer behind it; a dense layer may apply its softmax itself.
    if not after or any(name.startswith(("activation", "softmax")) for name in after):
        return SOFTMAX
    if any(name.startswith("lambda") for name in after):
        return CENTERS
    return SOFTMAX if units[0] in _CLASS_COUNTS else CENTERS
