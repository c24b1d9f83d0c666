"""The same seed gives the same verdicts in batches of any size, in any order, interrupted or not."""

import numpy as np
import pytest

from mmc_tf import attacks as room
from mmc_tf.attacks import FGSM, PGD, AutoAttack, Source, Square, Transfer, Worst
from mmc_tf.checks import UserError
from mmc_tf.evaluation import evaluate
from mmc_tf.evaluation.examples import Shard
from mmc_tf.evaluation.progress import NoProgress
from mmc_tf.evaluation.store import EvaluationFolder

SIZE, BALL = 60, {"epsilon": 0.08}
# Least distances end where float32 rounds: a row of a matrix product, and the exp of a number, depend in their last
# bit on how many others there are.
ROUNDED = {"distance": 2e-5, "stage_distance": 2e-5}


class Interrupt(NoProgress):
    """Ends the program after some batches, as Ctrl-C does."""

    def __init__(self, after):
        self.after = after

    def advance(self, count):
        self.after -= 1
        if not self.after:
            raise KeyboardInterrupt


def one_of_each_family(source):
    """Attacks of every kind: steps along gradients, least distances, black boxes, ensembles, transfer, noise."""
    settings = {
        "bim": {"num_steps": 4},
        "mim": {"num_steps": 4},
        "apgd_ce": {"num_steps": 6, "num_restarts": 2},
        "apgd_t": {"num_steps": 5, "num_targets": 2},
        "mt_pgd": {"num_steps": 3},
        "fab_t": {"num_steps": 4, "num_targets": 2},
        "spsa": {"num_steps": 2, "samples": 64},
        "rotation": {},
        "gaussian": {"sigma": 0.3},
    }
    unbounded = {"rotation", "gaussian"}
    family = [
        room.make(name, **({} if name in unbounded else BALL), **more) for name, more in settings.items()
    ]
    family += [
        room.make("slide", epsilon=4.0, num_steps=4),
        room.make("cw", num_steps=8, binary_search_steps=2, learning_rate=0.05, initial_const=1.0),
        room.make("ddn", num_steps=8),
        room.make("deepfool"),
        room.make("ead", num_steps=8, binary_search_steps=2),
        room.make("an_pgd", num_steps=6),
        PGD(epsilon=0.15, num_steps=4, targeted=True, num_restarts=2),
        Transfer(**BALL, num_steps=3, source=Source("other", source)),
        AutoAttack(epsilon=0.05, num_iterations=3, num_queries=15),
    ]
    return [(f"{number} {attack.name}", attack) for number, attack in enumerate(family)]


def few(source):
    members = (FGSM(**BALL), Square(**BALL, num_queries=15))
    return [
        ("targeted", PGD(epsilon=0.15, num_steps=4, targeted=True)),
        ("worst", Worst(**BALL, members=members)),
    ]


def compare(path, reference, chosen):
    """Every verdict on the chosen examples is that of the reference."""
    arrays = EvaluationFolder(path).examples()
    np.testing.assert_array_equal(arrays["index"], chosen)
    assert arrays.keys() == reference.keys()
    for name in arrays.keys() - {"index", "attack", "stage_of"}:
        expected = reference[name][..., chosen]
        if name in ROUNDED:
            np.testing.assert_allclose(arrays[name], expected, atol=ROUNDED[name], err_msg=name)
        else:
            wrong = np.argwhere(arrays[name] != expected)
            assert not len(wrong), (name, [(row, reference["attack"][row[0]]) for row in wrong.tolist()])


@pytest.mark.parametrize(
    ("make", "batch_sizes"),
    [
        pytest.param(few, (), id="few"),
        pytest.param(one_of_each_family, (7, SIZE), id="families", marks=pytest.mark.slow),
    ],
)
def test_verdicts_do_not_depend_on_batches_order_or_interruptions(
    linear, digits, kit, tmp_path, make, batch_sizes
):
    split = digits.test.part(0, SIZE)
    attacks = make(kit.ridge_classifier(digits.train.as_float()[:150], digits.train.labels[:150], gain=5.0))
    arguments = {"model": linear, "split": split, "attacks": attacks, "seed": 5}
    results = evaluate(**arguments, output_dir=tmp_path / "reference", batch_size=32)
    reference = EvaluationFolder(tmp_path / "reference").examples()
    assert any(0 < record["robust"] < record["attacked"] for record in results["attacks"])
    for batch_size in batch_sizes:
        evaluate(**arguments, output_dir=tmp_path / f"{batch_size}", batch_size=batch_size)
        compare(tmp_path / f"{batch_size}", reference, np.arange(SIZE))
    # Some of the examples, in any order, interrupted twice and gone on with in other batches.
    chosen = np.random.default_rng(1).permutation(SIZE)[:45]
    arguments |= {"indices": chosen, "output_dir": tmp_path / "permuted"}
    with pytest.raises(KeyboardInterrupt):
        evaluate(**arguments, batch_size=11, progress=Interrupt(7))
    with pytest.raises(KeyboardInterrupt):
        evaluate(**arguments, batch_size=11, resume=True, progress=Interrupt(2))
    permuted = evaluate(**arguments, batch_size=7 if batch_sizes else 11, resume=True)
    compare(tmp_path / "permuted", reference, chosen)
    assert permuted["examples"] == 45


def test_indices_are_checked(linear, digits, tmp_path):
    attacks = [("fgsm", FGSM(**BALL))]
    for bad, said in (
        ({"indices": [0, 120]}, "integers from 0 to 119.*values from 0 to 120"),
        ({"indices": [3, 3]}, "2, 1 of them different"),
        ({"indices": []}, "one or more, each once"),
        ({"indices": [1], "shard": Shard(0, 2)}, "None beside `indices`"),
    ):
        with pytest.raises(UserError, match=said):
            evaluate(linear, digits.test, attacks, output_dir=tmp_path / "o", **bad)
    assert not (tmp_path / "o").exists()
