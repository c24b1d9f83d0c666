"""Evaluates on test sets larger than what may be held: python benchmarks/memory.py [--gigabytes=1.5].

For uint8 and float32 images, makes a small and a large data set of zeros (files without content take no room on
disk) and runs `eval_attacks.py` on a share of each in a process of its own. Printed is the largest resident memory of
that process, mapped files included: what the large set costs more than the small one is what an evaluation holds of
its images.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
SHAPE = (32, 32, 3)
ATTACKED = 60
MEBIBYTE = 2**20


@dataclass(frozen=True)
class Peak:
    """What one evaluation took.

    Attributes:
        set_bytes: of the test images.
        peak_bytes: the largest resident memory of the process.
        examples: how many were attacked.
    """

    set_bytes: int
    peak_bytes: int
    examples: int


def make_network(folder: Path) -> Path:
    """A linear classifier of the images, as `.keras`."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras

    from mmc_tf.models.heads import DenseLogits

    inputs = keras.Input(SHAPE)
    keras.Model(inputs, DenseLogits(10)(keras.layers.Flatten()(inputs))).save(folder / "network.keras")
    return folder / "network.keras"


def make_images(folder: Path, *, size: int, dtype: str) -> int:
    """A data set `npy` of `size` black test images; returns their bytes."""
    folder.mkdir()
    for part, count in (("train", 10), ("test", size)):
        images = np.lib.format.open_memmap(
            folder / f"x_{part}.npy", mode="w+", dtype=dtype, shape=(count, *SHAPE)
        )
        np.save(folder / f"y_{part}.npy", np.arange(count, dtype=np.uint8) % 10)
    return images.nbytes


def measure(network: Path, data: Path, output_dir: Path, *, size: int, set_bytes: int) -> Peak:
    """Attacks about `ATTACKED` of the test images and measures the process."""
    command = [sys.executable, str(ROOT / "eval_attacks.py"), f"--checkpoint={network}", "--dataset=npy"]
    command += [f"--data_dir={data}", "--attack=fgsm", "--epsilon=0.1", "--batch_size=20", "--noreport"]
    command += [f"--num_shards={max(1, size // ATTACKED)}", "--shard_index=0", f"--output_dir={output_dir}"]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    process = subprocess.Popen(
        command, cwd=output_dir.parent, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    errors = process.stderr.read()
    process.stderr.close()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(errors.decode())
    results = json.loads((output_dir / "results.json").read_text())
    return Peak(set_bytes, usage.ru_maxrss * 1024, results["examples"])


def compare(root: Path, *, dtype: str, large_bytes: float) -> tuple[Peak, Peak]:
    """The peaks on a small and on a large set of one type."""
    network = make_network(root) if not (root / "network.keras").exists() else root / "network.keras"
    bytes_each = int(np.prod(SHAPE)) * np.dtype(dtype).itemsize
    peaks = []
    for name, size in (("small", 10 * ATTACKED), ("large", int(large_bytes) // bytes_each)):
        data = root / f"{dtype}-{name}"
        set_bytes = make_images(data, size=size, dtype=dtype)
        peaks.append(measure(network, data, root / f"out-{dtype}-{name}", size=size, set_bytes=set_bytes))
        for path in data.iterdir():
            path.unlink()
    return peaks[0], peaks[1]


def main() -> None:
    """Prints one line a type."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--gigabytes", type=float, default=1.5, help="of the large set (default: 1.5)")
    gigabytes = parser.parse_args().gigabytes
    with tempfile.TemporaryDirectory() as root:
        for dtype in ("uint8", "float32"):
            small, large = compare(Path(root), dtype=dtype, large_bytes=gigabytes * 1e9)
            more = (large.peak_bytes - small.peak_bytes) / MEBIBYTE
            print(
                f"{dtype}: peak {small.peak_bytes / MEBIBYTE:.0f} MiB with {small.set_bytes / MEBIBYTE:.0f} MiB of "
                f"test images, {large.peak_bytes / MEBIBYTE:.0f} MiB with {large.set_bytes / MEBIBYTE:.0f} MiB: "
                f"{more:+.0f} MiB for {(large.set_bytes - small.set_bytes) / MEBIBYTE:.0f} MiB more"
            )


if __name__ == "__main__":
    main()
