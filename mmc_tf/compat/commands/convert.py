"""Writes a network of the original code as a .keras file that takes images in [0, 1] and returns logits.

The file does not say which images it is for, nor how long its centers are: the data set's training images give the
pixel mean, Algorithm 1 or the original's .mat file the centers.

python -m mmc_tf.compat convert model.200.h5 out.keras --dataset=cifar10 --mean_var=10
python eval_attacks.py --checkpoint=out.keras --dataset=cifar10 --attack=pgd
"""

from __future__ import annotations

import argparse
from pathlib import Path

from mmc_tf import data, files
from mmc_tf.checks import argument_error, parse_number
from mmc_tf.compat import build_released, prepare_released, read_findings
from mmc_tf.compat.released import DEFAULT_SCALE

SUMMARY = "write a weight file's network as a .keras file"


def define(parser: argparse.ArgumentParser) -> None:
    """Enters the files, and what the weight file does not say."""
    parser.add_argument("weights", metavar="FILE", help="a weight file of the original code (model.200.h5)")
    parser.add_argument("output", metavar="OUT.keras", help="the file to write")
    parser.add_argument("--dataset", required=True, choices=data.names(), help="the images it was trained on")
    parser.add_argument("--data_dir", help="folder with the data set's official files")
    parser.add_argument(
        "--scale",
        "--mean_var",
        type=lambda text: parse_number("scale", text),
        help=f"C_MM, the norm of the centers (default: {DEFAULT_SCALE:g}; networks with centers alone)",
    )
    parser.add_argument("--centers", help="the original's .mat file of unit vectors (default: Algorithm 1)")
    parser.add_argument("--loss", help="MMC or MMLDA, of a network with centers (default: MMC)")
    parser.add_argument("--overwrite", action="store_true", help="replace OUT.keras if it exists")


def run(arguments: argparse.Namespace) -> str:
    """Converts, and returns what was found and how to go on."""
    output = Path(arguments.output)
    if output.suffix != ".keras":
        raise argument_error("output", "the name of a .keras file", arguments.output)
    if output.is_dir() or (output.exists() and not arguments.overwrite):
        raise argument_error("output", "a file that does not exist yet, or --overwrite", arguments.output)
    findings = read_findings(arguments.weights)
    files.check_writable("output", output.parent)
    dataset = data.load(arguments.dataset, data_dir=arguments.data_dir)
    released = prepare_released(
        findings, dataset, loss=arguments.loss, scale=arguments.scale, centers=arguments.centers
    )
    model = build_released(released, dataset)
    with files.replacing(output) as temporary:
        model.save(temporary)
        files.seal(temporary)
    go_on = f"python eval_attacks.py --checkpoint={output} --dataset={dataset.name} --attack=pgd"
    return "\n".join([released.describe(), f"written     {output}; attack it: {go_on}"])
