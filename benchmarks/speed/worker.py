"""The second process: PyTorch's side of the benchmark, which attacks when it is told to.

command   python -m speed.worker FOLDER    (by `speed.peers`, which wrote FOLDER)
protocol  one JSON object a line on standard input, one a line back on standard output
"""

from __future__ import annotations

import itertools
import json
import os
import pathlib
import sys

import foolbox
import numpy as np
import torch
import torchattacks

from speed.clock import now
from speed.torch_network import ResNet

FORMATS = {"channels last": torch.channels_last, "channels first": torch.contiguous_format}


class Converted(torch.autograd.Function):
    """Images in another layout; their gradient is contiguous again, or torchattacks' FAB fails on it."""

    @staticmethod
    def forward(context, images: torch.Tensor, layout: torch.memory_format) -> torch.Tensor:
        """(N, C, H, W), the same numbers."""
        return images.contiguous(memory_format=layout)

    @staticmethod
    def backward(context, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        """(N, C, H, W), the same numbers."""
        return gradient.contiguous(), None


class InLayout(torch.nn.Module):
    """A network that computes in a layout, for contiguous images.

    Args:
        network: of images (N, C, H, W).
        layout: one of `FORMATS`.
    """

    def __init__(self, network: torch.nn.Module, layout: torch.memory_format):
        super().__init__()
        self.network, self._layout = network.to(memory_format=layout), layout

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W) -> logits (N, L)."""
        return self.network(Converted.apply(images, self._layout))


class Worker:
    """Network and images in the fastest of the settings there are.

    Args:
        folder: holds `inputs.npz` and `weights.npz`.
        batch_size: that the settings are tried with.
    """

    def __init__(self, folder: pathlib.Path, batch_size: int):
        with np.load(folder / "weights.npz", allow_pickle=False) as arrays:
            network = ResNet(dict(arrays)).eval()
        for parameter in network.parameters():
            parameter.requires_grad_(False)
        with np.load(folder / "inputs.npz", allow_pickle=False) as arrays:
            self.images = torch.from_numpy(arrays["images"]).permute(0, 3, 1, 2).contiguous()
            self.labels = torch.from_numpy(arrays["labels"]).long()
        self.folder = folder
        self.network = self._in_best_settings(network, self.images[:batch_size])

    def _in_best_settings(self, network: torch.nn.Module, images: torch.Tensor) -> torch.nn.Module:
        """The network with the number of threads and the layout by which one input gradient takes least time."""
        # Not by OMP_NUM_THREADS, which would be its ceiling.
        tried = {}
        # The cores this process may use, which `os.cpu_count` does not tell.
        threads = range(1, len(os.sched_getaffinity(0)) + 1)
        for (name, layout), number in itertools.product(FORMATS.items(), threads):
            torch.set_num_threads(number)
            tried[name, number] = min(
                self._gradient_seconds(InLayout(network, layout), images) for _ in range(4)
            )
        name, number = min(tried, key=tried.get)
        torch.set_num_threads(number)
        self.settings = (
            f"{name}, {number} threads: {1e3 * tried[name, number]:.0f} ms a gradient; "
            + ", ".join(f"{other} {count}: {1e3 * value:.0f}" for (other, count), value in tried.items())
        )
        return InLayout(network, FORMATS[name])

    def _gradient_seconds(self, network: torch.nn.Module, images: torch.Tensor) -> float:
        started = now()
        images = images.detach().requires_grad_(True)
        loss = torch.nn.functional.cross_entropy(network(images), self.labels[: len(images)])
        torch.autograd.grad(loss, images)
        return now() - started

    def logits(self) -> list[list[float]]:
        """Of the first 100 images."""
        with torch.no_grad():
            return self.network(self.images[:100]).tolist()

    def attack(self, request: dict) -> dict:
        """Attacks the images batch by batch; the images go to a file, the seconds into the answer."""
        torch.manual_seed(0)
        size = request["batch_size"]
        started = now()
        parts = [
            self._attack_part(request, self.images[i : i + size], self.labels[i : i + size])
            for i in range(0, request["examples"], size)
        ]
        seconds = now() - started
        path = self.folder / "adversarial.npy"
        np.save(path, torch.cat(parts).detach().permute(0, 2, 3, 1).contiguous().numpy())
        return {"seconds": seconds, "path": str(path)}

    def _attack_part(self, request: dict, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        if request["library"] == "torchattacks":
            return getattr(torchattacks, request["attack"])(self.network, **request["settings"])(
                images, labels
            )
        attack = getattr(foolbox.attacks, request["attack"])(**request["settings"])
        model = foolbox.PyTorchModel(self.network, bounds=(0, 1), device=images.device)
        return attack(model, images, labels, epsilons=request["epsilon"])[1]


def main() -> None:
    answers, sys.stdout = sys.stdout, sys.stderr  # what the libraries print is no answer
    worker = Worker(pathlib.Path(sys.argv[1]), int(sys.argv[2]))
    hello = {"settings": worker.settings, "logits": worker.logits(), "torch": torch.__version__}
    for answer in itertools.chain([hello], (worker.attack(json.loads(line)) for line in sys.stdin)):
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
