import numpy as np
import pytest

from mmc_tf.attacks import PGD
from mmc_tf.evaluation import evaluate
from mmc_tf.evaluation.examples import Shard
from mmc_tf.evaluation.features import centers_of
from mmc_tf.evaluation.merged_pictures import merge_features
from mmc_tf.evaluation.progress import NoProgress
from mmc_tf.evaluation.samples import COUNT, Samples, choose, merge_samples, trace
from mmc_tf.models.heads import DenseLogits, LGMLogits, MMCLogits

EPSILONS = (0.05, 0.2)
ATTACKS = tuple((f"pgd {epsilon}", PGD(epsilon=epsilon, num_steps=4)) for epsilon in EPSILONS)


def test_the_first_correct_examples_of_many_classes_are_chosen():
    labels = np.array([2, 2, 0, 1, 0, 1, 2])
    correct = np.array([True, True, False, True, True, True, True])
    whole = np.arange(7)
    assert choose(whole, labels, correct, num_classes=3, count=3).tolist() == [0, 3, 4]  # one of each class
    assert choose(whole, labels, correct, num_classes=3, count=5).tolist() == [0, 1, 3, 4, 5]  # two of each
    assert choose(whole, labels, np.zeros(7, bool), num_classes=3).tolist() == []


def test_the_choice_depends_on_the_index_not_on_the_order():
    generator = np.random.default_rng(0)
    labels, correct = generator.integers(4, size=50), generator.random(50) < 0.5
    order = generator.permutation(50)
    straight = choose(np.arange(50), labels, correct, num_classes=4)
    shuffled = choose(order, labels[order], correct[order], num_classes=4)
    assert order[shuffled].tolist() == straight.tolist()


@pytest.mark.parametrize("num_classes", [2, 3, 8, 30])
@pytest.mark.parametrize("cut_by", ["blocks", "turns"])
def test_parts_of_a_split_choose_what_the_whole_takes_from_them(num_classes, cut_by):
    generator = np.random.default_rng(num_classes)
    labels, correct = generator.integers(num_classes, size=200), generator.random(200) < 0.3
    everybody = np.arange(200)
    whole = choose(everybody, labels, correct, num_classes=num_classes)
    parts = (
        np.array_split(everybody, 3) if cut_by == "blocks" else [everybody[start::3] for start in range(3)]
    )
    kept = [
        {"indices": part[choose(part, labels[part], correct[part], num_classes=num_classes)]}
        for part in parts
    ]
    assert len(whole) == COUNT
    found = trace(kept, whole)
    assert [kept[part]["indices"][place] for part, place in found] == whole.tolist()


def test_a_later_stage_replaces_the_images_of_an_earlier_one():
    clean = np.zeros((2, 1, 1, 1), np.float32)
    samples = Samples(np.array([7, 3]), np.array([17, 13]), clean)
    samples.begin_attack()
    batch = np.arange(4, dtype=np.float32).reshape(4, 1, 1, 1) / 4
    samples.enter(samples.cut(np.array([7, 1, 3, 5]), batch + 0.125))
    samples.enter(samples.cut(np.array([2, 3]), batch[1:3]))
    samples.begin_attack()
    samples.enter({"positions": np.array([3])})  # of an evaluation begun before images were kept
    arrays = samples.arrays()
    assert arrays["adversarial"].ravel().tolist() == [0.125, 0.5, 0, 0]
    assert arrays["indices"].tolist() == [17, 13]
    assert not clean.any()


class Stop(NoProgress):
    def __init__(self, after):
        self.left = after

    def advance(self, count):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


def load(folder, name):
    with np.load(folder / name) as file:
        return dict(file)


@pytest.fixture(scope="module")
def evaluated(linear, digits, tmp_path_factory):
    folder = tmp_path_factory.mktemp("samples") / "out"
    evaluate(linear, digits.test, ATTACKS, output_dir=folder, batch_size=16)
    return folder


