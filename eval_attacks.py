"""Attacks a trained classifier and says how much of its accuracy survives.

python eval_attacks.py --attack=pgd --adaptive
python eval_attacks.py --checkpoint=runs/NAME --attack=autoattack --epsilon=8/255
python eval_attacks.py --checkpoint=runs/NAME --attack=fgsm,bim,pgd,mim --epsilon=8/255,16/255 --num_steps=50
python eval_attacks.py --preset=pytorch_readme --dry_run
python eval_attacks.py --attack=help
"""

import sys

from flags.cli import Flags, run_script
from flags.resolve_evaluation import resolve_evaluation
from flags.scripts import EVAL_ATTACKS
from flags.startup import quiet_imports


def main(flags: Flags):
    """Attacks by the flags."""
    from mmc_tf.evaluation.finding_runs import name_runs
    from mmc_tf.evaluation.preflight import prepare

    flags = name_runs(resolve_evaluation(flags))
    target = prepare(flags)
    with quiet_imports():
        from mmc_tf.evaluation.entry import evaluate_from_flags
    return evaluate_from_flags(flags, target)


if __name__ == "__main__":
    sys.exit(
        run_script(EVAL_ATTACKS.definitions, main, positionals=EVAL_ATTACKS.positionals, summary=__doc__)
    )
