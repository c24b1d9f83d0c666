import time

import numpy as np
import pytest
import tensorflow as tf

from mmc_tf import data
from mmc_tf.checks import UserError
from mmc_tf.data import Augmentation, Split, evaluation_batches, steps_per_epoch, training_batches

RNG = np.random.default_rng(0)
SPLIT = Split(RNG.integers(0, 256, (23, 8, 8, 3), dtype=np.uint8), RNG.integers(0, 10, 23))
FLOATS = Split(RNG.random((23, 8, 8, 1), np.float32), RNG.integers(0, 10, 23))
AUGMENT = Augmentation(flip=True, shift=0.2)


def batches(split=SPLIT, **changes):
    settings = {"batch_size": 4, "seed": 7, "num_steps": 12, "augmentation": AUGMENT} | changes
    return [{k: v.numpy() for k, v in b.items()} for b in training_batches(split, **settings)]


def assert_same(first, second):
    assert len(first) == len(second)
    for one, other in zip(first, second, strict=True):
        assert one.keys() == other.keys()
        for key in one:
            np.testing.assert_array_equal(one[key], other[key])


def test_an_element_is_what_it_says():
    spec = training_batches(SPLIT, batch_size=4, seed=0, num_steps=1, augmentation=AUGMENT).element_spec
    assert spec == {
        "images": tf.TensorSpec((4, 8, 8, 3), tf.float32),
        "labels": tf.TensorSpec((4,), tf.int32),
        "indices": tf.TensorSpec((4,), tf.int64),
    }


@pytest.mark.parametrize("split", [SPLIT, FLOATS], ids=["uint8", "float32"])
def test_without_augmentation_the_images_are_the_splits_bit_for_bit(split):
    for batch in batches(split, augmentation=None):
        np.testing.assert_array_equal(batch["images"], split.as_float()[batch["indices"]])
        np.testing.assert_array_equal(batch["labels"], split.labels[batch["indices"]])
        assert batch["images"].min() >= 0
        assert batch["images"].max() <= 1


def test_every_value_of_a_pixel_is_divided_exactly():
    """255 levels, against NumPy: a multiplication by the reciprocal would differ in the last bit."""
    images = np.arange(256, dtype=np.uint8).reshape(4, 8, 8, 1)
    for batch in evaluation_batches(Split(images, np.zeros(4, int)), batch_size=4):
        expected = (np.arange(256) / 255).astype(np.float32)
        np.testing.assert_array_equal(batch["images"].numpy().ravel(), expected)


def test_an_epoch_is_a_permutation_less_the_remainder():
    """23 examples in batches of 4: 5 steps, and 3 examples left out, others in each epoch."""
    assert steps_per_epoch(23, 4) == 5
    seen = np.concatenate([b["indices"] for b in batches(num_steps=15)]).reshape(3, 20)
    for epoch in seen:
        assert len(set(epoch)) == 20
        assert set(epoch) <= set(range(23))
    left_out = [frozenset(range(23)) - set(epoch) for epoch in seen]
    assert len(set(left_out)) == 3
    assert not np.array_equal(seen[0], seen[1])


def test_the_shuffle_is_fair():
    """Over 2,000 epochs each example comes first equally often: chi-squared with 22 degrees of freedom."""
    split = Split(np.zeros((23, 1, 1, 1), np.uint8), np.zeros(23, int))
    steps = training_batches(split, batch_size=23, seed=1, num_steps=2000)
    orders = np.stack([batch["indices"].numpy() for batch in steps])
    for position in (0, 11, 22):
        counts = np.bincount(orders[:, position], minlength=23)
        expected = 2000 / 23
        # 48.3 is the 99.9 % quantile.
        assert ((counts - expected) ** 2 / expected).sum() < 48.3


@pytest.mark.parametrize("start", [1, 4, 5, 6, 10, 11])
@pytest.mark.parametrize("augmentation", [None, AUGMENT], ids=["plain", "augmented"])
def test_resuming_at_any_step_gives_the_same_batches(start, augmentation):
    whole = batches(augmentation=augmentation)
    assert_same(batches(augmentation=augmentation, start_step=start, num_steps=12 - start), whole[start:])


def test_each_seed_has_its_own_batches():
    first, second = batches(seed=1), batches(seed=2)
    assert_same(first, batches(seed=1))
    assert not np.array_equal(first[0]["indices"], second[0]["indices"])


def test_the_augmentation_of_an_example_does_not_depend_on_its_batch():
    """The same epoch in batches of 4 and of 5 changes each example alike."""
    fours, fives = batches(num_steps=5), batches(batch_size=5, num_steps=4)
    images = {int(i): image for b in fours for i, image in zip(b["indices"], b["images"], strict=True)}
    compared = 0
    for batch in fives:
        for index, image in zip(batch["indices"], batch["images"], strict=True):
            np.testing.assert_array_equal(image, images[int(index)])
            compared += 1
    assert compared == 20


