"""What `eval_attacks.py` does: find network and images, plan the attacks, run them, show the table."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from mmc_tf import attacks as attack_room
from mmc_tf.attacks import Source
from mmc_tf.data import Split
from mmc_tf.evaluation import plan, store, tables
from mmc_tf.evaluation.checkpoints import Network, load_network
from mmc_tf.evaluation.fingerprints import Attacks, describe_plan
from mmc_tf.evaluation.preflight import RESULTS_DIR, Target, prepare
from mmc_tf.evaluation.progress import NoProgress, ProgressBar
from mmc_tf.evaluation.runner import evaluate
from mmc_tf.training import runs


def choose_output_dir(
    run_name: str, content: dict[str, Any], *, resume: bool, root: Path = RESULTS_DIR
) -> Path:
    """The folder of results where none is given: `results/<run>/<time>`.

    To resume is to go on with the newest folder of that run that holds the same evaluation.

    Args:
        run_name: of the run that is attacked.
        content: the plan, as `describe_plan` gives it.
        resume: whether an earlier evaluation is to be gone on with.
        root: folder of all results.
    """
    parent = root / run_name
    if resume:
        for plan_file in sorted(parent.glob(f"*/{store.PLAN}"), reverse=True):
            if not store.differences(store.read_json(plan_file), content):
                return plan_file.parent
    path = parent / datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
    number = 1
    while path.exists():
        number += 1
        path = path.with_name(f"{path.name.partition('~')[0]}~{number}")
    return path


def load_sources(paths: Sequence[Path]) -> list[Source]:
    """The networks to craft on, named as their runs; by their whole path where two runs share a name.

    Raises:
        UserError: if one cannot be read.
    """
    networks = []
    for path in paths:
        model, config = runs.load_run(path)
        networks.append(Network(model, path, config, chosen=False))
    names = [network.name for network in networks]
    return [
        Source(name if names.count(name) == 1 else path.as_posix(), network.model)
        for name, path, network in zip(names, paths, networks, strict=True)
    ]


def describe(
    network: Network, split: Split, source: str, attacks: Attacks, output_dir: Path, *, seed: int
) -> str:
    """The plan as the script prints it before it begins."""
    image = split.part(0, 1).as_float()[0]
    head, classes = plan.find_head(network.model, image), plan.count_classes_of(network.model, image)
    trained = " ".join(str(network.flags[key]) for key in ("model", "loss") if network.flags.get(key))
    lines = [
        f"network  {network.path}"
        + (f" ({trained})" if trained else "")
        + (", the newest finished run" if network.chosen else ""),
        f"images   the first {len(split)} test images of {source}",
        *(
            f"{'attacks' if number == 0 else '':9}{plan.describe_attack(label, attack, head, classes)}"
            for number, (label, attack) in enumerate(attacks)
        ),
        f"seed     {seed}",
        f"results  {output_dir}",
    ]
    return "\n".join(lines)


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
    network, dataset = load_network(target), target.dataset
    image = dataset.test.part(0, 1).as_float()[0]
    sources = load_sources(target.sources)
    head = plan.find_head(network.model, image)
    attacks = plan.plan_attacks(flags, dataset=dataset.name, sources=sources, head=head)
    plan.check_attacks(network.model, image, attacks)
    content = describe_plan(network.model, dataset.test, attacks, seed=flags.seed)
    if flags.output_dir is None:
        output_dir = choose_output_dir(network.name, content, resume=flags.resume)
    else:
        output_dir = Path(flags.output_dir)
    store.EvaluationFolder.check(output_dir, content, resume=flags.resume, overwrite=flags.overwrite)
    text = describe(network, dataset.test, dataset.source, attacks, output_dir, seed=flags.seed)
    if flags.dry_run:
        return text
    print(text)
    results = evaluate(
        network.model,
        dataset.test,
        attacks,
        output_dir=output_dir,
        seed=flags.seed,
        batch_size=flags.batch_size,
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
        progress=progress or ProgressBar(),
    )
    return f"\n{tables.format_terminal(results)}\n\nresults in {output_dir}"
