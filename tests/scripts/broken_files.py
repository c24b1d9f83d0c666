"""A folder of damaged images, runs and models, as the mistakes expect it."""

import gzip
import json
import struct
import zipfile

import numpy as np
from weight_files import LAMBDA, dense, network, write


def idx(array, magic=8):
    return struct.pack(f">HBB{array.ndim}I", 0, magic, array.ndim, *array.shape) + array.tobytes()


def write_data(root):
    """Folders of damaged files."""
    files = {
        f"{part}-{stem}-ubyte": idx(np.zeros(shape, np.uint8))
        for part in ("train", "t10k")
        for stem, shape in (("images-idx3", (20, 28, 28)), ("labels-idx1", (20,)))
    }
    images = "train-images-idx3-ubyte"
    packed = gzip.compress(bytes(np.random.default_rng(0).integers(0, 256, 20 * 784 + 16, np.uint8)))
    damage = {
        "some": {"t10k-labels-idx1-ubyte": None},
        "truncated": {images: files[images][:-100]},
        "cut": {images: None, f"{images}.gz": gzip.compress(files[images])[:-12]},
        "corrupt": {images: None, f"{images}.gz": packed[:500] + b"\xff" * 100 + packed[600:]},
        "magic": {images: files["train-labels-idx1-ubyte"]},
    }
    for name, changes in damage.items():
        (root / name / "mnist").mkdir(parents=True)
        for file, content in (files | changes).items():
            if content is not None:
                (root / name / "mnist" / file).write_bytes(content)
    (root / "cifar" / "cifar-10-batches-bin").mkdir(parents=True)
    for file in [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]:
        (root / "cifar" / "cifar-10-batches-bin" / f"{file}.bin").write_bytes(bytes(3073 * 2 - 10))
    (root / "empty").mkdir()


def write_model(path, image_shape=(8, 8, 1)):
    """As much of a `.keras` file as can be read without Keras."""
    layers = [{"class_name": "InputLayer", "config": {"batch_shape": [None, *image_shape]}}]
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(
            "config.json", json.dumps({"class_name": "Functional", "config": {"layers": layers}})
        )
        archive.writestr("model.weights.h5", b"\0" * 1000)


def write_runs(root):
    """Runs that are finished, damaged, or none at all, and weight files of the original."""
    for name, loss in (("done", "MMC"), ("sce", "SCE"), ("cut", "MMC"), ("damaged", "MMC")):
        folder = root / "runs" / name
        folder.mkdir(parents=True)
        flags = {"dataset": "digits", "model": "lenet5", "loss": loss, "data_dir": None}
        config = {"flags": flags, "dataset": {"name": "digits"}}
        (folder / "config.json").write_text(json.dumps(config))
        if name != "damaged":
            write_model(folder / "final.keras")
    model = root / "runs" / "cut" / "final.keras"
    model.write_bytes(model.read_bytes()[:-50])
    (root / "runs" / "damaged" / "checkpoints").mkdir()
    (root / "runs" / "damaged" / "checkpoints" / "step-00000007.npz").write_bytes(b"PK\x03\x04 half a file")
    (root / "runs" / "precious").mkdir()
    (root / "runs" / "precious" / "thesis.tex").write_text("irreplaceable")
    (root / "runs" / "a_file").write_text("")
    write_model(root / "small.keras")
    write_model(root / "large.keras", (28, 28, 1))
    (root / "text.keras").write_text("not a model")
    with zipfile.ZipFile(root / "other.keras", "w") as archive:
        archive.writestr("model.weights.h5", "")
    weights = write(root / "weights.h5", network(end=[LAMBDA])).read_bytes()
    (root / "cut.h5").write_bytes(weights[:-100])
    (root / "page.h5").write_text("<!DOCTYPE html><title>Sign in</title>")
    write(root / "softmax.h5", network(end=[dense(1, 64, 100)]))
    write(root / "other.h5", network(end=[LAMBDA])[:-4])
    write(root / "nothing.h5", [], layer_names=None)
    write(root / "colour.h5", network(channels=4, end=[LAMBDA]))
