"""Scores of clean and adversarial images, and how well they tell them apart."""

import itertools
import json

import keras
import numpy as np
import pytest
from scipy.special import log_softmax
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from mmc_tf.attacks import PGD, Worst
from mmc_tf.checks import UserError
from mmc_tf.evaluation import evaluate
from mmc_tf.evaluation.detection import SCORES, describe_detection, detection_auc, suspicion
from mmc_tf.evaluation.detection_table import make_detection_table
from mmc_tf.evaluation.examples import Shard
from mmc_tf.evaluation.merging import merge
from mmc_tf.evaluation.progress import NoProgress
from mmc_tf.evaluation.scoring import score_images
from mmc_tf.evaluation.tables import format_markdown, format_terminal
from mmc_tf.models.heads import MMCLogits

BALL = {"epsilon": 0.15, "num_steps": 5}


def by_pairs(clean, adversarial):
    """The definition: the share of pairs in which the adversarial image scores above the clean one."""
    pairs = list(itertools.product(clean, adversarial))
    return sum(1.0 * (a > c) + 0.5 * (a == c) for c, a in pairs) / len(pairs)


@pytest.mark.parametrize(
    ("clean", "adversarial", "auc"),
    [
        ([0, 1], [2, 3], 1.0),
        ([2, 3], [0, 1], 0.0),
        ([1, 1], [1], 0.5),
        ([1, 2], [2, 3], 0.875),
        ([1, 2, 3], [2], 0.5),
        # What overflowed is as suspicious as can be.
        ([1, 5], [np.nan, np.inf], 1.0),
        ([], [1], None),
        ([1], [], None),
    ],
)
def test_the_auc_of_a_few_scores(clean, adversarial, auc):
    assert detection_auc(np.array(clean), np.array(adversarial)) == auc


def test_the_auc_of_many_scores_is_that_of_all_pairs_and_sklearns():
    rng = np.random.default_rng(0)
    clean, adversarial = rng.integers(0, 9, 60), rng.integers(3, 12, 80)
    auc = detection_auc(clean, adversarial)
    assert auc == pytest.approx(by_pairs(clean, adversarial), abs=1e-12)
    labels = np.repeat([0, 1], [60, 80])
    assert auc == pytest.approx(roc_auc_score(labels, np.concatenate([clean, adversarial])), abs=1e-12)


def test_the_auc_of_two_bells_is_the_closed_form():
    quantiles = norm.ppf((np.arange(2000) + 0.5) / 2000)
    # P(a > c) of two normal variables of variance 1 whose means are 1.5 apart.
    assert detection_auc(quantiles, 1.5 + quantiles) == pytest.approx(norm.cdf(1.5 / np.sqrt(2)), abs=1e-4)


def test_scores_are_softmaxs_confidence_and_the_margin():
    logits = np.random.default_rng(1).normal(size=(50, 7))
    scores = suspicion(logits, half_distances=np.arange(50.0))
    top = np.sort(logits, axis=1)
    np.testing.assert_allclose(scores[:, 0], np.arange(50.0))
    np.testing.assert_allclose(scores[:, 1], -log_softmax(logits, axis=1).max(axis=1), rtol=1e-12)
    np.testing.assert_allclose(scores[:, 2], top[:, -2] - top[:, -1], rtol=1e-12)
    # One number in all logits of a row changes nothing.
    np.testing.assert_allclose(suspicion(logits - 9.0)[:, 1:], scores[:, 1:], rtol=1e-9)
    assert np.isnan(suspicion(logits)[:, 0]).all()


def test_confidence_ranks_where_softmax_is_one():
    logits = np.array([[200.0, 0.0, 0.0], [150.0, 0.0, 0.0]])
    first, second = suspicion(logits)[:, 1]
    assert first == pytest.approx(2 * np.exp(-200.0), rel=1e-12)
    assert second == pytest.approx(2 * np.exp(-150.0), rel=1e-12)


@pytest.fixture(scope="module")
def mmc():
    """Features are the pixels; three centers of norm 2 in the plane."""
    inputs = keras.Input((1, 2, 1))
    return keras.Model(inputs, MMCLogits(3, scale=2.0)(keras.layers.Flatten()(inputs)))


def test_the_mmc_loss_is_half_the_squared_distance_to_the_predicted_center(mmc):
    images = np.random.default_rng(2).random((33, 1, 2, 1)).astype(np.float32)
    centers = 2.0 * np.array([[1, 0], [-0.5, np.sqrt(0.75)], [-0.5, -np.sqrt(0.75)]])
    squared = ((images.reshape(-1, 1, 2) - centers) ** 2).sum(axis=-1)
    scores = score_images(mmc, images, batch_size=10)
    np.testing.assert_allclose(scores[:, 0], 0.5 * squared.min(axis=1), rtol=1e-5)
    nearest = np.sort(squared, axis=1)
    np.testing.assert_allclose(scores[:, 2], nearest[:, 0] - nearest[:, 1], rtol=1e-4, atol=1e-5)


