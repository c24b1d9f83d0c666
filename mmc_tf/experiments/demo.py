"""The demo: SCE and MMC on scikit-learn's digits, each attacked as a naive and as an adaptive attacker would.

paper     Pang et al., ICLR 2020, Table 1, in small: 8x8 digits, LeNet5, linf 0.1
command   make demo     (python -m mmc_tf.experiments.demo)
cost      about a minute and a half on two cores
expected  MMC looks far more robust than SCE until the objective is adapted to its head

It runs the scripts exactly as a user would and prints every command before it does.
"""

from __future__ import annotations

import argparse
import pathlib
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from typing import Any

from mmc_tf.experiments.execution import ROOT, run_child
from mmc_tf.files import read_record, write_text
from mmc_tf.program import run_program

EPSILON = 0.1
# Network, name of the attacker in the table, and the flags that make it. For SCE naive and adaptive are the same.
ROWS = (
    ("SCE", "softmax cross-entropy", ("--adaptive",)),
    ("SCE", "margin", ("--objective=margin",)),
    ("MMC", "softmax cross-entropy, naive", ("--noadaptive",)),
    ("MMC", "the paper's objective, adaptive", ("--adaptive",)),
    ("MMC", "margin, adaptive", ("--objective=margin",)),
)
COLUMNS = (("FGSM", "fgsm", 1), ("PGD-10", "pgd", 10), ("PGD-50", "pgd", 50))


def run_demo(*, epochs: int, examples: int, runs_dir: pathlib.Path, results_dir: pathlib.Path) -> str:
    """Trains both networks, attacks them, and gives the table in Markdown.

    Args:
        epochs: of each network, >= 1.
        examples: test images attacked, 1 to 500.
        runs_dir: where the networks go, under names that begin with `demo-`; those of an earlier demo are replaced.
        results_dir: where results and table go.
    """
    for loss in dict.fromkeys(row[0] for row in ROWS):
        _script(
            "train_std.py",
            "--dataset=digits",
            f"--loss={loss}",
            f"--epochs={epochs}",
            f"--runs_dir={runs_dir}",
            f"--run_name={_run_name(loss)}",
            "--overwrite",
        )
    rows = []
    for number, (loss, attacker, flags) in enumerate(ROWS, start=1):
        folder = results_dir / f"{number}-{loss.lower()}"
        _script(
            "eval_attacks.py",
            f"--checkpoint={runs_dir / _run_name(loss)}",
            "--attack=fgsm,pgd",
            f"--epsilon={EPSILON}",
            "--num_steps=10,50",
            f"--examples={examples}",
            *flags,
            f"--output_dir={folder}",
            "--overwrite",
            quiet=True,
        )
        results = read_record(folder / "results.json")
        rows.append((loss, attacker, results["clean_accuracy"], results["attacks"]))
    table = format_table(rows)
    write_text(results_dir / "table.md", table + "\n")
    return table


def format_table(rows: Sequence[tuple[str, str, float, list[dict[str, Any]]]]) -> str:
    """One Markdown row per network and attacker: accuracy in %, clean and under each attack of `COLUMNS`."""
    header = ["network", "attacker", "clean", *(title for title, _, _ in COLUMNS)]
    body = [
        [loss, attacker, f"{100 * clean:.1f}"]
        + [f"{100 * _robust_accuracy(records, name, steps):.1f}" for _, name, steps in COLUMNS]
        for loss, attacker, clean, records in rows
    ]
    widths = [max(map(len, column)) for column in zip(header, *body, strict=True)]
    lines = [header, ["-" * width for width in widths], *body]
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |"
        for line in lines
    )


def _run_name(loss: str) -> str:
    return f"demo-{loss.lower()}"


def _robust_accuracy(records: list[dict[str, Any]], attack: str, num_steps: int) -> float:
    return next(r["robust_accuracy"] for r in records if (r["attack"], r["num_steps"]) == (attack, num_steps))


def _script(name: str, *arguments: str, quiet: bool = False) -> None:
    """Runs a script as a user would; what it prints is shown only if it fails, or unless `quiet`."""
    print(f"$ python {shlex.join([name, *arguments])}", flush=True)
    with tempfile.TemporaryFile() as said:
        streams = {"stdout": subprocess.DEVNULL, "stderr": said} if quiet else {}
        status = run_child([sys.executable, str(ROOT / name), *arguments], cwd=ROOT, **streams)
        said.seek(0)
        if status:
            sys.exit(f"{name} failed:\n{said.read().decode(errors='replace')}")


def main(argv: Sequence[str] | None = None) -> None:
    """Runs the demo and prints its table."""
    parser = argparse.ArgumentParser(
        prog="python -m mmc_tf.experiments.demo", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--epochs", type=int, default=40, help="epochs of each network (default 40)")
    parser.add_argument(
        "--examples", type=int, default=500, help="test images attacked, up to 500 (default 500)"
    )
    parser.add_argument("--runs_dir", type=pathlib.Path, default=ROOT / "runs", help="default: runs")
    parser.add_argument(
        "--results_dir", type=pathlib.Path, default=ROOT / "results" / "demo", help="default: results/demo"
    )
    arguments = parser.parse_args(argv)
    table = run_demo(
        epochs=arguments.epochs,
        examples=arguments.examples,
        runs_dir=arguments.runs_dir,
        results_dir=arguments.results_dir,
    )
    print(
        f"\nAccuracy in % on {arguments.examples} digits, linf {EPSILON}\n\n{table}\n\n"
        "The naive attacker's gradient vanishes on MMC's logits: that row is an artefact, not robustness.\n"
        "The other rows are upper bounds: a stronger attack may leave less.\n"
        f"networks in {arguments.runs_dir}, results and table in {arguments.results_dir}"
    )


if __name__ == "__main__":
    sys.exit(run_program(main))
