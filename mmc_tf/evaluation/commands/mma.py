"""Robust accuracy as the MMA paper has it: under white-box attacks, and under those and all transferred images.

Networks of one data set attack each other: every network's adversarial images, N runs of PGD from random starts for
each radius, are judged on all of them. The tables are those of the paper's Appendix F. Defaults are the paper's (50
runs for MNIST, 10 for CIFAR, 100 steps, all test images), which take days; what was run stands above the tables.

python -m mmc_tf.evaluation mma runs/A runs/B runs/C --norm=linf --runs_per_model=4 --examples=1000
python -m mmc_tf.evaluation mma runs --epsilon=0.1,0.2 --ensemble=PGD-ens=pgd-1,pgd-2,pgd-3 --dry_run
"""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import Any

from mmc_tf import files
from mmc_tf.checks import argument_error, check_number, check_range, parse_number
from mmc_tf.evaluation import store
from mmc_tf.evaluation.wording import radius, warning_lines

SUMMARY = "attack a set of networks, each also by the others' images: the MMA paper's tables"


def define(parser: argparse.ArgumentParser) -> None:
    """Enters the command's arguments."""
    add = parser.add_argument
    add(
        "runs",
        nargs="+",
        metavar="RUN",
        help="runs, .keras files, or folders whose finished runs are all taken",
    )
    add("--norm", default="linf", help="linf (default) or l2")
    add("--epsilon", help="radii, separated by commas, in pixels of [0, 1] (default: the paper's grid)")
    add(
        "--runs_per_model", type=int, metavar="N", help="runs per network and radius (default: 50; CIFAR: 10)"
    )
    add("--num_steps", type=int, default=100, metavar="K", help="steps of a run (default: 100)")
    add("--examples", type=int, help="the first so many test images (default: all)")
    add(
        "--ensemble",
        action="append",
        default=[],
        metavar="NAME=A,B",
        help="a majority vote as one more network",
    )
    add("--noadaptive", action="store_true", help="cross-entropy on heads that it is blind on, too")
    add(
        "--only_survivors",
        action="store_true",
        help="craft on a network only images that its own runs have not broken: faster, but less is transferred",
    )
    add(
        "--attack_precision",
        default="auto",
        help="what images are crafted in: float32, bfloat16, or auto, the faster of them here (default); verdicts are "
        "in float32",
    )
    add(
        "--input_range",
        metavar="LOW,HIGH",
        help="pixels that the networks take, such as 0,255 (default: 0,1)",
    )
    add("--cw", action="store_true", help="also C&W-l2 distances, which is slow")
    add("--cw_examples", type=int, metavar="N", help="of the first so many images (default: 1000)")
    add("--cw_steps", type=int, metavar="K", help="steps of each of its searches (default: 1000)")
    add("--dataset", help="the images (default: the runs' own)")
    add("--data_dir", help="folder with the data set's files (default: that of the first run)")
    add("--runs_dir", default="runs", help="where names of runs are looked for (default: runs)")
    add("--seed", type=int, default=0, help="start of every random draw (default: 0)")
    add("--batch_size", type=int, default=100, help="images attacked at once (default: 100)")
    add("--output_dir", help="folder of the results (default: results/mma/<time>)")
    add("--resume", action="store_true", help="go on with a protocol that was interrupted")
    add("--overwrite", action="store_true", help="replace earlier results in the same folder")
    add("--dry_run", action="store_true", help="check everything, print the plan, touch nothing")


def run(arguments: argparse.Namespace) -> str:
    """Runs the protocol, writes tables and report beside the results, and returns the tables."""
    from mmc_tf.evaluation.mma import networks, settings
    from mmc_tf.evaluation.preflight import RESULTS_DIR

    _check(arguments)
    epsilons = None
    if arguments.epsilon is not None:
        epsilons = tuple(parse_number("epsilon", text) for text in arguments.epsilon.split(","))
    margins = None
    if arguments.cw:
        given = {"examples": arguments.cw_examples, "num_steps": arguments.cw_steps}
        margins = settings.Margins(**{name: value for name, value in given.items() if value is not None})
    found = networks.find(
        arguments.runs,
        ensembles=arguments.ensemble,
        dataset=arguments.dataset,
        data_dir=arguments.data_dir,
        examples=arguments.examples,
        runs_dir=arguments.runs_dir,
    )
    protocol = settings.make_protocol(
        found.dataset.name,
        norm=arguments.norm,
        epsilons=epsilons,
        runs_per_model=arguments.runs_per_model,
        num_steps=arguments.num_steps,
        adaptive=not arguments.noadaptive,
        only_survivors=arguments.only_survivors,
        attack_precision=arguments.attack_precision,
    )
    if arguments.output_dir is not None:
        store.check_folder(arguments.output_dir, resume=arguments.resume, overwrite=arguments.overwrite)
    files.check_writable("output_dir", arguments.output_dir or RESULTS_DIR, probe=not arguments.dry_run)
    input_range = None
    if arguments.input_range is not None:
        words = arguments.input_range.split(",")
        input_range = check_range("input_range", [parse_number("input_range", word) for word in words])
    return _run(arguments, found, protocol, margins, input_range)


