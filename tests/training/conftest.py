"""What the tests of training share."""

import pytest
import tensorflow as tf


@pytest.fixture(scope="session")
def mirrored():
    """One strategy on two logical devices for all tests.

    A second one in the same process would number its collective operations from the start again, and TensorFlow
    refuses an old number with a new shape.
    """
    devices = tf.config.list_logical_devices("CPU")
    if len(devices) < 2:
        pytest.skip("TensorFlow was initialized with one logical CPU device")
    return tf.distribute.MirroredStrategy([device.name for device in devices[:2]])
