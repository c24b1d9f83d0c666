"""A second opinion on our attacks: published implementations on the same network, images and parameters.

command   python benchmarks/second_opinion.py --checkpoint=runs/NAME [--examples=200] [--epsilon=8/255]
          [--epsilon_l2=0.5] [--attacks=pgd,cw] [--peer_python=PATH]
needs     the extra `[bench]` (PyTorch, foolbox 3.3, torchattacks 3.5), here or in the environment of `--peer_python`
does      attacks under TensorFlow; then, in a second process, loads the same file under Keras' PyTorch backend and
          attacks with foolbox and torchattacks; compares robust accuracy, verdicts and distances per example
prints    one table; exit status 1 if a difference exceeds the tolerance. Results are kept in `--out`: a comparison
          that was killed goes on where it was
hint      on a busy machine PyTorch's threads wait for each other: OMP_NUM_THREADS=1 in front makes it 20 times faster
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import time
from dataclasses import asdict

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from opinions.cases import Case, make_cases
from opinions.comparison import Outcome, Row, compare, format_table, read_outcome, write_outcome

from mmc_tf.checks import UserError, argument_error, parse_number

HERE = pathlib.Path(__file__).resolve().parent
RADII = {"mnist": (0.1, 1.5), "fashion_mnist": (0.1, 1.5), "digits": (0.1, 0.5)}
PEERS = "torch, foolbox, torchattacks"
BATCH_SIZE = 100


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checkpoint", required=True, help="a run's folder, or its final.keras")
    parser.add_argument("--examples", type=int, default=200, help="the first ones of the test set")
    parser.add_argument("--epsilon", help="radius in linf; default: 0.1 for MNIST, 8/255 for CIFAR")
    parser.add_argument("--epsilon_l2", help="radius in l2; default: 1.5 for MNIST, 0.5 for CIFAR")
    parser.add_argument(
        "--attacks", help="names of attacks or of single comparisons, with commas; default: all"
    )
    parser.add_argument("--cw_steps", type=int, default=1000)
    parser.add_argument("--queries", type=int, default=5000, help="of Square")
    parser.add_argument("--peer_python", default=sys.executable, help=f"an interpreter with {PEERS}")
    parser.add_argument("--data_dir", help="default: the run's own")
    parser.add_argument("--out", default="results/second_opinion", help="where results are kept")
    try:
        return second_opinion(parser.parse_args())
    except UserError as error:
        print(error, file=sys.stderr)
        return 2


def second_opinion(arguments: argparse.Namespace) -> int:
    check_peers(arguments.peer_python)
    from mmc_tf.data import load
    from mmc_tf.training.runs import find_model, load_run

    model_file, config = find_model(arguments.checkpoint)
    if not config:
        raise argument_error("checkpoint", "a run, which says what it was trained on", arguments.checkpoint)
    model, _ = load_run(arguments.checkpoint)
    flags = config["flags"]
    split = load(
        flags["dataset"], data_dir=arguments.data_dir or flags["data_dir"], test_size=arguments.examples
    ).test
    images, labels = split.as_float(), np.asarray(split.labels, np.int32)
    defaults = RADII.get(flags["dataset"], (8 / 255, 0.5))
    radii = [
        default if given is None else parse_number(name, given)
        for name, given, default in zip(
            ("epsilon", "epsilon_l2"), (arguments.epsilon, arguments.epsilon_l2), defaults, strict=True
        )
    ]
    has_centers = bool(getattr(model.layers[-1], "has_centers", False))
    cases = make_cases(
        epsilon=radii[0],
        epsilon_l2=radii[1],
        has_centers=has_centers,
        num_classes=config["dataset"]["num_classes"],
        num_queries=arguments.queries,
        cw_steps=arguments.cw_steps,
    )
    cases = chosen(cases, arguments.attacks)
    logits = in_batches(lambda part: model(part, training=False), images)
    correct = logits.argmax(axis=1) == labels

    digest = hashlib.sha256(model_file.read_bytes() + images.tobytes() + labels.tobytes()).hexdigest()[:10]
    folder = pathlib.Path(arguments.out) / f"{model_file.resolve().parent.name}-{digest}"
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / "inputs.npz", images=images, labels=labels, logits=logits)
    plan = {
        "model": str(model_file.resolve()),
        "has_centers": has_centers,
        "correct": correct.tolist(),
        "cases": [asdict(case) for case in cases],
    }
    (folder / "plan.json").write_text(json.dumps(plan), encoding="utf-8")

    for case in cases:
        run_ours(case, model, folder, images, labels, correct)
    run_peers(arguments.peer_python, folder)

    with np.load(folder / "clean.npz", allow_pickle=False) as arrays:
        correct &= arrays["logits"].argmax(axis=1) == labels
    rows = []
    agreeing = total = 0
    for case in cases:
        ours, peer = (read_outcome(folder / case.key(side)) for side in ("ours", "peer"))
        rows.append(compare(case, ours, peer, images=images, labels=labels, correct=correct))
        judged = in_batches(lambda part: model(part, training=False), peer.adversarial).argmax(axis=1)
        agreeing += int(np.sum((judged == labels) == (peer.prediction == labels)))
        total += len(labels)
    print(f"\n{arguments.checkpoint}, {len(labels)} test images, {correct.mean():.1%} classified correctly\n")
    print(format_table(rows, cases))
    if has_centers:
        print(CENTERS)
    print(f"On the peers' images, TensorFlow and PyTorch agree on {agreeing} of {total} verdicts.")
    return report(rows)


CENTERS = (
    "The head has centers: the peers get its logits minus the largest one, which loses fewer digits. Where the "
    "objective is the margin, they get a network on which cross-entropy has the margin's gradient."
)


def report(rows: list[Row]) -> int:
    failed = [row.name for row in rows if not row.passed]
    print(
        f"{len(rows) - len(failed)} of {len(rows)} comparisons pass"
        + (f"; fail: {', '.join(failed)}" if failed else "")
    )
    return 1 if failed else 0


def chosen(cases: list[Case], names: str | None) -> list[Case]:
    """The comparisons whose name or attack is asked for."""
    if names is None:
        return cases
    wanted = [name.strip() for name in names.split(",")]
    known = {name for case in cases for name in (case.name, case.attack)}
    for name in wanted:
        if name not in known:
            raise argument_error("attacks", f"some of {', '.join(sorted(known))}", name)
    return [case for case in cases if case.name in wanted or case.attack in wanted]


def check_peers(python: str) -> None:
    """Makes sure, before the long work, that the other interpreter has what it needs."""
    try:
        command = [python, "-W", "ignore", "-c", f"import {PEERS}, mmc_tf.layers"]
        done = subprocess.run(command, env=peer_environment(), capture_output=True, text=True)
        reason = done.stderr.strip().splitlines()[-1] if done.returncode else None
    except OSError as error:
        reason = str(error)
    if reason:
        expected = f"an interpreter with {PEERS}, keras and lazy_loader (pip install -e '.[bench]', or --peer_python)"
        raise argument_error("peer_python", expected, f"{python}: {reason}")


def peer_environment() -> dict[str, str]:
    paths = [str(HERE), str(HERE.parent), os.environ.get("PYTHONPATH", "")]
    return {**os.environ, "KERAS_BACKEND": "torch", "PYTHONPATH": os.pathsep.join(filter(None, paths))}


def in_batches(function, images: np.ndarray) -> np.ndarray:
    parts = [images[start : start + BATCH_SIZE] for start in range(0, len(images), BATCH_SIZE)]
    return np.concatenate([np.asarray(function(part)) for part in parts])


def run_ours(
    case: Case, model, folder: pathlib.Path, images: np.ndarray, labels: np.ndarray, correct: np.ndarray
) -> None:
    """Our side of one comparison, unless it is there."""
    path = folder / case.key("ours")
    if path.exists():
        return
    from mmc_tf.attacks import make

    attack = make(case.attack, **case.ours)
    indices = np.arange(len(images))
    started = time.perf_counter()
    parts = [slice(start, start + BATCH_SIZE) for start in range(0, len(images), BATCH_SIZE)]
    results = [
        attack(model, images[part], labels[part], indices=indices[part], active=correct[part])
        for part in parts
    ]
    seconds = time.perf_counter() - started
    adversarial, prediction = (
        np.concatenate([getattr(result, name) for result in results])
        for name in ("adversarial", "prediction")
    )
    write_outcome(path, Outcome(adversarial, prediction, seconds))
    print(f"ours {case.attack} ({case.name}): {seconds:.1f} s", flush=True)


def run_peers(python: str, folder: pathlib.Path) -> None:
    """The other side of all comparisons, in a process of its own."""
    command = [python, "-W", "ignore", "-m", "opinions.peers", str(folder.resolve())]
    if subprocess.run(command, env=peer_environment()).returncode:
        raise UserError(
            f"The peers' process failed. Expected exit status 0 of {' '.join(command)}. Received: see above"
        )


if __name__ == "__main__":
    sys.exit(main())
