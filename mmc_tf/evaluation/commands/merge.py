"""Joins the results of all shards of one evaluation (--num_shards, --shard_index of eval_attacks.py) into one folder.

Results of different models, images, attacks, parameters or seeds are refused, and so are missing shards.

python -m mmc_tf.evaluation merge results/NAME/*_shard-*-of-3 --output_dir=results/NAME/whole
"""

from __future__ import annotations

import argparse
import shlex
import sys

from mmc_tf.evaluation import merging, tables

SUMMARY = "join the results of all shards of one evaluation"


def define(parser: argparse.ArgumentParser) -> None:
    """Enters the command's arguments."""
    parser.add_argument("results", nargs="+", metavar="DIR", help="the folders of all shards, in any order")
    parser.add_argument("--output_dir", help="folder of the whole (default: beside the first, NAME_merged)")
    parser.add_argument("--overwrite", action="store_true", help="replace earlier results in that folder")


def run(arguments: argparse.Namespace) -> str:
    """Merges, draws the report, and returns the table, with the verdict as the last line."""
    from mmc_tf.evaluation.report.build import try_report

    output_dir = arguments.output_dir or merging.default_output_dir(arguments.results[0])
    command = shlex.join(["python", "-m", "mmc_tf.evaluation", *sys.argv[1:]])
    results = merging.merge(
        arguments.results, output_dir=output_dir, overwrite=arguments.overwrite, command=command
    )
    notes = [f"note: {line}" for line in merging.other_versions(results)]
    last = [f"results in {output_dir}", try_report(output_dir), results["verdict"]["text"]]
    return "\n".join([tables.format_terminal(results), "", *notes, *last])
