"""Files that are no weight files of Keras 2: one line says what they are instead."""

import h5py
import numpy as np
import pytest
from weight_files import dense, network, write

from mmc_tf.checks import UserError
from mmc_tf.compat.weight_file import read_weights

LAYERS = network(end=[dense(1, 64, 10)])


def refusal(path):
    with pytest.raises(UserError) as caught:
        read_weights(path)
    message = str(caught.value)
    assert "\n" not in message
    start = "Invalid value for argument `released_weights`. Expected a weight file of Keras 2 (HDF5, as its "
    assert message.startswith(start)
    return message.partition("Received: released_weights=")[2].removeprefix(str(path)).removeprefix(", ")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "an empty file"),
        (b"<!DOCTYPE html>\n<html><body>Sign in</body>", "an HTML page: the download brought a page instead"),
        (b"\n  <html lang=en>", "an HTML page"),
        (b"PK\x03\x04rest", "a zip file (unpack it; a .keras file goes to --checkpoint)"),
        (b"\x1f\x8b\x08", "a gzip file (unpack it)"),
        (b"version https://git-lfs.github.com/spec/v1", "a Git LFS pointer to the file"),
        (b"\x80\x04\x95", "a pickle"),
        (b"MATLAB 5.0 MAT-file", "which begins with b'MATLAB 5'"),
    ],
)
def test_other_files(tmp_path, content, said):
    path = tmp_path / "model.200.h5"
    path.write_bytes(content)
    assert refusal(path).startswith(said)


def test_no_file_and_a_folder(tmp_path):
    assert refusal(tmp_path / "nowhere.h5") == "which does not exist"
    assert refusal(tmp_path) == "a folder"


def test_a_file_cut_anywhere_is_truncated_or_damaged(tmp_path):
    path = write(tmp_path / "model.h5", LAYERS)
    whole = path.read_bytes()
    for size in (9, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        said = refusal(path)
        assert said.startswith(("a truncated file of ", "a damaged file of ")), said
        assert f"file of {size} bytes (" in said
    assert "truncated" in said


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9])
def test_a_download_that_left_zeros_behind_is_refused(tmp_path, share):
    path = write(tmp_path / "model.h5", LAYERS)
    whole = path.read_bytes()
    kept = int(share * len(whole))
    path.write_bytes(whole[:kept] + bytes(len(whole) - kept))
    assert refusal(path).startswith(("a damaged file of ", "without the group input_1"))


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ({"layer_names": None}, "HDF5 without the attribute layer_names"),
        (
            {"layer_names": np.array([b"conv2d_1", b"gone"])},
            "without the group gone, which its layer_names list",
        ),
        ({"backend": b"theano"}, "written under the backend theano, whose kernels are mirrored"),
        ({"keras_version": b"1.2.2"}, "written by Keras 1.2.2"),
        ({"fill": np.nan}, "whose conv2d_1/kernel:0 holds what is no finite number"),
    ],
)
def test_what_attributes_and_numbers_tell(tmp_path, attributes, said):
    assert refusal(write(tmp_path / "model.h5", LAYERS, **attributes)) == said


def test_a_group_without_its_attribute_or_its_weight(tmp_path):
    path = write(tmp_path / "model.h5", LAYERS)
    with h5py.File(path, "r+") as file:
        del file["conv2d_3/conv2d_3/bias:0"]
    said = "whose group conv2d_3 is without conv2d_3/bias:0, which its weight_names list"
    assert refusal(path) == said
    with h5py.File(path, "r+") as file:
        del file["conv2d_2"].attrs["weight_names"]
    assert refusal(path) == "whose group conv2d_2 has no attribute weight_names"


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_weight_file_of_keras_3(tmp_path):
    import keras

    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.save_weights(tmp_path / "new.weights.h5")
    assert (
        refusal(tmp_path / "new.weights.h5") == "HDF5 without the attribute layer_names, as Keras 3 writes it"
    )


def test_names_are_bytes_or_text_and_in_several_attributes_where_they_are_many(tmp_path):
    names = [name for name, _ in LAYERS]
    parts = {"layer_names0": names[:7], "layer_names1": names[7:]}
    several = {key: np.array([name.encode() for name in part]) for key, part in parts.items()}
    read = read_weights(write(tmp_path / "a.h5", LAYERS, layer_names=None, **several))
    assert [layer.name for layer in read.layers] == names
    read = read_weights(write(tmp_path / "b.h5", LAYERS, layer_names=names, keras_version=None, backend=None))
    assert [layer.name for layer in read.layers] == names
    assert read.keras_version is None
    assert set(read.layers[1].weights) == {"kernel", "bias"}