def test_a_record_counts_the_images_of_both_sides():
    #                 broken, withstood, left alone because it is misclassified when clean, broken
    attacked = np.array([True, True, False, True])
    misclassified = np.array([True, False, True, True])
    clean = np.stack([np.full(4, np.nan), [1.0, 2.0, 9.0, 3.0], [1.0, 1.0, 1.0, 1.0]], axis=1)
    adversarial = np.stack([np.full(4, np.nan), [4.0, 0.0, np.nan, 2.5], [0.0, 0.0, np.nan, 2.0]], axis=1)
    found = describe_detection(clean, adversarial, attacked=attacked, misclassified=misclassified)
    assert {name: found[name] for name in ("clean", "fooling", "attacked")} == {
        "clean": 3,
        "fooling": 2,
        "attacked": 3,
    }
    assert found["scores"] == {
        "confidence": {"auc": 5 / 6, "auc_all": pytest.approx(5 / 9)},
        "margin": {"auc": 0.5, "auc_all": pytest.approx(1 / 3)},
    }


@pytest.fixture(scope="module")
def run(rowwise, digits):
    """Evaluates with scores into a folder: everything, or a shard."""
    stages = (PGD(**BALL), PGD(**BALL, objective="margin"))
    attacks = [("pgd", PGD(**BALL)), ("worst", Worst(epsilon=BALL["epsilon"], members=stages))]

    def run(path, shard=None, **changed):
        settings = {"seed": 5, "batch_size": 16, "shard": shard, "detection": True} | changed
        return evaluate(rowwise, digits.test, attacks, output_dir=path, **settings)

    return run


@pytest.fixture(scope="module")
def whole(run, tmp_path_factory):
    path = tmp_path_factory.mktemp("scored") / "o"
    return path, run(path)


def test_records_are_what_the_scores_per_example_say(whole, rowwise, digits):
    path, results = whole
    with np.load(path / "examples.npz") as file:
        arrays = dict(file)
    assert arrays["score_names"].tolist() == list(SCORES)
    np.testing.assert_allclose(arrays["clean_scores"], score_images(rowwise, digits.test.as_float()))
    for number, record in enumerate(results["attacks"]):
        attacked, wrong = arrays["attacked"][number], arrays["misclassified"][number]
        scores, found = arrays["scores"][number], record["detection"]
        assert np.isnan(scores[~attacked]).all()
        assert set(found["scores"]) == {"confidence", "margin"}  # a network without centers
        for column, name in enumerate(SCORES[1:], 1):
            clean = arrays["clean_scores"][attacked, column]
            assert found["scores"][name] == {
                "auc": pytest.approx(by_pairs(clean, scores[attacked & wrong, column])),
                "auc_all": pytest.approx(by_pairs(clean, scores[attacked, column])),
            }
    assert 0 < results["attacks"][0]["detection"]["fooling"] < results["attacks"][0]["detection"]["attacked"]


def test_shards_merged_say_the_same(run, whole, tmp_path):
    shards = [tmp_path / f"s_shard-{number}-of-2" for number in range(2)]
    for number, path in enumerate(shards):
        run(path, Shard(number, 2))
    merged = merge(shards, output_dir=tmp_path / "merged")
    assert [each["detection"] for each in merged["attacks"]] == [
        each["detection"] for each in whole[1]["attacks"]
    ]


class Stopping(NoProgress):
    """Kills the evaluation after so many batches."""

    def __init__(self, batches):
        self.left = batches

    def advance(self, count):
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt


def test_a_killed_evaluation_goes_on_to_the_same_scores(run, whole, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "o", progress=Stopping(12))
    with pytest.raises(UserError, match="detection: True there, None here"):
        run(tmp_path / "o", resume=True, detection=False)
    resumed = run(tmp_path / "o", resume=True)
    assert [each["detection"] for each in resumed["attacks"]] == [
        each["detection"] for each in whole[1]["attacks"]
    ]


def test_without_detection_nothing_is_kept(run, tmp_path):
    results = run(tmp_path / "o", detection=False)
    assert "detection" not in results["attacks"][0]
    assert make_detection_table(results) is None
    assert "Detection" not in format_terminal(results) + format_markdown(results)
    with np.load(tmp_path / "o" / "examples.npz") as file:
        assert not {"scores", "clean_scores"} & set(file.files)
    assert "detection" not in json.loads((tmp_path / "o" / "plan.json").read_text())


def test_tables_show_both_figures(whole):
    _, results = whole
    header, rows = make_detection_table(results)
    assert header == ["attack", "clean", "fooling", "attacked", "confidence", "margin"]
    found = results["attacks"][0]["detection"]
    margin = found["scores"]["margin"]
    counts = [str(found[name]) for name in ("clean", "fooling", "attacked")]
    assert rows[0][:4] == ["pgd", *counts]
    assert rows[0][-1] == f"{margin['auc']:.3f} ({margin['auc_all']:.3f})"
    assert rows[0][-1] in format_terminal(results)
    assert f"| {rows[0][-1]} |" in format_markdown(results)
