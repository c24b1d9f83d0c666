"""The other side's process, as the benchmark talks to it."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import tempfile
from typing import Any

import numpy as np

from mmc_tf.checks import UserError, argument_error
from speed.contest import Attacked
from speed.network import Subject, export

HERE = pathlib.Path(__file__).resolve().parent
MODULES = "torch, foolbox, torchattacks"
AGREEMENT = 1e-4  # between the two frameworks, in units of the largest |logit| difference


class Peers:
    """A process with PyTorch, foolbox and torchattacks that holds the same network and images.

    Args:
        python: its interpreter.
        subject: network and images.
        batch_size: with which its settings are chosen.

    Raises:
        UserError: if it cannot be started, or has other logits.
    """

    def __init__(self, python: str, subject: Subject, *, batch_size: int):
        self._folder = tempfile.TemporaryDirectory()
        folder = pathlib.Path(self._folder.name)
        np.savez(folder / "inputs.npz", images=subject.images, labels=subject.labels)
        np.savez(folder / "weights.npz", **export(subject.model))
        paths = [str(HERE.parent), os.environ.get("PYTHONPATH", "")]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
        environment.pop("OMP_NUM_THREADS", None)  # the worker finds the best number itself
        command = [python, "-W", "ignore", "-m", "speed.worker", str(folder), str(batch_size)]
        self._process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        hello = self._read()
        self.settings, self.version = hello["settings"], hello["torch"]
        ours = subject.logits_of(subject.images[:100])
        ours, theirs = (each - each.max(axis=1, keepdims=True) for each in (ours, np.array(hello["logits"])))
        self.gap = float(np.abs(ours - theirs).max() / np.abs(ours).max())
        if self.gap > AGREEMENT:
            raise UserError(f"The networks differ. Expected equal logits. Received: {self.gap:.1e} apart")

    def attack(
        self,
        library: str,
        attack: str,
        settings: dict[str, Any],
        *,
        examples: int,
        batch_size: int,
        epsilon: float | None = None,
    ) -> Attacked:
        """The adversarial images (N, H, W, C) of the first examples, and the seconds it took."""
        request = {"library": library, "attack": attack, "settings": settings, "epsilon": epsilon}
        line = json.dumps(request | {"examples": examples, "batch_size": batch_size})
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        answer = self._read()
        return np.load(answer["path"], allow_pickle=False), answer["seconds"]

    def _read(self) -> dict[str, Any]:
        line = self._process.stdout.readline()
        if not line:
            code = self._process.wait()
            raise UserError(f"The peers' process failed. Expected an answer. Received: exit status {code}")
        return json.loads(line)

    def close(self) -> None:
        """Ends the process."""
        self._process.stdin.close()
        self._process.wait()
        self._folder.cleanup()


def check_peers(python: str) -> None:
    """Makes sure, before the long work, that the other interpreter has what it needs."""
    try:
        done = subprocess.run(
            [python, "-W", "ignore", "-c", f"import {MODULES}"], capture_output=True, text=True
        )
        reason = done.stderr.strip().splitlines()[-1] if done.returncode else None
    except OSError as error:
        reason = str(error)
    if reason:
        expected = f"an interpreter with {MODULES} (pip install -e '.[bench]', or --peer_python)"
        raise argument_error("peer_python", expected, f"{python}: {reason}")
