"""What `eval_attacks.py` does: find network and images, plan the attacks, run them, show the table."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import tensorflow as tf

from mmc_tf import attacks as attack_room
from mmc_tf.attacks import Source
from mmc_tf.classifier import Classifier
from mmc_tf.data import Split
from mmc_tf.evaluation import plan, store, tables
from mmc_tf.evaluation.checkpoints import Network, load_network
from mmc_tf.evaluation.diagnostics import find_in_pixels
from mmc_tf.evaluation.examples import Shard, choose_examples
from mmc_tf.evaluation.fingerprints import Attacks, describe_plan, precision_of
from mmc_tf.evaluation.pixels import look_at_pixels, refuse_other_range
from mmc_tf.evaluation.precision import describe_precision, measure_precision, settle_precision
from mmc_tf.evaluation.preflight import RESULTS_DIR, Target, prepare
from mmc_tf.evaluation.probes import describe_panel
from mmc_tf.evaluation.progress import NoProgress, ProgressBar
from mmc_tf.evaluation.report.build import try_report
from mmc_tf.evaluation.runner import evaluate
from mmc_tf.evaluation.wording import pixel_range, warning_lines
from mmc_tf.files import read_record
from mmc_tf.models.precision import PrecisionChoice
from mmc_tf.training import runs
from mmc_tf.training.distribution import make_strategy


def choose_output_dir(
    run_name: str,
    content: dict[str, Any],
    *,
    resume: bool,
    root: Path = RESULTS_DIR,
    reserve: bool = False,
) -> Path:
    """The folder of results where none is given: `results/<run>/<time>`, a shard's with `_shard-0-of-3`.

    To resume is to go on with the newest folder of that run that holds the same evaluation.

    Args:
        run_name: of the run that is attacked.
        content: the plan, as `describe_plan` gives it.
        resume: whether an earlier evaluation is to be gone on with.
        root: folder of all results.
        reserve: whether a new folder is made at once, so that two that begin in one second get two.
    """
    parent = root / run_name
    if resume:
        for plan_file in sorted(parent.glob(f"*/{store.PLAN}"), reverse=True):
            if not store.differences(read_record(plan_file), content):
                return plan_file.parent
    name = datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
    if "shard" in content:
        name += "_shard-{index}-of-{count}".format(**content["shard"])
    for number in itertools.count(1):
        path = parent / (name if number == 1 else f"{name}~{number}")
        if not reserve and not path.exists():
            break
        if reserve:
            parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileExistsError):
                path.mkdir()  # of several processes, one succeeds
                break
    return path


def load_sources(paths: Sequence[Path], input_range: Sequence[float] | None = None) -> list[Source]:
    """The networks to craft on, named as their runs; by their whole path where two runs share a name.

    Args:
        paths: of the runs.
        input_range: (low, high) of the pixels that they take; None: [0, 1].

    Raises:
        UserError: if one cannot be read.
    """
    networks = []
    for path in paths:
        model, config = runs.load_run(path)
        networks.append(Network(model, path, config, chosen=False))
    names = [network.name for network in networks]
    return [
        Source(
            name if names.count(name) == 1 else path.as_posix(),
            Classifier.of(network.model, input_range=tuple(input_range)) if input_range else network.model,
        )
        for name, path, network in zip(names, paths, networks, strict=True)
    ]


def describe(
    network: Network,
    split: Split,
    source: str,
    attacks: Attacks,
    output_dir: Path,
    *,
    seed: int,
    diagnose: bool = False,
    shard: Shard | None = None,
    precision: PrecisionChoice | None = None,
    detection: bool = False,
    input_range: Sequence[float] | None = None,
    notes: Sequence[str] = (),
) -> str:
    """The plan as the script prints it before it begins, with what was understood of the original's flags."""
    image = split.part(0, 1).as_float()[0]
    classes = plan.count_classes_of(network.model, image)
    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    lines = [
        *(f"{'original' if number == 0 else '':9}{note}" for number, note in enumerate(notes)),
        f"network  {network.title()}",
        *(f"{'found' if number == 0 else '':9}{note}" for number, note in enumerate(network.notes())),
        f"images   {_describe_images(len(split), shard)} of {source}",
        *([f"pixels   {pixel_range(input_range)} for the network; radii in [0, 1]"] if input_range else []),
        *(
            f"{'attacks' if number == 0 else '':9}"
            f"{plan.describe_attack(label, attack, plan.head_climbed(network.model, attack, image), classes)}"
            for number, (label, attack) in enumerate(attacks)
        ),
        *(
            ["note     within linf 1 every image is allowed; one grey level is 1/255"]
            if any((attack.norm, attack.epsilon) == ("linf", 1.0) for _, attack in attacks)
            else []
        ),
        *(f"crafted  {line}" for line in (describe_precision(precision) if precision else [])),
        *([f"probes   {describe_panel(attacks, network.model, image)}"] if diagnose else []),
        *(
            ["scores   of clean and adversarial images, and how well they tell them apart"]
            if detection
            else []
        ),
        *([f"devices  {replicas}, each with its part of every batch"] if replicas > 1 else []),
        f"seed     {seed}",
        f"results  {output_dir}",
    ]
    return "\n".join(lines)


