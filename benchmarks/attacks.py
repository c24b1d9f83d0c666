"""How fast our attacks are beside others', on the same network and images, in one run on one machine.

command   python benchmarks/attacks.py --checkpoint=runs/NAME --robust_checkpoint=runs/NAME [--rows=pgd10,spsa]
          [--peer_python=PATH] [--rounds=3] [--examples=500] [--out=results/attack_speed]
needs     a ResNet v1 behind the pixel mean, trained; the extra `[bench]` (PyTorch, foolbox 3.3, torchattacks 3.5), here
          or in the environment of `--peer_python`. foolbox takes part on TensorFlow too where it is installed here
does      every contender of a row once a round, so that a busy machine slows all alike; medians; nothing is counted
          that is done once, such as compiling. On one core (`taskset -c 1 python ...`) the clock is the processor time
          of each process, which others on the machine do not lengthen; on several it is the wall's. PyTorch runs in
          a process of its own, in the fastest of its layouts and numbers of threads. Every image found is judged by
          the same network in float32
prints    one table a row: seconds, images per second, how many times faster than the fastest of the others, robust
          accuracy; then `growth`, the cost by examples, steps, classes and image size, and `memory`
targets   PGD >= 3 times the fastest peer, >= 1.3 without bfloat16; AutoAttack >= 2; SPSA >= 10; C&W >= 1.5; packing
          >= 5; PGD within 1.05 of its gradients' time
resume    results are kept in `--out`: a run that was killed goes on where it was; other parameters are run anew
"""

from __future__ import annotations

import argparse
import os
import pathlib
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from mmc_tf.checks import UserError, argument_error, parse_number

ROWS = ("limit", "pgd10", "pgd50", "packing", "spsa", "cw", "autoattack", "growth", "memory")
NEED_PEERS = {"pgd10", "pgd50", "cw", "autoattack"}


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--checkpoint", required=True, help="a run: ResNet v1 on CIFAR")
    parser.add_argument("--robust_checkpoint", help="an adversarially trained run, for autoattack")
    parser.add_argument("--mnist_checkpoint", help="a run on MNIST, for memory")
    parser.add_argument("--rows", default=",".join(ROWS), help="which rows, with commas")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epsilon", default="8/255", help="radius in linf")
    parser.add_argument("--step_size", default="2/255", help="of PGD")
    parser.add_argument("--examples", type=int, default=500, help="images of pgd10, pgd50 and packing")
    parser.add_argument("--aa_examples", type=int, default=200, help="images of autoattack")
    parser.add_argument("--spsa_examples", type=int, default=20, help="images of spsa")
    parser.add_argument("--cw_examples", type=int, default=32, help="images of cw")
    parser.add_argument("--cw_steps", type=int, default=1000, help="steps of cw for each constant")
    parser.add_argument("--memory_examples", default="200,400", help="images of memory on the checkpoint")
    parser.add_argument("--memory_epsilon", default="2/255", help="at which some survive to the last stage")
    parser.add_argument("--mnist_epsilon", default="0.25", help="likewise")
    parser.add_argument("--limit_repeats", type=int, default=5, help="runs of PGD that limit times together")
    parser.add_argument("--batch_size", type=int, default=100, help="images that an attack is given at once")
    parser.add_argument("--peer_python", default=sys.executable, help="an interpreter with the peers")
    parser.add_argument("--data_dir", help="default: the run's own")
    parser.add_argument("--out", default="results/attack_speed", help="where results are kept")
    return parser.parse_args()


def main() -> int:
    try:
        return benchmark(parse())
    except UserError as error:
        print(error, file=sys.stderr)
        return 2


def benchmark(arguments: argparse.Namespace) -> int:
    names = [name.strip() for name in arguments.rows.split(",")]
    for name in names:
        if name not in ROWS:
            raise argument_error("rows", f"some of {', '.join(ROWS)}", name)
    for name in ("epsilon", "step_size", "memory_epsilon", "mnist_epsilon"):
        setattr(arguments, name, parse_number(name, getattr(arguments, name)))
    from speed.contest import Store

    store = Store(pathlib.Path(arguments.out) / "results.json")
    contests = [name for name in names if name not in ("growth", "memory")]
    missed = hold_contests(arguments, contests, store) if contests else []
    if "growth" in names:
        from speed.growth import table

        print(f"\n{table(model_name='resnet8', rounds=arguments.rounds, store=store)}")
    if "memory" in names:
        from speed.memory import memory_table

        print(f"\n{memory_table(arguments, store)}")
    print(f"\nmissed: {', '.join(missed)}" if missed else "\nall targets met")
    return 1 if missed else 0


def hold_contests(arguments: argparse.Namespace, names: list[str], store) -> list[str]:
    """Runs and prints the rows; returns what missed its target."""
    from speed.network import load_subject
    from speed.peers import Peers, check_peers
    from speed.rows import ROWS as CONTESTS
    from speed.rows import Bench
    from speed.tables import format_row, missed

    if NEED_PEERS & set(names):
        check_peers(arguments.peer_python)
    most = max(arguments.examples, arguments.aa_examples, arguments.cw_examples, arguments.batch_size)
    load = {"data_dir": arguments.data_dir, "examples": most}
    subject = load_subject(arguments.checkpoint, **load)
    robust = subject
    if arguments.robust_checkpoint and "autoattack" in names:
        robust = load_subject(arguments.robust_checkpoint, **load)
    started: dict[str, Peers] = {}

    def peers(which):
        if which.digest not in started:
            for each in started.values():
                each.close()
            started.clear()
            started[which.digest] = Peers(arguments.peer_python, which, batch_size=arguments.batch_size)
            found = started[which.digest]
            print(f"PyTorch {found.version}, logits {found.gap:.0e} apart; {found.settings}", flush=True)
        return started[which.digest]

    bench = Bench(subject, robust, arguments, store, peers)
    failures = []
    try:
        for name in names:
            outcome = CONTESTS[name](bench)
            print(f"\n{format_row(outcome)}", flush=True)
            failures += missed(outcome)
    finally:
        for each in started.values():
            each.close()
    return failures


if __name__ == "__main__":
    sys.exit(main())
