"""The layers of the original's networks, in the order in which Keras 2 writes them to a weight file.

Keras sorts a functional model's layers by their depth, the length of the longest path to the output, and layers of
the same depth by a walk from the output back through the inputs of each layer in turn. So the convolution on a block's
shortcut does not stand where the code makes it, at the end of the block: it comes between the convolutions of the main
path, at a place that batch normalization moves, and in version 2 it has the shape of its neighbour.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

Shape = tuple[int, ...]
CONV, NORM = "conv2d", "batch_normalization"
STAGES = 3
# The number of convolutions is a·n + b for n blocks a stage, with those of the stem and of the shortcuts: the depth,
# a·n + 2, counts the stem and the last dense layer beside the blocks'.
CONVOLUTIONS = {1: (6, 3), 2: (9, 4)}


@dataclass(frozen=True)
class Layer:
    """A layer with weights.

    Args:
        name: the one that `mmc_tf.models.backbones` gives it.
        kind: `conv2d` or `batch_normalization`.
        shapes: of its weights, by their names in the file.
    """

    name: str
    kind: str
    shapes: Mapping[str, Shape]


@dataclass
class _Graph:
    """A network as it grows: each node's inputs and, where it has weights, its layer."""

    use_bn: bool
    inputs: list[tuple[int, ...]] = field(default_factory=list)
    layers: list[Layer | None] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def node(self, *inputs: int, layer: Layer | None = None) -> int:
        self.inputs.append(inputs)
        self.layers.append(layer)
        return len(self.inputs) - 1

    def _named(self, kind: str, shapes: Mapping[str, Shape]) -> Layer:
        self.counts[kind] += 1
        return Layer(f"{kind}_{self.counts[kind]}", kind, shapes)

    def conv(self, x: int, given: int, filters: int, size: int) -> int:
        shapes = {"kernel": (size, size, given, filters), "bias": (filters,)}
        return self.node(x, layer=self._named(CONV, shapes))

    def norm(self, x: int, channels: int) -> int:
        if not self.use_bn:
            return x
        names = ("gamma", "beta", "moving_mean", "moving_variance")
        return self.node(x, layer=self._named(NORM, dict.fromkeys(names, (channels,))))


def resnet_layers(version: int, blocks: int, *, use_bn: bool, channels: int = 3) -> list[Layer]:
    """The layers with weights before the pooling, in the order of a weight file.

    Args:
        version: 1 or 2.
        blocks: n >= 1, of each of the three stages.
        use_bn: whether there is batch normalization.
        channels: of the images.

    Example:
        >>> names = [layer.name for layer in resnet_layers(1, 1, use_bn=False)]
        >>> names[3:6]  # the second block: conv2d_6 is its shortcut's
        ['conv2d_4', 'conv2d_6', 'conv2d_5']
    """
    graph = _Graph(use_bn)
    _BUILDERS[version](graph, blocks, channels)
    layers = (graph.layers[node] for node in stored_order(graph.inputs))
    return [layer for layer in layers if layer is not None]


def stored_order(inputs: Sequence[Sequence[int]]) -> list[int]:
    """Keras' order of a graph's nodes.

    Args:
        inputs: of each node, the nodes before it whose outputs it takes; the last node is the output.
    """
    depths = [0] * len(inputs)
    for node in reversed(range(len(inputs))):
        for source in inputs[node]:
            depths[source] = max(depths[source], depths[node] + 1)
    visited: dict[int, int] = {}
    waiting = [len(inputs) - 1]  # not by recursion: Python would give up on a deep network
    while waiting:
        node = waiting.pop()
        if node not in visited:
            visited[node] = len(visited)
            waiting.extend(reversed(inputs[node]))
    return sorted(visited, key=lambda node: (-depths[node], visited[node]))


def _version_1(graph: _Graph, blocks: int, channels: int) -> None:
    x = graph.node(graph.norm(graph.conv(graph.node(), channels, 16, 3), 16))
    given = 16
    for filters in (16, 32, 64):
        for block in range(blocks):
            y = graph.node(graph.norm(graph.conv(x, given, filters, 3), filters))
            y = graph.norm(graph.conv(y, filters, filters, 3), filters)
            if filters > 16 and block == 0:
                x = graph.conv(x, given, filters, 1)
            x = graph.node(graph.node(x, y))
            given = filters


def _version_2(graph: _Graph, blocks: int, channels: int) -> None:
    x = graph.node(graph.norm(graph.conv(graph.node(), channels, 16, 3), 16))
    given = narrow = 16
    for wide in (64, 128, 256):
        for block in range(blocks):
            first = block == 0
            y = x if first and wide == 64 else graph.node(graph.norm(x, given))
            y = graph.node(graph.norm(graph.conv(y, given, narrow, 1), narrow))
            y = graph.node(graph.norm(graph.conv(y, narrow, narrow, 3), narrow))
            y = graph.conv(y, narrow, wide, 1)
            if first:
                x = graph.conv(x, given, wide, 1)
            x = graph.node(x, y)
            given = wide
        narrow = wide
    graph.node(graph.norm(x, given))


_BUILDERS = {1: _version_1, 2: _version_2}