def _check(arguments: argparse.Namespace) -> None:
    if arguments.resume and arguments.overwrite:
        raise argument_error("overwrite", "not both --resume and --overwrite", "both")
    check_number("seed", arguments.seed, minimum=0, integer=True)
    check_number("batch_size", arguments.batch_size, minimum=1, integer=True)
    for name in ("cw_examples", "cw_steps"):
        if getattr(arguments, name) is not None and not arguments.cw:
            raise argument_error(name, "--cw beside it", getattr(arguments, name))


def _run(
    arguments: argparse.Namespace, found: Any, protocol: Any, margins: Any, input_range: Any = None
) -> str:
    """The part that needs TensorFlow."""
    from mmc_tf.evaluation.entry import choose_output_dir
    from mmc_tf.evaluation.mma import networks, report, runner, settings, tables
    from mmc_tf.evaluation.mma.pixels import find_other_ranges
    from mmc_tf.evaluation.progress import ProgressBar
    from mmc_tf.report.attempt import try_report

    subjects, split = networks.load(found, input_range=input_range), found.dataset.test
    content = runner.describe_plan(
        subjects, split, protocol, margins=margins, seed=arguments.seed, input_range=input_range
    )
    if arguments.output_dir is None:
        output_dir = choose_output_dir(
            settings.KIND, content, resume=arguments.resume, reserve=not arguments.dry_run
        )
    else:
        output_dir = Path(arguments.output_dir)
    how = {"resume": arguments.resume, "overwrite": arguments.overwrite}
    store.EvaluationFolder.check(output_dir, content, **how)
    protocol, precision = runner.settle(subjects, split, protocol, output_dir, resume=arguments.resume)
    prepared = runner.prepare(subjects, split.part(0, 1).as_float()[0], protocol)
    text = describe(found, prepared, protocol, margins, output_dir, seed=arguments.seed, precision=precision)
    if arguments.resume:
        text += f"\nresume   {store.describe_resumption(output_dir)}"
    if arguments.dry_run:
        findings = [] if input_range else find_other_ranges(subjects, split)
        return "\n".join([text, *warning_lines(finding.as_dict() for finding in findings)])
    print(text, flush=True)
    results = runner.run(
        subjects,
        split,
        protocol,
        output_dir=output_dir,
        margins=margins,
        seed=arguments.seed,
        batch_size=arguments.batch_size,
        dataset_info={"name": found.dataset.name, "split": "test", "source": found.dataset.source},
        command=shlex.join(["python", "-m", "mmc_tf.evaluation", *sys.argv[1:]]),
        progress=ProgressBar(),
        precision=precision,
        input_range=input_range,
        **how,
    )
    report.write_tables(results, output_dir)
    drawn = try_report(lambda: report.write_report(results, output_dir))
    last = f"results in {output_dir}: {store.RESULTS}, {store.EXAMPLES}, {store.MARKDOWN}, {store.LATEX}"
    return "\n".join(["", tables.format_terminal(results), "", last, drawn])


def describe(
    found: Any,
    prepared: Any,
    protocol: Any,
    margins: Any,
    output_dir: Path,
    *,
    seed: int,
    precision: Any,
) -> str:
    """The plan as it is printed before it begins."""
    from mmc_tf.evaluation.precision import describe_precision

    about = {network.name: network.path.as_posix() for network in found.networks}
    about |= {
        vote.name: "vote of " + ", ".join(each.name for each in vote.members) for vote in found.ensembles
    }
    total = sum(len(network.runs) for network in prepared)
    names = max(len(network.name) for network in prepared)
    lines = [
        f"{'networks' if number == 0 else '':9}{network.name:{names}}  {about[network.name]}: {_count(network.runs)}"
        for number, network in enumerate(prepared)
    ]
    lines += [f"skipped  {path.as_posix()}, which is not finished" for path in found.skipped]
    steps = ", ".join(f"{radius(e)} by {radius(protocol.step_size(e))}" for e in protocol.epsilons)
    lines += [
        f"images   the first {len(found.dataset.test)} test images of {found.dataset.source}",
        f"attacks  PGD-{protocol.num_steps} {protocol.norm}, last iterate, radii and steps {steps}; "
        f"{total} on each network and radius, all networks' together",
        *(
            [f"distance C&W-l2, {margins.num_steps} steps, first {margins.examples} images"]
            if margins
            else []
        ),
        *(f"crafted  {line}" for line in describe_precision(precision)),
        f"seed     {seed}",
        f"results  {output_dir}",
    ]
    return "\n".join(lines)


def _count(runs: Any) -> str:
    """The runs by what they climb: `2 on ce, 2 on cw`."""
    climbed = [each.choose_objective(None) for each in runs]
    return ", ".join(f"{climbed.count(name)} on {name}" for name in dict.fromkeys(climbed))