def test_samples_are_what_the_attack_made(evaluated, linear, digits):
    samples, examples = load(evaluated, "samples.npz"), load(evaluated, "examples.npz")
    indices = samples["indices"]
    assert len(indices) == COUNT == len(set(digits.test.labels[indices]))
    np.testing.assert_array_equal(samples["clean"], digits.test.as_float()[indices])
    for number, epsilon in enumerate(EPSILONS):
        adversarial = samples["adversarial"][number]
        distance = np.abs(adversarial - samples["clean"]).max(axis=(1, 2, 3))
        np.testing.assert_allclose(distance, examples["distance"][number, indices], atol=1e-6)
        assert 0 < distance.max() <= epsilon + 1e-6
        wrong = linear(adversarial).numpy().argmax(axis=-1) != digits.test.labels[indices]
        np.testing.assert_array_equal(wrong, examples["misclassified"][number, indices])


@pytest.mark.parametrize("after", [7, 11, 20])
def test_samples_survive_a_kill_and_another_batch_size(evaluated, linear, digits, tmp_path, after):
    arguments = {"output_dir": tmp_path / "o"}
    with pytest.raises(KeyboardInterrupt):
        evaluate(linear, digits.test, ATTACKS, batch_size=16, progress=Stop(after), **arguments)
    evaluate(linear, digits.test, ATTACKS, batch_size=50, resume=True, **arguments)
    expected, found = (load(folder, "samples.npz") for folder in (evaluated, tmp_path / "o"))
    assert expected.keys() == found.keys()
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, atol=1e-6, err_msg=name)


def test_features_are_those_the_head_reads(evaluated, linear, digits):
    features = load(evaluated, "features.npz")
    samples = load(evaluated, "samples.npz")
    assert set(features) == {
        "indices",
        "labels",
        "features",
        "adversarial_features",
    }  # no centers in this head
    flat = digits.test.as_float().reshape(120, -1)
    np.testing.assert_allclose(features["features"], flat, atol=1e-6)
    np.testing.assert_array_equal(features["labels"], digits.test.labels)
    adversarial = samples["adversarial"].reshape(len(ATTACKS), COUNT, -1)
    np.testing.assert_allclose(features["adversarial_features"], adversarial, atol=1e-6)


def test_shards_together_have_the_arrays_of_the_whole(evaluated, linear, digits, tmp_path):
    folders = [tmp_path / str(number) for number in range(3)]
    for number, folder in enumerate(folders):
        evaluate(linear, digits.test, ATTACKS, output_dir=folder, batch_size=16, shard=Shard(number, 3))
    samples, features = (
        [load(folder, name) for folder in folders] for name in ("samples.npz", "features.npz")
    )
    expected = load(evaluated, "samples.npz")
    found = trace(samples, expected["indices"])
    for whole, merged in (
        (expected, merge_samples(samples, found)),
        (load(evaluated, "features.npz"), merge_features(features, found)),
    ):
        assert whole.keys() == merged.keys()
        for name, values in whole.items():
            np.testing.assert_allclose(merged[name], values, atol=1e-6, err_msg=name)


def test_a_model_without_a_head_of_ours_has_no_features(tmp_path, kit):
    split = kit.split_of_logits(np.zeros(4, int), np.zeros(4))
    evaluate(kit.read_logits, split, [("u", kit.ScriptedAttack(np.ones(4, int)))], output_dir=tmp_path / "o")
    assert not (tmp_path / "o" / "features.npz").exists()
    assert load(tmp_path / "o", "samples.npz")["adversarial"].shape == (1, 3, 1, 1, 3)


def test_every_head_gives_its_own_centers():
    features = np.ones((1, 4), np.float32)
    for head, name in ((MMCLogits(3), "centers"), (LGMLogits(3), "means")):
        head(features)
        np.testing.assert_array_equal(centers_of(head), getattr(head, name))
    dense = DenseLogits(3)
    dense(features)
    assert centers_of(dense) is None