def test_the_augmentation_differs_between_epochs_and_examples():
    split = Split(np.repeat(SPLIT.images[:1], 4, axis=0), np.zeros(4, int))
    first, second = batches(split, num_steps=2)
    images = [image.tobytes() for batch in (first, second) for image in batch["images"]]
    assert len(set(images)) == 8


def test_an_augmentation_that_does_nothing_is_none():
    assert_same(batches(augmentation=Augmentation()), batches(augmentation=None))


def test_no_steps():
    assert batches(num_steps=0) == []


@pytest.mark.parametrize("count", [1, 4])
def test_slices_of_all_workers_are_the_global_batch(count):
    slices = [batches(replica_slice=(count, index)) for index in range(count)]
    whole = [
        {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
        for parts in zip(*slices, strict=True)
    ]
    assert_same(whole, batches())


def test_two_devices_get_the_batch_of_one_between_them():
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    steps = training_batches(SPLIT, batch_size=4, seed=7, num_steps=12, augmentation=AUGMENT)
    gathered = []
    for batch in strategy.experimental_distribute_dataset(steps):
        parts = {key: strategy.experimental_local_results(value) for key, value in batch.items()}
        assert [len(part) for part in parts["labels"]] == [2, 2]
        gathered.append(
            {key: np.concatenate([part.numpy() for part in value]) for key, value in parts.items()}
        )
    assert_same(gathered, batches())


def test_the_images_are_no_constant_of_the_graph():
    """A megabyte of images, and a dataset whose serialised function is small."""
    split = Split(np.zeros((1000, 32, 32, 1), np.uint8), np.zeros(1000, int))

    @tf.function
    def first_sum():
        steps = training_batches(split, batch_size=10, seed=0, num_steps=1)
        return steps.reduce(0.0, lambda total, batch: total + tf.reduce_sum(batch["images"]))

    assert first_sum.get_concrete_function().graph.as_graph_def().ByteSize() < 200_000


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch_size": 0}, r"`batch_size`\. Expected an integer >= 1"),
        ({"batch_size": 24}, r"`batch_size`\. Expected at most 23, the number of training images"),
        ({"seed": -1}, r"`seed`\. Expected an integer >= 0"),
        ({"start_step": -1}, r"`start_step`"),
        ({"num_steps": -1}, r"`num_steps`"),
        ({"replica_slice": (3, 0)}, r"`batch_size`\. Expected a multiple of the 3 workers"),
        ({"replica_slice": (2, 2)}, r"`replica_slice`\. Expected \(count, index\) with 0 <= index < 2"),
    ],
)
def test_bad_settings(changes, message):
    with pytest.raises(UserError, match=message):
        batches(**changes)


@pytest.mark.parametrize("batch_size", [1, 5, 23, 24, 40])
def test_evaluation_has_every_example_once_in_order(batch_size):
    found = [{k: v.numpy() for k, v in b.items()} for b in evaluation_batches(SPLIT, batch_size=batch_size)]
    assert {len(batch["images"]) for batch in found} == {batch_size}
    assert len(found) == -(-23 // batch_size)
    valid = np.concatenate([batch["valid"] for batch in found])
    joined = {key: np.concatenate([batch[key] for batch in found]) for key in found[0]}
    np.testing.assert_array_equal(joined["indices"][valid], np.arange(23))
    np.testing.assert_array_equal(joined["images"][valid], SPLIT.as_float())
    np.testing.assert_array_equal(joined["labels"][valid], SPLIT.labels)
    # Padding repeats example 0, at the end.
    assert valid.sum() == 23
    assert valid[:23].all()
    assert (joined["indices"][~valid] == 0).all()
    np.testing.assert_array_equal(joined["images"][~valid], SPLIT.as_float()[np.zeros((~valid).sum(), int)])


def test_evaluation_checks_the_batch_size():
    with pytest.raises(UserError, match=r"`batch_size`\. Expected an integer >= 1"):
        evaluation_batches(SPLIT, batch_size=0)


@pytest.mark.slow
def test_the_pipeline_makes_5000_cifar_images_a_second_of_one_core():
    """Batch 50, flip and shift. Processor time, because the clock measures who else uses the machine."""
    split = Split(RNG.integers(0, 256, (50_000, 32, 32, 3), dtype=np.uint8), np.zeros(50_000, int))
    augment = Augmentation(flip=True, shift=0.1)
    steps = iter(training_batches(split, batch_size=50, seed=0, num_steps=1001, augmentation=augment))
    next(steps)
    start = time.process_time()
    assert sum(len(batch["labels"]) for batch in steps) / (time.process_time() - start) > 5000


def test_real_mnist_batches(data_dir):
    mnist = data.load("mnist", data_dir=data_dir)
    batch = next(iter(training_batches(mnist.train, batch_size=50, seed=0, num_steps=1)))
    np.testing.assert_array_equal(batch["images"], mnist.train.as_float()[batch["indices"].numpy()])
    total = sum(int(np.sum(b["valid"])) for b in evaluation_batches(mnist.test, batch_size=999))
    assert total == 10_000
