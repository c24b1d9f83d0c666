"""Draws the loss along the segment from clean images to perturbations that failed: flat or tilted landscapes.

As Figure 3 of the MMA paper: training and test images of each run's data set are attacked with PGD; of those whose
perturbation is still classified correctly, the logit margin loss is evaluated at 11 points from the clean image (0) to
the perturbed one (1). Where losses hardly rise, attacks have little to climb, and training by them little to go on.
Writes segments.png, every value (segments.npz) and the means (segments.json).

python -m mmc_tf.evaluation segments runs/omma runs/pgd runs/mma --epsilon=8/255
"""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

from mmc_tf import files
from mmc_tf.checks import parse_number

SUMMARY = "draw the loss from clean images to failed perturbations: the MMA paper's Figure 3"
KIND = "segments"


def define(parser: argparse.ArgumentParser) -> None:
    """Enters the command's arguments."""
    add = parser.add_argument
    add("runs", nargs="+", metavar="RUN", help="folders of finished runs, each on its own data set")
    add("--epsilon", help="radius in pixels of [0, 1] (default: 8/255 on CIFAR, 0.3 on others, in linf)")
    add("--norm", default="linf", help="linf (default) or l2")
    add("--num_steps", type=int, default=100, metavar="K", help="steps of PGD (default: 100)")
    add("--examples", type=int, default=50, metavar="N", help="images of either split (default: 50)")
    add("--objective", help="what PGD climbs (default: ce; margin on heads of centers)")
    add("--seed", type=int, default=0, help="draws the images and PGD's starts (default: 0)")
    add("--data_dir", help="folder with the data sets' files (default: where training found them)")
    add("--output_dir", help="folder of the results (default: results/segments/<time>)")


def run(arguments: argparse.Namespace) -> str:
    """Walks, writes the files, and returns the table."""
    from mmc_tf.evaluation.preflight import RESULTS_DIR
    from mmc_tf.evaluation.segments.subjects import Settings, find

    epsilon = arguments.epsilon
    settings = Settings(
        epsilon=None if epsilon is None else parse_number("epsilon", epsilon),
        norm=arguments.norm,
        num_steps=arguments.num_steps,
        examples=arguments.examples,
        objective=arguments.objective,
        seed=arguments.seed,
    )
    files.check_writable("output_dir", arguments.output_dir or RESULTS_DIR)
    subjects = find(arguments.runs, settings, data_dir=arguments.data_dir)

    from mmc_tf.evaluation.entry import choose_output_dir
    from mmc_tf.evaluation.progress import ProgressBar
    from mmc_tf.evaluation.segments import build

    output_dir = Path(arguments.output_dir or choose_output_dir(KIND, {}, resume=False))
    results = build.build(
        subjects,
        settings,
        output_dir,
        command=shlex.join(["python", "-m", "mmc_tf.evaluation", *sys.argv[1:]]),
        progress=ProgressBar(),
    )
    last = f"results in {output_dir}: {build.PICTURE}, {build.VALUES}, {build.SUMMARY}"
    return "\n".join([build.format_terminal(results), "", last])
