"""The second process: the saved network under Keras' PyTorch backend, attacked by foolbox and torchattacks.

command   KERAS_BACKEND=torch python -m opinions.peers FOLDER    (by `second_opinion.py`, which wrote FOLDER)
"""

from __future__ import annotations

import json
import pathlib
import sys
import time

import foolbox
import keras
import numpy as np
import torch
import torchattacks

import mmc_tf.layers  # noqa: F401  registers what a saved model names
from opinions.cases import Case
from opinions.comparison import Outcome, distances, write_outcome

SMALL = 1e-2  # how far the margin is scaled down, so that the softmax over two classes never saturates


class Channels(torch.nn.Module):
    """The network for images (N, C, H, W); `shift` subtracts the largest logit.

    Logits of heads with centers are near -C² or less; differences that an attack forms of them lose digits.
    """

    def __init__(self, network: keras.Model, *, shift: bool):
        super().__init__()
        self.network, self.shift = network, shift

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits (N, L)."""
        logits = self.network(images.permute(0, 2, 3, 1), training=False)
        return logits - logits.max(dim=1, keepdim=True).values.detach() if self.shift else logits


class MarginNetwork(torch.nn.Module):
    """A network of the same predictions on which cross-entropy rises along the gradient of the margin.

    All classes but the label y and the best other one o are at -∞, and what is left is scaled by s: the
    gradient of cross-entropy is σ(s·(h_o - h_y))·s times that of h_o - h_y. For attacks that use its direction alone.
    """

    def __init__(self, network: torch.nn.Module, labels: torch.Tensor):
        super().__init__()
        self.network, self.labels = network, labels

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits (N, L), of two classes."""
        logits = self.network(images)
        true = torch.nn.functional.one_hot(self.labels, logits.shape[1]).bool()
        other = logits.masked_fill(true, -torch.inf).argmax(dim=1)
        kept = true | torch.nn.functional.one_hot(other, logits.shape[1]).bool()
        return (SMALL * logits).masked_fill(~kept, -torch.inf)


def attack(case: Case, network: torch.nn.Module, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Adversarial images (N, C, H, W) of one chunk."""
    if case.climbs_margin:
        network = MarginNetwork(network, labels).eval()
    if case.library == "foolbox":
        epsilons = None if case.measure == "distance" else case.epsilon
        peer = getattr(foolbox.attacks, case.peer)(**case.theirs)
        return peer(
            foolbox.PyTorchModel(network, bounds=(0, 1), device=images.device),
            images,
            labels,
            epsilons=epsilons,
        )[1]
    peer = getattr(torchattacks, case.peer)(network, **case.theirs)
    return nearest_run(peer, case, images, labels) if case.measure == "distance" else peer(images, labels)


def nearest_run(
    peer: torchattacks.FAB, case: Case, images: torch.Tensor, labels: torch.Tensor
) -> torch.Tensor:
    """The nearest result of one run of FAB for each class."""
    best, least = images.clone(), np.full(len(images), np.inf)
    for rank in range(2, peer.n_target_classes + 2):
        peer.target_class = rank
        with torch.no_grad():
            found = peer.attack_single_run_targeted(images, labels)
            hit = (peer.model(found).argmax(dim=1) != labels).cpu().numpy()
        length = np.where(hit, distances(found.cpu().numpy(), images.cpu().numpy(), case.norm), np.inf)
        nearer = torch.from_numpy(length < least)
        best[nearer] = found[nearer]
        least = np.minimum(least, length)
    return best


def main() -> None:
    folder = pathlib.Path(sys.argv[1])
    # As TensorFlow: it decides where a saturated cross-entropy has no gradient at all.
    torch.set_flush_denormal(True)
    plan = json.loads((folder / "plan.json").read_text(encoding="utf-8"))
    with np.load(folder / "inputs.npz", allow_pickle=False) as arrays:
        images, labels, logits = arrays["images"], arrays["labels"], arrays["logits"]
    keras_model = keras.saving.load_model(plan["model"], safe_mode=True)
    for parameter in keras_model.parameters():
        parameter.requires_grad_(False)
    network = Channels(keras_model, shift=plan["has_centers"]).eval()
    device = next(network.parameters()).device
    images = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous().to(device)
    labels = torch.from_numpy(labels).long().to(device)
    batches = [slice(start, start + 100) for start in range(0, len(images), 100)]

    def look(values: torch.Tensor) -> np.ndarray:
        with torch.no_grad():
            return (
                torch.cat([keras_model(values[part].permute(0, 2, 3, 1), training=False) for part in batches])
                .cpu()
                .numpy()
            )

    clean = look(images)
    np.savez(folder / "clean.npz", logits=clean)
    gap = np.max(np.abs(clean - logits)) / max(1.0, np.max(np.abs(logits)))
    print(f"logits of the two backends differ by {gap:.1e} of their size at most", flush=True)
    correct = np.flatnonzero((clean.argmax(axis=1) == labels.cpu().numpy()) & np.array(plan["correct"]))
    for case in (Case(**{**case, "notes": tuple(case["notes"])}) for case in plan["cases"]):
        path = folder / case.key("peer")
        if path.exists():
            continue
        torch.manual_seed(0)
        started, adversarial = time.perf_counter(), images.clone()
        for start in range(0, len(correct), case.chunk):
            part = torch.from_numpy(correct[start : start + case.chunk]).to(device)
            adversarial[part] = attack(case, network, images[part], labels[part]).detach()
        seconds = time.perf_counter() - started
        result = adversarial.permute(0, 2, 3, 1).contiguous().cpu().numpy()
        write_outcome(path, Outcome(result, look(adversarial).argmax(axis=1), seconds))
        print(f"{case.library} {case.peer} ({case.name}): {seconds:.1f} s", flush=True)


if __name__ == "__main__":
    main()