def _look_at_pixels(network: Network, target: Target, input_range: Sequence[float] | None) -> list[str]:
    """The warnings of a dry run on the range of the pixels.

    Raises:
        UserError: if the network expects another one.
    """
    if input_range is not None:
        return []
    figures = look_at_pixels(network.model, choose_examples(target.dataset.test, shard=target.shard))
    refuse_other_range(figures)
    return warning_lines(finding.as_dict() for finding in find_in_pixels(figures))


def _describe_images(size: int, shard: Shard | None) -> str:
    if shard is None:
        return f"the first {size} test images"
    share = f"shard {shard.index} of {shard.count}"
    return f"{len(shard.of(size))} ({share}) of the first {size} test images"


def evaluate_from_flags(
    flags: Any, target: Target | None = None, *, progress: NoProgress | None = None
) -> str:
    """Does what a command line of `eval_attacks.py` asks for.

    Args:
        flags: the flags under their canonical names, and `command`.
        target: what `prepare` found by the same flags; None: it is called here.
        progress: told of every batch; a bar if None.

    Returns:
        What is left to print: the list of attacks, the plan of a dry run, or the outcome.

    Raises:
        UserError: for what the user can mend.
        OSError: if the results cannot be written.
    """
    if "help" in flags.attack:
        return attack_room.describe()
    for name in flags.attack:
        attack_room.get(name)
    target = target or prepare(flags)
    with make_strategy(flags.strategy, several_machines=False).scope():
        return _evaluate(flags, target, progress or ProgressBar())


def _evaluate(flags: Any, target: Target, progress: NoProgress) -> str:
    """As `evaluate_from_flags`, in the scope of the devices' strategy, in which the networks are read too."""
    network, dataset = load_network(target), target.dataset
    image = dataset.test.part(0, 1).as_float()[0]
    sources = load_sources(target.sources, flags.input_range)
    head = plan.find_head(network.model, image)
    attacks = plan.plan_attacks(
        flags, dataset=dataset.name, sources=sources, head=head, is_vote=bool(target.members)
    )
    plan.check_attacks(network.model, image, attacks)
    if flags.input_range is None:
        # Before the plan is printed, which names what is climbed.
        plan.settle_objectives(network.model, attacks, dataset.test)
    content = describe_plan(
        network.model,
        dataset.test,
        attacks,
        diagnose=flags.diagnose,
        detection=flags.detection,
        attack_precision=flags.attack_precision,
        seed=flags.seed,
        shard=target.shard,
        input_range=flags.input_range,
    )
    if flags.output_dir is None:
        output_dir = choose_output_dir(network.name, content, resume=flags.resume, reserve=not flags.dry_run)
    else:
        output_dir = Path(flags.output_dir)
    store.EvaluationFolder.check(output_dir, content, resume=flags.resume, overwrite=flags.overwrite)
    precision = settle_precision(
        flags.attack_precision,
        lambda: measure_precision(network.model, image.shape, target.shard),
        output_dir,
        resume=flags.resume,
        read=precision_of,
    )
    text = describe(
        network,
        dataset.test,
        dataset.source,
        attacks,
        output_dir,
        seed=flags.seed,
        diagnose=flags.diagnose,
        shard=target.shard,
        precision=precision,
        detection=flags.detection,
        input_range=flags.input_range,
        notes=flags.original,
    )
    if flags.resume:
        text += f"\nresume   {store.describe_resumption(output_dir)}"
    if flags.dry_run:
        return "\n".join([text, *_look_at_pixels(network, target, flags.input_range)])
    print(text, flush=True)
    results = evaluate(
        network.model,
        dataset.test,
        attacks,
        output_dir=output_dir,
        seed=flags.seed,
        batch_size=flags.batch_size,
        shard=target.shard,
        model_info=network.describe(),
        dataset_info={
            "name": dataset.name,
            "split": "test",
            "source": dataset.source,
            "class_names": dataset.class_names,
        },
        command=flags.command,
        resume=flags.resume,
        overwrite=flags.overwrite,
        progress=progress,
        attack_precision=precision,
        diagnose=flags.diagnose,
        detection=flags.detection,
        input_range=flags.input_range,
    )
    drawn = [try_report(output_dir)] if flags.report else []
    return "\n".join(
        [
            "",
            tables.format_terminal(results),
            "",
            f"results in {output_dir}",
            *drawn,
            results["verdict"]["text"],
        ]
    )
