"""What every test shares: a quiet TensorFlow with two logical CPU devices, and real images."""

import io
import os
from pathlib import Path

# Before TensorFlow is imported by anybody: it reads these once.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# Numbers asserted here are a CPU's; CUDA_VISIBLE_DEVICES=0 in the environment brings a GPU back.
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import keras
import numpy as np
import pytest
import tensorflow as tf

# Devices can't be split once TensorFlow runs, so the tests of distribution need it done for all tests.
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * 2
)

REPOSITORY = Path(__file__).resolve().parents[1]
CIFAR_TRAIN, CIFAR_TEST = 1000, 500


@pytest.fixture(autouse=True)
def _same_random_state_for_every_test():
    """A test's numbers must not depend on which tests ran before it."""
    keras.utils.set_random_seed(0)


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


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of real images: $MMC_DATA_DIR, or shared/data beside the repository."""
    folder = Path(os.environ.get("MMC_DATA_DIR") or REPOSITORY.parent / "shared" / "data")
    if not (folder / "mnist").is_dir():
        pytest.skip(f"needs real images: no mnist/ in {folder} (set MMC_DATA_DIR)")
    return folder


@pytest.fixture(scope="session")
def cifar_dir(data_dir, tmp_path_factory) -> Path:
    """A folder that holds a small `cifar-10-batches-bin` of real images: the first 1,000 and 500."""
    packed = data_dir / "cifar10_jpeg.npz"
    if not packed.is_file():
        pytest.skip(f"needs real images: no {packed.name} in {data_dir}")
    image_module = pytest.importorskip("PIL.Image", reason="needs Pillow to decode cifar10_jpeg.npz")

    def records(part, count):
        jpeg, offsets, labels = (arrays[f"{part}_{key}"] for key in ("jpeg", "offsets", "labels"))
        decoded = np.empty((count, 3073), np.uint8)
        for i in range(count):
            image = image_module.open(io.BytesIO(jpeg[offsets[i] : offsets[i + 1]].tobytes()))
            decoded[i] = np.append(np.uint8(labels[i]), np.asarray(image, np.uint8).transpose(2, 0, 1))
        return decoded

    root = tmp_path_factory.mktemp("cifar")
    folder = root / "cifar-10-batches-bin"
    folder.mkdir()
    with np.load(packed, allow_pickle=False) as arrays:
        for number, batch in enumerate(np.array_split(records("train", CIFAR_TRAIN), 5), start=1):
            batch.tofile(folder / f"data_batch_{number}.bin")
        records("test", CIFAR_TEST).tofile(folder / "test_batch.bin")
    return root
