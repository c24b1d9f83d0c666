"""The network for PyTorch, written as PyTorch's users write it: plain modules, filled with our weights."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch.nn import functional


class SameConv(torch.nn.Module):
    """A convolution padded as TensorFlow's `same`: with stride 2, on the far side alone."""

    def __init__(self, kernel: np.ndarray, bias: np.ndarray, stride: int):
        super().__init__()
        size, _, inputs, outputs = kernel.shape
        even = stride == 1
        self.conv = torch.nn.Conv2d(inputs, outputs, size, stride, padding=size // 2 if even else 0)
        self.pad = 0 if even else size - stride
        self.conv.weight.data = torch.from_numpy(np.ascontiguousarray(kernel.transpose(3, 2, 0, 1)))
        self.conv.bias.data = torch.from_numpy(bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W) -> (N, C', H / stride, W / stride)."""
        return self.conv(functional.pad(x, (0, self.pad, 0, self.pad)) if self.pad > 0 else x)


class Block(torch.nn.Module):
    """relu(x + bn(conv(relu(bn(conv(x))))))."""

    def __init__(self, parts: Parts, *, widens: bool):
        super().__init__()
        stride = 2 if widens else 1
        self.first, self.first_norm = parts.conv(stride), parts.norm()
        self.second, self.second_norm = parts.conv(1), parts.norm()
        self.shortcut = parts.conv(stride) if widens else torch.nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W) -> (N, C', H', W')."""
        y = self.second_norm(self.second(functional.relu(self.first_norm(self.first(x)))))
        return functional.relu(self.shortcut(x) + y)


class Parts:
    """The layers of the Keras network in the order in which they were made.

    Args:
        weights: by `layer/number`, as `export` writes them.
    """

    def __init__(self, weights: Mapping[str, np.ndarray]):
        self.weights, self._convs, self._norms = weights, 0, 0

    def conv(self, stride: int) -> SameConv:
        """The next convolution."""
        self._convs += 1
        name = f"conv2d_{self._convs}"
        return SameConv(self.weights[f"{name}/0"], self.weights[f"{name}/1"], stride)

    def norm(self) -> torch.nn.BatchNorm2d:
        """The next batch norm."""
        self._norms += 1
        values = [torch.from_numpy(self.weights[f"batch_normalization_{self._norms}/{i}"]) for i in range(4)]
        norm = torch.nn.BatchNorm2d(len(values[0]), eps=float(self.weights["epsilon"]))
        norm.weight.data, norm.bias.data, norm.running_mean, norm.running_var = values
        return norm

    def linear(self, name: str) -> torch.nn.Linear:
        """A dense layer."""
        kernel, bias = self.weights[f"{name}/0"], self.weights[f"{name}/1"]
        layer = torch.nn.Linear(*kernel.shape)
        layer.weight.data, layer.bias.data = torch.from_numpy(kernel.T.copy()), torch.from_numpy(bias)
        return layer


class ResNet(torch.nn.Module):
    """ResNet v1 (He et al., Section 4.2) behind the pixel mean, with a dense head or one of centers.

    Args:
        weights: as `export` writes them.
    """

    def __init__(self, weights: Mapping[str, np.ndarray]):
        super().__init__()
        parts = Parts(weights)
        blocks = (sum(name.startswith("batch_norm") for name in weights) // 4 - 1) // 6
        self.register_buffer("mean", torch.from_numpy(weights["mean"].transpose(2, 0, 1).copy())[None])
        self.stem, self.stem_norm = parts.conv(1), parts.norm()
        self.blocks = torch.nn.Sequential(
            *(Block(parts, widens=stage > 0 and block == 0) for stage in range(3) for block in range(blocks))
        )
        self.features = parts.linear("features")
        if "centers" in weights:
            self.register_buffer("centers", torch.from_numpy(weights["centers"]))
        else:
            self.head = parts.linear("logits")

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(N, 3, H, W) -> logits (N, L); of centers, up to ‖z‖², which loses fewer digits."""
        x = functional.relu(self.stem_norm(self.stem(images - self.mean)))
        features = self.features(self.blocks(x).mean(dim=(2, 3)))
        if not hasattr(self, "centers"):
            return self.head(features)
        return 2 * features @ self.centers.T - self.centers.square().sum(dim=1)
