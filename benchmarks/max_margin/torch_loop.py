"""The other side: a straightforward loop of max-margin training in PyTorch, for `benchmarks/training.py`.

command   python -m max_margin.torch_loop FOLDER      (by `max_margin.contest`, which wrote FOLDER)
does      the same work as ours on the same LeNet5, images and settings: a clean pass, AN-PGD on the correctly
          classified examples alone, picked out by a mask, ten bisections, a radius for each example in a dictionary,
          one update by Adam; in each of VARIANTS
protocol  a variant's name and a number of steps on a line of standard input, as JSON; the seconds they took on a
          line back
"""

from __future__ import annotations

import json
import os
import pathlib
import sys

import numpy as np
import torch
from speed.clock import now
from torch import nn
from torch.nn import functional

CLIP_NORM = 10.0
# What a loop written without a thought for speed does, and the two things that one can do about it.
VARIANTS = {
    "float32": (torch.contiguous_format, False),
    "channels last": (torch.channels_last, False),
    "channels last, bfloat16": (torch.channels_last, True),
}


class LeNet5(nn.Module):
    """Two convolutions 5x5 with pooling, a dense layer of 1,024 units, ten logits."""

    def __init__(self, weights: dict[str, np.ndarray]):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 32, 5, padding=2), nn.Conv2d(32, 64, 5, padding=2)
        self.dense, self.head = nn.Linear(7 * 7 * 64, 1024), nn.Linear(1024, 10)
        for number, layer in enumerate((self.conv1, self.conv2, self.dense, self.head)):
            kernel = torch.from_numpy(weights[f"kernel{number}"])
            with torch.no_grad():
                layer.weight.copy_(kernel.permute(3, 2, 0, 1) if kernel.ndim == 4 else kernel.T)
                layer.bias.copy_(torch.from_numpy(weights[f"bias{number}"]))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits (N, 10) of images (N, 1, 28, 28)."""
        x = functional.max_pool2d(torch.relu(self.conv1(images)), 2)
        x = functional.max_pool2d(torch.relu(self.conv2(x)), 2)
        x = x.permute(0, 2, 3, 1).flatten(1)  # the order of the exported dense layer
        return self.head(torch.relu(self.dense(x)))


def soft_margin(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """SLM, (N,)."""
    others = logits.scatter(1, labels[:, None], float("-inf"))
    return others.logsumexp(1) - logits.gather(1, labels[:, None])[:, 0]


class MaxMarginLoop:
    """One step after the other over the same batches as ours.

    Args:
        network: in float32.
        images: (N, 1, H, W).
        labels: (N,).
        settings: of `max_margin.contest`.
        halved: whether convolutions and products of matrices compute in bfloat16 (automatic mixed precision).
    """

    def __init__(self, network: nn.Module, images, labels, settings: dict, *, halved: bool):
        self.network, self.images, self.labels, self.settings = network, images, labels, settings
        self.halved = halved
        self.optimizer = torch.optim.Adam(network.parameters(), lr=settings["learning_rate"])
        self.radii = dict.fromkeys(range(len(images)), settings["min_radius"])
        self.start = 0

    def logits(self, images: torch.Tensor) -> torch.Tensor:
        """(N, 10) float32."""
        with torch.autocast("cpu", torch.bfloat16, enabled=self.halved):
            return self.network(images).float()

    def step(self) -> float:
        """The loss of one update."""
        settings, size = self.settings, self.settings["batch_size"]
        rows = torch.arange(self.start, self.start + size) % len(self.images)
        self.start = (self.start + size) % len(self.images)
        images, labels = self.images[rows], self.labels[rows]
        clean_logits = self.logits(images)
        clean = functional.cross_entropy(clean_logits, labels)
        correct = soft_margin(clean_logits.detach(), labels) < 0
        keys = [int(row) for row in rows[correct]]
        first = torch.tensor([max(self.radii[key], settings["min_radius"]) for key in keys])
        mixed = images.clone()
        found = torch.zeros(0)
        if len(keys):
            mixed[correct], found = self.shortest(images[correct], labels[correct], first)
        for key, radius in zip(keys, found.tolist(), strict=True):
            self.radii[key] = radius
        counts = torch.ones(size)
        counts[correct] = (found < settings["max_margin"]).float()
        margin = (functional.cross_entropy(self.logits(mixed), labels, reduction="none") * counts).mean()
        total = clean / 3 + 2 * margin / 3
        self.optimizer.zero_grad()
        total.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), CLIP_NORM)
        self.optimizer.step()
        return float(total.detach())

    def shortest(self, images, labels, radius) -> tuple[torch.Tensor, torch.Tensor]:
        """AN-PGD in linf."""
        settings = self.settings
        limit = torch.full_like(radius, 1.05 * settings["max_margin"])
        radius = torch.minimum(radius, limit)[:, None, None, None]
        size = 2.5 * radius / settings["num_steps"]
        point = (images + radius * (2 * torch.rand_like(images) - 1)).clamp(0, 1)
        for _ in range(settings["num_steps"]):
            point = point.detach().requires_grad_(True)
            (gradient,) = torch.autograd.grad(soft_margin(self.logits(point), labels).sum(), point)
            delta = (point.detach() + size * gradient.sign() - images).clamp(-radius, radius)
            point = (images + delta).clamp(0, 1)
        delta = point.detach() - images
        length = delta.abs().amax((1, 2, 3))
        unit = delta / length.clamp(min=1e-12)[:, None, None, None]

        def across(distance: torch.Tensor) -> torch.Tensor:
            moved = (images + distance[:, None, None, None] * unit).clamp(0, 1)
            return soft_margin(self.logits(moved), labels) >= 0

        with torch.no_grad():
            crossed = across(length)
            low = torch.where(crossed, torch.zeros_like(length), length)
            high = torch.where(crossed, length, limit)
            for _ in range(settings["num_bisections"]):
                middle = (low + high) / 2
                crossed = across(middle)
                low, high = torch.where(crossed, low, middle), torch.where(crossed, middle, high)
        return (images + high[:, None, None, None] * unit).clamp(0, 1), high

    def seconds(self, steps: int) -> float:
        """What so many steps take."""
        started = now()
        for _ in range(steps):
            self.step()
        return now() - started


def main() -> None:
    folder = pathlib.Path(sys.argv[1])
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    torch.manual_seed(0)
    settings = json.loads((folder / "settings.json").read_text(encoding="utf-8"))
    with np.load(folder / "arrays.npz", allow_pickle=False) as stored:
        arrays = dict(stored)
    images = torch.from_numpy(arrays.pop("images")).permute(0, 3, 1, 2)
    labels = torch.from_numpy(arrays.pop("labels")).long()
    logits = LeNet5(arrays)(images[:50]).tolist()
    loops = {}
    for name, (layout, halved) in VARIANTS.items():
        network = LeNet5(arrays).to(memory_format=layout)
        placed = images.contiguous(memory_format=layout)
        loops[name] = MaxMarginLoop(network, placed, labels, settings, halved=halved)
    hello = {"torch": torch.__version__, "variants": list(loops), "logits": logits}
    print(json.dumps(hello), flush=True)
    for line in sys.stdin:
        name, steps = json.loads(line)
        print(json.dumps(loops[name].seconds(steps)), flush=True)


if __name__ == "__main__":
    main()
