"""The largest resident memory of a process that runs AutoAttack over some images.

command   python -m speed.peak CHECKPOINT EXAMPLES BATCH_SIZE EPSILON DATA_DIR
"""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent


def peak_of_this_process() -> float:
    """In GiB. Not from `getrusage`, whose maximum a process inherits from the one that started it."""
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 2**20


def autoattack_peak(
    checkpoint: str, examples: int, *, batch_size: int, epsilon: float, data_dir: str | None
) -> dict[str, float]:
    """Peak in GiB, seconds, robust accuracy and images of an evaluation by AutoAttack in a process of its own."""
    paths = [str(HERE.parent), str(HERE.parents[1]), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    arguments = [checkpoint, str(examples), str(batch_size), repr(epsilon), data_dir or ""]
    command = [sys.executable, "-m", "speed.peak", *arguments]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    names = ("peak", "seconds", "robust", "examples")
    return dict(zip(names, map(float, done.stdout.split()[-4:]), strict=True))


def main() -> None:
    checkpoint, examples, batch_size, epsilon, data_dir = sys.argv[1:]
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tempfile

    from mmc_tf.attacks import make
    from mmc_tf.data import load
    from mmc_tf.evaluation.runner import evaluate
    from mmc_tf.training.runs import load_run

    model, config = load_run(checkpoint)
    flags = config["flags"]
    size = int(examples)
    split = load(flags["dataset"], data_dir=data_dir or flags["data_dir"], test_size=size).test
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        attack = make("autoattack", epsilon=float(epsilon))
        settings = {"output_dir": pathlib.Path(folder) / "out", "batch_size": int(batch_size)}
        results = evaluate(model, split, [("autoattack", attack)], **settings)
    robust = results["attacks"][0]["robust_accuracy"]
    print(peak_of_this_process(), time.perf_counter() - started, robust, len(split))


if __name__ == "__main__":
    main()
